"""How often 95 % intervals of identified coefficients hold the truth, over realisations of noise.

python -m benchmarks.coverage [--problem heat burgers] [--realisations 40] [--iterations 60]

Of 40 intervals that hold the truth with a probability of 95 % each, 35 or more do so in 98.6 % of
all series (binomial distribution).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sympy

import pinn
from pinn.identification.burgers import SCHEDULE, VISCOSITY, burgers_problem, sample_burgers
from pinn.identification.flow_network import default_settings
from pinn.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.problem.problem import Problem

DIFFUSIVITY, NOISE, SAMPLES = 0.137, 0.02, 200


@dataclass(frozen=True)
class Case:
    """A problem with data that a seed decides, and the true values of its unknowns."""

    problem: Callable[[int], Problem]
    truth: dict[str, float]
    settings: Callable[[Problem], Settings | None]


def heat(seed: int) -> Problem:
    """u_t = a u_xx from 200 readings at random places, with noise of 2 % of the largest value."""
    x, t, a = sympy.symbols("x t a")
    u = sympy.Function("u")(x, t)
    generator = np.random.default_rng(seed)
    points = generator.random((SAMPLES, 2))
    slow, fast = (
        size
        * np.sin(n * np.pi * points[:, 0])
        * np.exp(-DIFFUSIVITY * (n * np.pi) ** 2 * points[:, 1])
        for n, size in ((1, 1.0), (2, 0.4))
    )
    values = slow + fast + NOISE * generator.standard_normal(SAMPLES)
    ends = tuple(pinn.Condition(sympy.Eq(u, 0), on=f"x={end}") for end in (0, 1))
    return pinn.Problem(
        name="heat",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t), a * u.diff(x, 2)),),
        domain=pinn.Box(x=(0, 1), t=(0, 1)),
        conditions=ends,
        unknown={a: pinn.Unknown(size=0.1, start=0.1)},
        data=(pinn.Cloud(points, {"u": values}, "readings", {"u": NOISE}),),
        scales={"x": 0.3, "t": 0.5},
    )


CASES = {
    "heat": Case(heat, {"a": DIFFUSIVITY}, lambda _: None),
    "burgers": Case(
        lambda seed: burgers_problem(sample_burgers(2000, 0.01, seed)),
        {"lambda_1": 1.0, "lambda_2": VISCOSITY},
        lambda _: default_settings(schedule=SCHEDULE),
    ),
}


def main() -> None:
    """Prints each estimate, and how many intervals hold the truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--realisations", type=int, default=40)
    parser.add_argument("--iterations", type=int, default=60)
    arguments = parser.parse_args()
    for name in arguments.problem:
        case, limits = CASES[name], pinn.Limits(iterations=arguments.iterations)
        held = dict.fromkeys(case.truth, 0)
        for seed in range(arguments.realisations):
            begun, problem = time.process_time(), case.problem(seed)
            found = pinn.identify(problem, None, case.settings(problem), limits)
            for unknown, value in case.truth.items():
                low, high = found.interval(unknown)
                held[unknown] += low <= value <= high
            print(f"{found!r}  {time.process_time() - begun:.1f} CPU s", flush=True)
        for unknown, count in held.items():
            print(f"{name}: {count} of {arguments.realisations} intervals hold {unknown}")


if __name__ == "__main__":
    main()
