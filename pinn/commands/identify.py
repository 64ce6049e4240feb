"""Identify the coefficients of an equation from data of its solution."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinn.data.flow import FlowGrid
    from pinn.identification.navier_stokes import Identified, Truth

EPILOG = """examples:
  sciformer identify navier-stokes
  sciformer identify navier-stokes --noise 0.01 --seeds 5
  sciformer identify navier-stokes --data cylinder_nektar_wake.mat --json

navier-stokes is u_t + lambda_1 (u.grad) u + grad p - lambda_2 lap u = 0 with div u = 0. The
coefficient of u_t is taken as 1, which sets the scale of both. Without --data the wake of the
package is used, on 100 x 50 points and 200 snapshots. The weak method sees the velocity of every
point and snapshot, and never the pressure."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pathlib import Path

    from sciformer.cli.arguments import (
        add_json_argument,
        natural_number,
        positive_integer,
        positive_number,
    )

    parser.epilog = EPILOG
    parser.add_argument("problem", choices=("navier-stokes",), help="the equation")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="a flow as .mat, .npz, .h5 or .nc with X_star, t, U_star",
    )
    parser.add_argument("--method", choices=("weak",), default="weak", help="default weak")
    parser.add_argument(
        "--noise",
        type=positive_number,
        default=0.0,
        metavar="SHARE",
        help="Gaussian noise to add, as a share of the standard deviation (default none)",
    )
    parser.add_argument("--seed", type=natural_number, default=0, metavar="N", help="default 0")
    parser.add_argument(
        "--seeds", type=positive_integer, default=1, metavar="N", help="noise from N seeds"
    )
    parser.add_argument(
        "--reynolds",
        type=positive_number,
        default=100.0,
        metavar="RE",
        help="errors are against lambda_1 = 1, lambda_2 = 1 / RE (default 100)",
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Identifies and prints."""
    from pinn.identification.navier_stokes import Truth, identify_weak
    from sciformer.cli.console import Progress, print_json

    grid, truth = _grid(arguments), Truth(1.0, 1 / arguments.reynolds)
    results: list[Identified] = []
    with Progress(total=arguments.seeds, label="identify navier-stokes") as progress:
        for seed in range(arguments.seed, arguments.seed + arguments.seeds):
            results.append(identify_weak(grid, noise=arguments.noise, seed=seed, truth=truth))
            last = results[-1]
            progress.update(len(results), lambda_1=last.lambda_1, lambda_2=last.lambda_2)
    if arguments.json:
        runs = [result.summary() for result in results]
        print_json({**runs[0], "data": grid.name, "over_seeds": _over_seeds(results), "runs": runs})
    else:
        _print(results, grid, truth)


def _grid(arguments: argparse.Namespace) -> FlowGrid:
    if arguments.data is not None:
        from pinn.data.files import load_flow

        return load_flow(arguments.data).grid()
    from pinn.data.embedded import embedded_wake_grid

    return embedded_wake_grid()


def _over_seeds(results: list[Identified]) -> dict[str, Any]:
    """Median and range of the signed errors, in percent."""
    import numpy as np

    figures = {}
    for name in ("lambda_1_error_percent", "lambda_2_error_percent"):
        errors = [getattr(result, name) for result in results]
        figures[name] = {
            "median": float(np.median(errors)),
            "least": min(errors),
            "greatest": max(errors),
        }
    return figures


def _print(results: list[Identified], grid: FlowGrid, truth: Truth) -> None:
    from sciformer.cli.console import note, print_table

    rows = [
        (
            result.seed,
            f"{result.lambda_1:.6f}",
            _interval(result.interval_1),
            f"{result.lambda_1_error_percent:+.4f}",
            f"{result.lambda_2:.7f}",
            _interval(result.interval_2),
            f"{result.lambda_2_error_percent:+.4f}",
            f"{result.wall_seconds:.1f}",
        )
        for result in results
    ]
    headers = ["seed", "lambda_1", "95 % interval", "error, %"]
    print_table(rows, [*headers, "lambda_2", "95 % interval", "error, %", "time, s"])
    first = results[0]
    u, v = first.noise_found
    note(
        f"{grid.name}: {first.samples} velocities seen, no pressure; noise found in u {u:.2%}, in "
        f"v {v:.2%}.\nErrors are against lambda_1 = {truth.lambda_1:g}, lambda_2 = "
        f"{truth.lambda_2:g}. The coefficient of u_t is taken as 1, which sets the scale.\n"
        "Intervals count the spread over noise realisations and over the width of the test "
        f"functions;\nthe latter alone is {first.floor_1:.4f} % of lambda_1 and "
        f"{first.floor_2:.4f} % of lambda_2: the floor of these data."
    )


def _interval(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:.7f}, {ends[1]:.7f}]"
