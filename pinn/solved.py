"""Results of a solve: a solution, its verdict, its errors, and how it was found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pinn.names import label
from pinn.networks.physicsformer import PhysicsFormer, attention_entropy
from pinn.refinement.saved_layers import trunk
from pinn.sampling.samplers import UniformSobol
from pinn.trial.trial_solution import TrialSolution

if TYPE_CHECKING:
    from pinn.bounds.error_bound import ErrorBound
    from pinn.solution import Errors, Solution
    from pinn.training.verdict import Verdict


@dataclass(frozen=True)
class AttentionUse:
    """Measures of how much a trained PhysicsFormer uses its attention.

    Attributes:
        entropy: entropy of the weights over log k for each attention layer; 1 is uniform.
        cut_to_one: relative L2 change of the solution when the pseudo-sequence of the trained
            network is cut to its first token, without retraining.
    """

    entropy: dict[str, float]
    cut_to_one: float

    def __str__(self) -> str:
        """One line for each measure."""
        layers = [f"entropy / log k of {name}: {use:.3f}" for name, use in self.entropy.items()]
        cut = f"cut to one token, the solution changes by {self.cut_to_one:.1%}"
        return "\n".join([*layers, cut])


@dataclass(frozen=True)
class Solved:
    """A solution, and how it was found.

    Attributes:
        solution: callable at points.
        verdict: whether it converged, why, and what to do next.
        errors: against the reference on a grid; None without a reference.
        attention: None for networks without attention over several tokens.
        iterations: steps taken.
        best_iteration: the step whose network is kept.
        validation: mean squared residual there, over the sizes of the equations, on points never
            trained on; infinite where there are none, and the last network is kept.
        stopped: why the training ended.
        error_estimate: relative L2 error as the refinement sees it; None without one.
        training: what was used and what it did: optimiser, samplers, weights, curriculum.
        train_seconds: seconds of training as the budget counts them, see `sciformer.runs.clock`.
        wall_seconds: seconds by the clock on the wall from call to return.
        history: iteration, loss and validation of every step since the start or the resume.
        choice: why this network, where a race chose it; empty otherwise.
        error_bound: what a theorem says of the error; None where none is known for the problem.
    """

    solution: Solution
    verdict: Verdict
    errors: Errors | None
    attention: AttentionUse | None
    iterations: int
    best_iteration: int
    validation: float
    stopped: str
    error_estimate: float | None
    training: dict[str, Any]
    train_seconds: float
    wall_seconds: float
    history: tuple[tuple[int, float, float], ...] = ()
    choice: str = ""
    error_bound: ErrorBound | None = None

    def __repr__(self) -> str:
        error = "" if self.errors is None else f", relative L2 error {self.errors.relative_l2:.2e}"
        return (
            f"Solved({self.solution.problem.name}: {self.iterations} iterations in "
            f"{self.train_seconds:.3g} s, {self.stopped}, validation {self.validation:.2e}{error})"
        )

    def summary(self) -> dict[str, Any]:
        """All results as JSON values."""
        solution, settings = self.solution, self.solution.settings
        found = {str(s): solution.parameters[str(s)] for s in solution.problem.unknown}
        return {
            "problem": solution.problem.name,
            **self.verdict.summary(),
            "model": label("network", settings.network),
            **({"choice": self.choice} if self.choice else {}),
            "seed": settings.seed,
            "parameters": solution.parameter_count,
            "dtype": settings.dtype,
            "threads": settings.threads,
            "optimiser": label("optimiser", settings.optimiser),
            "iterations": self.iterations,
            "best_iteration": self.best_iteration,
            "validation": self.validation if math.isfinite(self.validation) else None,
            "stopped": self.stopped,
            "error_estimate": self.error_estimate,
            "error_bound": None if self.error_bound is None else self.error_bound.summary(),
            "training": self.training,
            "train_seconds": self.train_seconds,
            "wall_seconds": self.wall_seconds,
            **({"found": found} if found else {}),
            **({} if self.errors is None else asdict(self.errors)),
            **({} if self.attention is None else {"attention": asdict(self.attention)}),
        }


def attention_use(solution: Solution, points: int = 2000) -> AttentionUse | None:
    """Measures of the attention that a solution uses; None if it has no sequence to attend to."""
    former = trunk(solution.trial.network)
    if not isinstance(former, PhysicsFormer) or former.steps == 1:
        return None
    like = next(former.parameters())
    sample = UniformSobol(solution.problem.domain, seed=0, dtype=like.dtype).draw(points)
    where = sample.points.to(like.device)
    entropy = attention_entropy(former, where)
    trial = solution.trial
    cut = TrialSolution(former.with_steps(1), trial.constraint, trial.values).at(where)
    whole = TrialSolution(former, trial.constraint, trial.values).at(where)
    return AttentionUse(entropy, float((cut - whole).norm() / whole.norm()))
