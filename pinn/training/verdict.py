"""The verdict on a training: converged, doubtful or not converged, with reasons and a remedy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Root-mean-square residual relative to the terms of its equation. The field solves a neighbouring
# equation that differs by that share, and errors are that share times the conditioning of the
# problem. To a thousandth a conditioning of ten still leaves two digits; beyond five per cent the
# equation is not the one that was stated.
CONVERGED, FAILED = 1e-3, 0.05
# The same where equations are fitted together with noise, to which they are held only loosely.
NOISY_CONVERGED, NOISY_FAILED = 0.05, 0.25
# Root-mean-square misfit of samples in units of their noise, which is 1 for the truth: half as
# much again is not chance with a hundred samples, and three times is another function.
EXPLAINED, MISFIT = 1.5, 3.0
# A mean square that halves twice in the last fifth of the steps has not come to rest.
FALLING = 4.0
# Mean squares on unseen points over those on trained ones: three times the residual.
OVERFITTED = 9.0
# With one failed step of four the optimiser is no longer going anywhere by itself.
STUCK = 0.25


class Outcome(str, Enum):
    """Outcome of a training."""

    CONVERGED = "converged"
    DOUBTFUL = "doubtful"
    NOT_CONVERGED = "not converged"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Evidence:
    """Numbers that a verdict rests on, all free of units.

    Attributes:
        residuals: root-mean-square residual of each equation over that of the sum of the sizes of
            its terms, on points never trained on.
        conditions: root-mean-square misfit of each soft condition and of exact data, relative to
            its size.
        noisy: root-mean-square misfit of samples in units of their noise.
        overfit: mean square on unseen points over that on the points of the last step.
        fall: factor by which the mean square fell over the last fifth of the steps.
        failed: share of steps that moved nothing.
        restarts: how often the optimiser started its damping anew.
        note: why the last step failed, in the optimiser's words.
        unsettled: what of the training had not come to its end, in words; empty if nothing.
        offer: a setting made for problems of this kind and not used, as an imperative sentence.
        remedy: what to do where more training is of no use, as a sentence; empty if it may be.
        jumps: jumps of what is given, which no network follows, with their remedies, in words.
    """

    residuals: Mapping[str, float]
    conditions: Mapping[str, float] = field(default_factory=dict)
    noisy: Mapping[str, float] = field(default_factory=dict)
    overfit: float = 1.0
    fall: float = 1.0
    failed: float = 0.0
    restarts: int = 0
    note: str = ""
    unsettled: str = ""
    offer: str = ""
    remedy: str = ""
    jumps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The outcome of a training, the reasons, and what to do next.

    Attributes:
        outcome: converged, doubtful or not converged.
        reasons: sentences without a full stop, the weightiest first; at least one.
        remedy: what to do next; empty where nothing needs to be done.
        residual: the largest of the relative residuals.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    remedy: str
    residual: float

    @property
    def converged(self) -> bool:
        """Whether the outcome is converged."""
        return self.outcome is Outcome.CONVERGED

    def adding(self, reason: str) -> Verdict:
        """The verdict with a further reason and the same outcome."""
        return replace(self, reasons=(*self.reasons, reason))

    def __str__(self) -> str:
        """The verdict in one line."""
        said = f"{self.outcome}: {'; '.join(self.reasons)}."
        return f"{said} {self.remedy}" if self.remedy else said

    def summary(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return {
            "converged": self.converged,
            "verdict": self.outcome.value,
            "reasons": list(self.reasons),
            "next": self.remedy,
            "relative_residual": self.residual if math.isfinite(self.residual) else None,
        }


def judge(evidence: Evidence) -> Verdict:
    """The verdict on a training, from fixed thresholds.

    The size of what is left decides; how the training went says why it is left and what to do.
    """
    checks = [*_residuals(evidence), *_samples(evidence)]
    outcome = max((check.outcome for check in checks), key=_SEVERITY.index)
    largest = max(evidence.residuals.values(), key=_by_size)
    jumps, remedies = tuple(evidence.jumps), list(dict.fromkeys(evidence.jumps.values()))
    if outcome is Outcome.CONVERGED and not evidence.unsettled:
        if jumps:  # which are missed somewhere, however small the residual is elsewhere
            return Verdict(Outcome.DOUBTFUL, jumps, " ".join(remedies), largest)
        return Verdict(outcome, (checks[0].reason,), "", largest)
    if evidence.unsettled:
        outcome = Outcome.NOT_CONVERGED
    bad = sorted(
        (check for check in checks if check.outcome is not Outcome.CONVERGED),
        key=lambda check: -_SEVERITY.index(check.outcome),
    )
    unsettled = [evidence.unsettled] if evidence.unsettled else []
    reasons = [*unsettled, *jumps, *(check.reason for check in bad), *_course(evidence)]
    if unsettled or not jumps:  # no training mends what jumps leave
        remedies.append(_remedy(evidence))
    return Verdict(outcome, tuple(reasons), " ".join(remedies), largest)


_SEVERITY = (Outcome.CONVERGED, Outcome.DOUBTFUL, Outcome.NOT_CONVERGED)


@dataclass(frozen=True)
class _Check:
    outcome: Outcome
    reason: str


def _residuals(evidence: Evidence) -> list[_Check]:
    """The equations, worst first, and the conditions."""
    fine, bad = (NOISY_CONVERGED, NOISY_FAILED) if evidence.noisy else (CONVERGED, FAILED)
    ordered = sorted(evidence.residuals.items(), key=lambda item: _by_size(item[1]), reverse=True)
    found = [
        _graded(size, fine, bad, f"the residual of {name} is {size:.1e} of its terms")
        for name, size in ordered
    ]
    return found + [
        _graded(size, fine, bad, f"{name} is missed by {size:.1e} of its size")
        for name, size in evidence.conditions.items()
    ]


def _samples(evidence: Evidence) -> list[_Check]:
    return [
        _graded(size, EXPLAINED, MISFIT, f"{name} are missed by {size:.2g} times their noise")
        for name, size in evidence.noisy.items()
    ]


def _graded(size: float, fine: float, bad: float, reason: str) -> _Check:
    if not math.isfinite(size):
        return _Check(Outcome.NOT_CONVERGED, reason)
    if size <= fine:
        return _Check(Outcome.CONVERGED, reason)
    return _Check(Outcome.DOUBTFUL if size <= bad else Outcome.NOT_CONVERGED, reason)


def _course(evidence: Evidence) -> list[str]:
    """Reasons in the course of the training why something is left."""
    said = []
    if evidence.fall >= FALLING:
        said.append(
            f"the residual was still falling at the end, {evidence.fall:.3g}-fold in mean square "
            "over the last fifth of the steps"
        )
    if evidence.overfit >= OVERFITTED:
        said.append(
            f"the mean square is {evidence.overfit:.3g} times as large on unseen points as on "
            "those trained on"
        )
    if evidence.failed >= STUCK:
        said.append(f"{evidence.failed:.0%} of the steps failed ({evidence.note})")
    if evidence.restarts:
        times = "once" if evidence.restarts == 1 else f"{evidence.restarts} times"
        said.append(f"the damping had to be restarted {times}")
    return said


def _remedy(evidence: Evidence) -> str:
    if evidence.remedy:
        return evidence.remedy
    if evidence.unsettled or evidence.fall >= FALLING:
        return "Train longer: --resume the run, or give more --budget."
    if evidence.overfit >= OVERFITTED:
        return "Give more points (--set points=4), or train longer."
    if evidence.failed >= STUCK or evidence.restarts:
        said = "Try another network (--model mlp), seed or optimiser; float64 if it is not."
    else:
        said = "Train longer, or try a larger or another network (--model mlp) and another seed."
    return f"{evidence.offer} {said}".lstrip()


def _by_size(value: float) -> float:
    """Sort key by size, with NaN last."""
    return value if math.isfinite(value) else math.inf
