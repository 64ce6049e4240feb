"""Identify the coefficients of an equation from data of its solution."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pinn.commands.fit_arguments import limits, network_settings, shower

if TYPE_CHECKING:
    from pinn.identification.estimate import Truth
    from pinn.identification.study import Method, Study

EPILOG = """examples:
  sciformer identify navier-stokes
  sciformer identify navier-stokes --noise 0.01 --seeds 5
  sciformer identify navier-stokes --method network --periodic-in-time --noise 0.01 --budget 300
  sciformer identify navier-stokes --data cylinder_nektar_wake.mat --method both --json
  sciformer identify burgers --noise 0.01
  sciformer identify burgers --data burgers_shock.mat --samples 2000
  sciformer identify my_pde.py --data samples.csv --unknown a --unknown k=0.5
  sciformer identify my_pde.py --data samples.csv --unknown a --noise 0.02 --json

navier-stokes is u_t + lambda_1 (u.grad) u + grad p - lambda_2 lap u = 0 with div u = 0; burgers is
u_t + lambda_1 u u_x - lambda_2 u_xx = 0. The coefficient of u_t is taken as 1, which sets the
scale of both. Without --data the wake of the package is used, on 100 x 50 points and 200
snapshots, and for burgers the exact solution.

The weak method sees the velocity of every point and snapshot, the network only --samples of them;
neither sees the pressure. The network starts from lambda_1 = lambda_2 = 0; beside x, y and t it is
given the phase of a travelling wave, whose wave vector is first found in the samples and then
learned.

A problem of your own is a Python file, as `sciformer solve` takes it; its --data is a .csv whose
header names coordinates, fields and, if known, sigma_<field> or sigma, an .npz with arrays of these
names, or a .mat with a grid as burgers_shock.mat has it. Without a sigma the noise is estimated
from the samples; --noise S gives its standard deviation, and --noise 0 that there is none. A
parameter that is --unknown starts from its value in the file, or from the one that is given.

