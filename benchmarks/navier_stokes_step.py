"""One training step of Navier-Stokes on jets beside nested automatic differentiation.

    python benchmarks/navier_stokes_step.py [--points 2500] [--threads 1]

Residuals of u, v, p (second derivatives, continuity) and of psi, p (third derivatives), and the
parameter gradient of their mean square, for an MLP of 4 x 25 in float64. Every line is measured in
a process of its own; memory is the peak resident size less that before it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pinn.domain import Box
from pinn.equations import Unknown
from pinn.jets import residual_jacobian
from pinn.networks import MLP
from pinn.problem import Problem
from pinn.problems.navier_stokes import FORMS, LAMBDA_1, LAMBDA_2
from pinn.terms import interior

REPEATS = 9


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


def measure(form: str, way: str, points: int, threads: int) -> tuple[float, float]:
    """Median milliseconds and extra peak megabytes."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    made = problem(form)
    network = MLP(3, len(made.fields), width=25, layers=4).double()
    where = torch.rand(points, 3, dtype=torch.float64)
    residual = (nested if way == "nested" else on_jets)(made, network)
    parameters = list(network.parameters())

    def step(at: Tensor) -> None:
        if way == "jets, rows":
            residual_jacobian(residual, at, parameters)
        else:
            torch.autograd.grad(residual(at).square().mean(), parameters, allow_unused=True)

    step(where[:50])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        step(where)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return statistics.median(times[2:]) * 1e3, peak / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2500)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print(f"{'form':<16}{'way':<12}{'ms':>8}{'MB':>8}{'times':>8}{'memory':>8}")
    for form in FORMS:
        base = None
        for way in ("nested", "jets", "jets, rows"):
            with context.Pool(1) as pool:
                task = (form, way, arguments.points, arguments.threads)
                elapsed, memory = pool.apply(measure, task)
            base = base or (elapsed, memory)
            print(
                f"{form:<16}{way:<12}{elapsed:>8.1f}{memory:>8.1f}"
                f"{base[0] / elapsed:>8.2f}{memory / base[1]:>8.2f}"
            )


if __name__ == "__main__":
    main()
