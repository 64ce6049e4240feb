"""One training step of Navier-Stokes on jets beside nested automatic differentiation.

    python -m benchmarks.navier_stokes_step [--points 2500] [--threads 1]

Residuals of u, v, p (second derivatives, continuity) and of psi, p (third derivatives), and the
parameter gradient of their mean square, for an MLP of 4 x 25 in float64. Times are medians of
steps in turns; memory is the most that five steps take in a process of their own.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.timing import medians, peak_megabytes
from pinn.domain import Box
from pinn.equations import Unknown
from pinn.jets import residual_jacobian
from pinn.losses import BLOCK
from pinn.networks import MLP
from pinn.problem import Problem
from pinn.problems.navier_stokes import FORMS, LAMBDA_1, LAMBDA_2
from pinn.terms import interior


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

        def unknown(u: Unknown) -> Tensor:
            return derivative(u.field, "" if u.operator == "1" else u.operator)

        values = made.residual(points.unbind(-1), unknown, made.parameter_values)
        return torch.stack(values, dim=-1)

    return residual


WAYS = ("nested", "jets", "jets, in blocks", "jets, rows")


def steps(form: str, points: int, threads: int) -> dict[str, Callable[[int], None]]:
    """By way, a step on the first so many points."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    made = problem(form)
    network = MLP(3, len(made.fields), width=25, layers=4).double()
    where = torch.rand(points, 3, dtype=torch.float64)
    parameters = list(network.parameters())
    plain, fast = nested(made, network), on_jets(made, network)

    def gradient(residual: Callable[[Tensor], Tensor], count: int) -> None:
        torch.autograd.grad(residual(where[:count]).square().mean(), parameters, allow_unused=True)

    def in_blocks(count: int) -> None:
        """As `LeastSquares` has it; nested could do it too."""
        for part in where[:count].split(BLOCK):
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


def megabytes(form: str, way: str, points: int, threads: int) -> float:
    """Of steps at full size."""
    step = steps(form, points, threads)[way]
    step(50)
    return peak_megabytes(lambda: step(points))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2500)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print(f"{'form':<16}{'way':<18}{'ms':>8}{'MB':>8}{'times':>8}{'memory':>8}")
    for form in FORMS:
        ready = steps(form, arguments.points, arguments.threads).values()
        seconds = medians(*(functools.partial(step, arguments.points) for step in ready))
        memory = []
        for way in WAYS:
            with context.Pool(1) as pool:
                task = (form, way, arguments.points, arguments.threads)
                memory.append(pool.apply(megabytes, task))
        for way, elapsed, size in zip(WAYS, seconds, memory, strict=True):
            print(
                f"{form:<16}{way:<18}{1e3 * elapsed:>8.1f}{size:>8.1f}"
                f"{seconds[0] / elapsed:>8.2f}{size / memory[0]:>8.2f}"
            )


if __name__ == "__main__":
    main()