Each fit by a network ends with a verdict: converged, doubtful or not converged, with the reasons
and what to do next. Exit status: 0, or 3 if one of the fits has not converged."""

# A network on a flow or a front; a problem of one's own has time and threads of `pinn.identify`.
BUDGET_SECONDS, OWN_BUDGET_SECONDS = 240.0, 60.0
THREADS, OWN_THREADS = 2, 1


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
    parser.add_argument("problem", help="navier-stokes, burgers, or a Python file of your own")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="a flow as .mat, .npz, .h5 or .nc with X_star, t, U_star; samples as .csv, .npz, .mat",
    )
    parser.add_argument(
        "--unknown",
        action="append",
        default=[],
        metavar="NAME[=START]",
        help="a parameter of your own problem to find; repeatable",
    )
    parser.add_argument(
        "--method",
        choices=("weak", "network", "both"),
        help="by default weak for navier-stokes, network for all others",
    )
    parser.add_argument(
        "--noise",
        type=_noise,
        metavar="SHARE",
        help="Gaussian noise to add, as a share of the standard deviation (default none); for "
        "samples of your own the standard deviation of their noise, 0 for none (default: "
        "estimated)",
    )
    parser.add_argument(
        "--seed", type=natural_number, default=0, metavar="N", help="first seed (default 0)"
    )
    parser.add_argument(
        "--seeds",
        type=positive_integer,
        default=1,
        metavar="N",
        help="number of runs, each with the next seed (default 1)",
    )
    parser.add_argument(
        "--reynolds",
        type=positive_number,
        metavar="RE",
        help="errors are against lambda_2 = 1 / RE (default 100; burgers 100 pi)",
    )
    _add_network_arguments(parser)
    add_json_argument(parser)


def _add_network_arguments(parser: argparse.ArgumentParser) -> None:
    from sciformer.cli.arguments import positive_integer, positive_number

    network = parser.add_argument_group("the network")
    network.add_argument(
        "--samples",
        type=positive_integer,
        metavar="N",
        help="number of samples (default 5000; burgers 2000)",
    )
    network.add_argument(
        "--periodic-in-time",
        action="store_true",
        help="let time enter only through the phase of a wave: knowledge beyond the equations",
    )
    network.add_argument(
        "--form", choices=("streamfunction", "velocity"), default="streamfunction",
        help="psi and p (default), or u, v and p with continuity",
    )  # fmt: skip
    network.add_argument("--model", choices=("mlp", "physicsformer"), default="mlp")
    network.add_argument(
        "--budget",
        type=positive_number,
        metavar="SECONDS",
        help=f"most CPU seconds of training of each run (default {BUDGET_SECONDS:g}, and "
        f"{OWN_BUDGET_SECONDS:g} for a problem of your own); a fit whose estimates rest ends "
        "before",
    )
    network.add_argument(
        "--iterations", type=positive_integer, metavar="N", help="largest number of steps"
    )
    network.add_argument(
        "--threads",
        type=positive_integer,
        metavar="N",
        help=f"threads of BLAS (default {THREADS}, and {OWN_THREADS} for a problem of your own)",
    )
    network.add_argument(
        "--device",
        default="cpu",
        metavar="NAME",
        help="cpu (default), cuda or mps; the weak form runs on the CPU",
    )


def run(arguments: argparse.Namespace) -> int:
    """Identifies and prints."""
    from pinn.commands.result_table import halt_after_results, status_of, warn
    from sciformer.cli.console import Progress, note, print_json, print_table

    set_defaults(arguments)
    if _is_own(arguments):
        from pinn.commands.identify_samples import run as run_samples

        return run_samples(arguments)
    arguments.noise = arguments.noise or 0.0  # nothing is added unless it is said
    study = _burgers(arguments) if arguments.problem == "burgers" else _flow(arguments)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    asked = [(method, seed) for method in study.methods for seed in seeds]
    with Progress(total=float(len(asked)), label=study.label) as progress:
        for done, (method, seed) in enumerate(asked):
            study.run(method, seed, [shower(progress, done, arguments)])
            progress.update(done + 1)
            if study.is_interrupted:
                break
    if arguments.json:
        print_json(study.summary())
    else:
        print_table(*study.table())
        for sentence in study.notes():
            note(sentence)
    fits = [{"problem": f"seed {fit['seed']}", **fit} for fit in study.summary()["runs"]]
    warn(fits)
    halt_after_results(fits)
    return status_of(fits)


def set_defaults(arguments: argparse.Namespace) -> None:
    """Sets CPU seconds and threads of each fit that were not asked for, by the kind of problem."""
    from pinn.problem.source import is_file

    is_own = is_file(arguments.problem)
    if arguments.budget is None:
        arguments.budget = OWN_BUDGET_SECONDS if is_own else BUDGET_SECONDS
    if arguments.threads is None:
        arguments.threads = OWN_THREADS if is_own else THREADS


def _noise(text: str) -> float:
    """Argument type: a finite number of at least 0."""
    from sciformer.cli.arguments import positive_number

    try:
        return 0.0 if float(text) == 0 else positive_number(text)
    except ValueError:
        return positive_number(text)


def _is_own(arguments: argparse.Namespace) -> bool:
    """Whether samples of the user's own are fitted, rather than a flow or exact solution of the
    package.

    Raises:
        UnknownNameError: the problem is neither known here nor a file.
        UsageError: unknowns of a problem whose unknowns are fixed.
    """
    from pinn.problem.source import is_file
    from sciformer.errors import UsageError, unknown_name

    known = ("navier-stokes", "burgers")
    if is_file(arguments.problem):
        return True
    if arguments.problem not in known:
        raise unknown_name("sciformer identify", "problem", arguments.problem, known)
    if arguments.unknown:
        raise UsageError(
            f"sciformer identify: the unknowns of {arguments.problem} are lambda_1 and lambda_2; "
            "leave out --unknown, or write the problem as a file of your own."
        )
    return arguments.problem == "burgers" and arguments.data is not None


def _flow(arguments: argparse.Namespace) -> Study:
    """The study of a flow: of the file that is given, or of the wake of the package."""
    from pinn.data.embedded import SMALL_SCALES
    from pinn.identification.estimate import Truth
    from pinn.identification.study import COVERAGE, PUBLISHED, Study

    truth = Truth(1.0, 1 / (arguments.reynolds or 100.0))
    methods: dict[str, Method] = {}
    name = "the embedded wake" if arguments.data is None else arguments.data.name
    if arguments.method != "network":
        methods["weak"] = _weak(arguments, truth)
    if arguments.method in ("network", "both"):
        methods["network"] = _network(arguments, truth)
    remark = f"{COVERAGE} {SMALL_SCALES}" if arguments.data is None else COVERAGE
    return Study("identify navier-stokes", name, truth, methods, PUBLISHED, remark)


def _weak(arguments: argparse.Namespace, truth: Truth) -> Method:
    """The study of a flow by the weak form, without torch, which would take longer to import than
    the method takes.
    """
    from pinn.data.embedded import embedded_wake_grid
    from pinn.data.files import load_flow
    from pinn.identification.weak.navier_stokes import identify_weak

    grid = embedded_wake_grid() if arguments.data is None else load_flow(arguments.data).grid()
    noise = arguments.noise
    return lambda seed, _: identify_weak(grid, noise=noise, seed=seed, truth=truth)


def _network(arguments: argparse.Namespace, truth: Truth) -> Method:
    from pinn.data.embedded import embedded_wake_data
    from pinn.data.files import load_flow
    from pinn.identification.flow_network import NetworkRequest, identify_network
    from pinn.problems.navier_stokes import FORMS
    from pinn.trial.inputs import PeriodicWave, TravellingWave

    data = embedded_wake_data() if arguments.data is None else load_flow(arguments.data)
    request = NetworkRequest(
        arguments.samples or 5000,
        arguments.noise,
        FORMS[arguments.form](),
        network_settings(
            arguments, wave=PeriodicWave if arguments.periodic_in_time else TravellingWave
        ),
        limits(arguments),
        truth,
    )
    return lambda seed, observers: identify_network(data, request.with_seed(seed), observers)[0]


def _burgers(arguments: argparse.Namespace) -> Study:
    """The study of Burgers' equation."""
    import math
    from dataclasses import replace

    from pinn.identification.burgers import SCHEDULE, identify_burgers
    from pinn.identification.estimate import Truth
    from pinn.identification.study import Study
    from sciformer.errors import UsageError

    if arguments.method in ("weak", "both") or arguments.periodic_in_time:
        raise UsageError(
            "sciformer identify: burgers takes samples of its exact solution and supports the "
            "network method only; leave out --periodic-in-time and --method."
        )
    viscosity = 1 / (arguments.reynolds or 100 * math.pi)
    settings = network_settings(arguments, schedule=SCHEDULE)
    methods = {
        "network": lambda seed, observers: identify_burgers(
            arguments.samples or 2000,
            arguments.noise,
            viscosity,
            replace(settings, seed=seed),
            limits(arguments),
            observers,
        )[0]
    }
    truth = Truth(1.0, viscosity)
    return Study("identify burgers", "burgers, exact solution", truth, methods)
