"""One training step of Navier-Stokes on jets beside nested automatic differentiation.

    python -m benchmarks.navier_stokes_step [--points 2500] [--threads 1] [--cases transformer mlp]

Residuals of u, v, p (second derivatives, continuity) and of psi, p (third derivatives), and the
parameter gradient of their mean square, for a PhysicsFormer of width 32 that reads five tokens, in
float32, and for an MLP of 4 x 25 in float64. Times are medians of steps in turns; memory is the
most that five steps take in a process of their own.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.timing import medians, peak_megabytes
from pinn.geometry.box import Box
from pinn.jets import residual_jacobian
from pinn.loss.terms import interior
from pinn.networks import MLP, PhysicsFormer
from pinn.problem.expressions import FieldDerivative
from pinn.problem.problem import Problem
from pinn.problems.navier_stokes import FORMS, LAMBDA_1, LAMBDA_2
from sciformer.hardware import PROCESSOR


def problem(form: str) -> Problem:
    """The equations alone."""
    flow = FORMS[form]()
    return Problem(
        name="navier-stokes",
        coordinates=flow.coordinates,
        fields=flow.fields,
        equations=flow.equations,
        domain=Box(x=(-1, 1), y=(-1, 1), t=(0, 1)),
        parameters={LAMBDA_1: 1.0, LAMBDA_2: 0.01},
    )


def on_jets(made: Problem, network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Residuals by one pass of jets."""
    return interior(made, network).residual


def nested(made: Problem, network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Residuals by reverse mode of reverse mode; every derivative is computed once."""

    def residual(points: Tensor) -> Tensor:
        points = points.clone().requires_grad_()
        fields = network(points)
        known: dict[tuple[int, str], Tensor] = {}

        def derivative(field: int, word: str) -> Tensor:
            if (field, word) not in known:
                below = derivative(field, word[:-1]) if word else fields[:, field]
                if not word:
                    return below
                (slopes,) = torch.autograd.grad(below.sum(), points, create_graph=True)
                for axis, letter in enumerate("xyt"):
                    known[field, word[:-1] + letter] = slopes[:, axis]
            return known[field, word]

        def unknown(u: FieldDerivative) -> Tensor:
            return derivative(u.field, "" if u.operator == "1" else u.operator)

        values = made.residual(points.unbind(-1), unknown, made.parameter_values)
        return torch.stack(values, dim=-1)

    return residual


@dataclass(frozen=True)
class Case:
    """A network, made from its numbers of inputs and outputs, and its precision."""

    network: Callable[[int, int], nn.Module]
    dtype: torch.dtype


CASES = {
    "transformer": Case(
        functools.partial(PhysicsFormer, steps=5, width=32, feed_forward=32), torch.float32
    ),
    "mlp": Case(functools.partial(MLP, width=25, layers=4), torch.float64),
}
WAYS = ("nested", "jets", "jets, in blocks", "jets, rows")


def steps(case: str, form: str, points: int, threads: int) -> dict[str, Callable[[int], None]]:
    """By way, a step on the first so many points."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    made, dtype = problem(form), CASES[case].dtype
    network = CASES[case].network(3, len(made.fields)).to(dtype)
    where = torch.rand(points, 3, dtype=dtype)
    parameters = list(network.parameters())
    plain, fast = nested(made, network), on_jets(made, network)

    def gradient(residual: Callable[[Tensor], Tensor], count: int) -> None:
        torch.autograd.grad(residual(where[:count]).square().mean(), parameters, allow_unused=True)

    def in_blocks(count: int) -> None:
        """As `LeastSquares` has it; nested could do it too."""
        for part in where[:count].split(PROCESSOR.block_points or 1):
            loss = fast(part).square().sum() / count
            torch.autograd.grad(loss, parameters, allow_unused=True)

    def rows(count: int) -> None:
        residual_jacobian(fast, where[:count], parameters)

    return {
        "nested": functools.partial(gradient, plain),
        "jets": functools.partial(gradient, fast),
        "jets, in blocks": in_blocks,
        "jets, rows": rows,
    }


def megabytes(case: str, form: str, way: str, points: int, threads: int) -> float:
    """Of steps at full size."""
    step = steps(case, form, points, threads)[way]
    step(50)
    return peak_megabytes(lambda: step(points))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    size = arguments.points, arguments.threads
    context = multiprocessing.get_context("spawn")
    print(
        f"{'network':<13}{'form':<16}{'way':<18}{'ms':>8}{'MB':>8}{'times':>8}{'memory':>8}",
        flush=True,
    )
    for case, form in itertools.product(arguments.cases, FORMS):
        ready = steps(case, form, *size).values()
        seconds = medians(*(functools.partial(step, arguments.points) for step in ready))
        memory = []
        for way in WAYS:
            with context.Pool(1) as pool:
                memory.append(pool.apply(megabytes, (case, form, way, *size)))
        for way, elapsed, taken in zip(WAYS, seconds, memory, strict=True):
            print(
                f"{case:<13}{form:<16}{way:<18}{1e3 * elapsed:>8.1f}{taken:>8.1f}"
                f"{seconds[0] / elapsed:>8.2f}{taken / memory[0]:>8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
