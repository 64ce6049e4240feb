"""Several estimates side by side: runs over seeds and methods, and their table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pinn.identification.estimate import Estimate, Truth
from pinn.identification.result import CLEAN, NetworkEstimate
from pinn.identification.weak.navier_stokes import WeakEstimate
from sciformer.runs.interrupts import INTERRUPTED

if TYPE_CHECKING:
    from pinn.training.trainer import Progress

    Observers = Sequence[Callable[[Progress], None]]

# The abstract of PhysicsFormer (arXiv 2601.03613), Navier-Stokes at 1 % noise: errors in percent.
# It says 0 % for lambda_2, without digits; 0.05 is the most that rounds to it with one.
PUBLISHED = {"lambda_1": 0.07, "lambda_2": 0.05}
PUBLISHED_NOISE = 0.01
# Five seeds without noise and five with 1 %, the default budget, each interval of one run.
COVERAGE = (
    "In ten runs on the wake of Raissi, Perdikaris, Karniadakis, with noise and without, intervals "
    "of the network held both coefficients every time."
)
LATE_START = (
    "The first two snapshots differ as much as others do that are some steps apart, so at least "
    "one is missing between them; the first was left out."
)


class Method(Protocol):
    """A method of estimation."""

    def __call__(self, seed: int, observers: Observers) -> Estimate:
        """The estimate of one seed."""
        ...


class Study:
    """Estimates over seeds by one or more methods.

    Args:
        label: of the equation.
        data: what messages call the data.
        truth: what errors are against.
        methods: by name, in order.
        published: errors in percent at 1 % noise that were published for the same problem.
        remark: on the data, for whoever reads what a network made of them.
    """

    def __init__(
        self,
        label: str,
        data: str,
        truth: Truth,
        methods: Mapping[str, Method],
        published: Mapping[str, float] | None = None,
        remark: str = "",
    ) -> None:
        self.label, self.data, self.truth, self.methods = label, data, truth, methods
        self._published, self._remark = published or {}, remark
        self.results: dict[str, list[Estimate]] = {m: [] for m in methods}

    def run(self, method: str, seed: int, observers: Observers = ()) -> None:
        """Adds the estimate of a method for a seed."""
        self.results[method].append(self.methods[method](seed, observers))

    @property
    def is_interrupted(self) -> bool:
        """Whether Ctrl-C has cut an estimate short."""
        results = (result for all_of_one in self.results.values() for result in all_of_one)
        return any(getattr(result, "stopped", "") == INTERRUPTED for result in results)

    @property
    def widened(self) -> dict[str, list[Estimate]]:
        """The results by method; intervals of a network count the spread over seeds."""
        return {method: with_ensemble(found) for method, found in self.results.items() if found}

    def summary(self) -> dict[str, Any]:
        """The first result with all the others below it, as JSON values."""
        shown = self.widened
        runs = [result.summary() for results in shown.values() for result in results]
        spread = {method: over_seeds(results, self.truth) for method, results in shown.items()}
        first = next(iter(spread.values()))
        return {**runs[0], "data": self.data, "over_seeds": first, "methods": spread, "runs": runs}

    def table(self) -> tuple[list[tuple[Any, ...]], list[str]]:
        """Rows and headers of the table."""
        rows = [
            (
                method,
                str(result.seed),
                f"{result.lambda_1:.6f}",
                _interval(result.interval_1),
                f"{result.lambda_1_error_percent:+.4f}",
                f"{result.lambda_2:.7f}",
                _interval(result.interval_2),
                f"{result.lambda_2_error_percent:+.4f}",
                f"{result.wall_seconds:.1f}",
            )
            for method, results in self.widened.items()
            for result in results
        ]
        headers = ["method", "seed", "lambda_1", "95 % interval", "error, %"]
        return rows, [*headers, "lambda_2", "95 % interval", "error, %", "time, s"]

    def notes(self) -> list[str]:
        """Remarks that belong beside the table."""
        said = [
            f"{self.data}: errors are against lambda_1 = {self.truth.lambda_1:g}, lambda_2 = "
            f"{self.truth.lambda_2:g}. The coefficient of u_t is taken as 1, which sets the scale."
        ]
        for results in self.widened.values():
            first = results[0]
            if isinstance(first, WeakEstimate):
                said += weak_notes(first)
            if isinstance(first, NetworkEstimate):
                said += [*network_notes(first), *claim_notes(first, self._published)]
                said += [self._remark] if self._remark else []
            said += sign_notes(first)
            if len(results) > 1:
                said.append(_spread_note(over_seeds(results, self.truth), first.method))
        return said


def over_seeds(results: Sequence[Any], truth: Truth) -> dict[str, Any]:
    """Median and range of the signed errors in percent, and how many intervals hold the truth."""
    metrics: dict[str, Any] = {}
    for number, wanted in ((1, truth.lambda_1), (2, truth.lambda_2)):
        errors = [getattr(r, f"lambda_{number}_error_percent") for r in results]
        ends = [getattr(r, f"interval_{number}") for r in results]
        metrics[f"lambda_{number}_error_percent"] = {
            "median": float(np.median(errors)),
            "least": min(errors),
            "greatest": max(errors),
        }
        metrics[f"lambda_{number}_covered"] = sum(low <= wanted <= high for low, high in ends)
    return {"runs": len(results), **metrics}


def with_ensemble(results: Sequence[Estimate]) -> list[Estimate]:
    """The estimates with the spread over seeds in their intervals, where there are several.

    half-width = quantile * sqrt(own deviation^2 + variance over seeds), Student's quantile for as
    many runs: seeds differ in samples, noise, initial weights and points. The weak form counts
    its noise by itself.
    """
    if len(results) < 2 or isinstance(results[0], WeakEstimate):
        return list(results)
    from scipy.stats import t

    quantile = float(t.ppf(0.975, len(results) - 1))
    changed = list(results)
    for number in (1, 2):
        values = [getattr(r, f"lambda_{number}") for r in results]
        spread = float(np.std(values, ddof=1))
        for place, result in enumerate(changed):
            low, high = getattr(result, f"interval_{number}")
            half = quantile * float(np.hypot((high - low) / 2 / 1.96, spread))
            middle = values[place]
            wider: dict[str, Any] = {f"interval_{number}": (middle - half, middle + half)}
            changed[place] = dataclasses.replace(result, **wider)
    return changed


def weak_notes(first: WeakEstimate) -> list[str]:
    """Remarks on the weak form."""
    u, v = first.noise_found
    return [
        f"weak: {first.samples} velocities seen, no pressure; noise found in u {u:.2%}, in v "
        f"{v:.2%}. Intervals account for the spread over noise realisations and over the width of "
        f"the test functions, and the error of integrals over this grid; the width alone is "
        f"{first.floor_1:.2g} % of lambda_1 and {first.floor_2:.2g} % of lambda_2: the floor of "
        "these data."
    ]


def sign_notes(first: Estimate) -> list[str]:
    """Remarks on a viscosity that no fluid has."""
    if first.lambda_2 >= 0:
        return []
    certain = "" if first.interval_2[1] < 0 else ", though its interval reaches beyond 0"
    return [
        f"{first.method}: lambda_2 = {first.lambda_2:.6g} is negative{certain}: such a flow gains "
        "energy from nowhere, and its smallest scales grow fastest. Check whether time runs "
        "backwards in the data, a force acts that the equation does not have, or noise drowns the "
        "diffusion."
    ]


def network_notes(first: NetworkEstimate) -> list[str]:
    """Remarks on the network: its data, and what nobody can know from them."""
    errors = ", ".join(f"{name} {error.relative_l2:.2e}" for name, error in first.fields.items())
    return [
        *([LATE_START] if first.left_out else []),
        *wave_notes(first),
        f"network: {first.samples} samples seen, {first.parameters} parameters; relative L2 of "
        f"{errors} (seed {first.seed}). Intervals account for curvature, misfit over boxes in "
        "space, how tightly the equations are held, and the spread over seeds where there are "
        "several.",
        f"Cramer-Rao bound of {first.samples} samples at {max(first.noise, CLEAN):.1%} noise, in "
        "this network with its equations as tight as in the fit: standard deviation "
        f"{first.cramer_rao_1:.4f} % of lambda_1, {first.cramer_rao_2:.4f} % of lambda_2. "
        "Equations held tighter lower it, as far as the network can satisfy them.",
    ]


def wave_notes(first: NetworkEstimate) -> list[str]:
    """Remarks on the wave whose phase the network is given."""
    if not first.wave:
        return []
    vector = ", ".join(f"{name} {k:+.4f}" for name, k in first.wave.items())
    taken = (
        "time enters by that phase only: the flow is taken to be periodic, which is knowledge "
        "beyond the equations"
        if first.is_periodic
        else "all coordinates are given beside it, and nothing is taken to be periodic"
    )
    period = 2 * math.pi / abs(first.wave["t"])
    return [
        "The network is given the phase of a wave that was found in the samples and is learned "
        f"further (radians along {vector}; period {period:.4f}); {taken}."
    ]


def claim_notes(first: NetworkEstimate, published: Mapping[str, float]) -> list[str]:
    """Remarks on published errors at 1 % noise that lie below the bound of this run at that noise,
    and the least data that they would take.
    """
    said: list[str] = []
    if first.noise != PUBLISHED_NOISE:
        return said
    for name, claim in published.items():
        here = first.floor.deviations[name]
        needed = first.floor.samples_for(name, claim, PUBLISHED_NOISE)
        if here > claim:
            said.append(
                f"An error of {claim:g} % in {name} at {PUBLISHED_NOISE:.0%} noise, as published, "
                f"lies below that bound of {first.samples} samples ({here:.3f} %): it takes at "
                f"least {needed} of them to know {name} to that standard deviation."
            )
    return said


def _spread_note(spread: dict[str, Any], method: str) -> str:
    parts = []
    for name in ("lambda_1", "lambda_2"):
        errors = spread[f"{name}_error_percent"]
        parts.append(
            f"{name} median {errors['median']:+.4f} %, from {errors['least']:+.4f} to "
            f"{errors['greatest']:+.4f} %, {spread[f'{name}_covered']} of {spread['runs']} "
            "intervals hold the truth"
        )
    return f"{method}, over {spread['runs']} seeds: {'; '.join(parts)}."


def _interval(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:.7f}, {ends[1]:.7f}]"
