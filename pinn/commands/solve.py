"""Solve a differential equation with a physics-informed transformer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sciformer.runs.processes import Processes

EPILOG = """examples:
  sciformer solve burgers
  sciformer solve burgers --budget 120 --seed 3 --out runs/fine
  sciformer solve burgers --model mlp --set width=24 --json
  sciformer solve burgers --set viscosity=0.02 --ablation
  sciformer solve --resume runs/fine --budget 240
  sciformer solve burgers --set optimiser.damping=0.1 --set sampler.floor=0.3 --set sampler=warped
  sciformer solve convection --set beta=50 --set curriculum=beta:1:150
  sciformer solve kdv --set sampler=r3 --optimiser soap
  sciformer solve my_pde.py
  sciformer solve my_ode.py --windows 20
  sciformer solve cavity --set form=velocity
  sciformer solve cylinder-wake --budget 600
  sciformer solve burgers-family --from runs/family --readings start.csv
  sciformer solve heat --certify 1e-6 --out runs/proven && sciformer verify runs/proven/certificate
  torchrun --nproc-per-node 2 -m sciformer solve burgers

The network with the smallest residual on points that it was never trained on is kept; the error
against a reference is only displayed. A training ends when its --budget is spent,
when its residual has stopped falling, or when the wide layer that refines it makes faster progress.
The budget counts CPU seconds of the process, refinement included, so a busy machine takes longer
and finds the same; on an accelerator it counts seconds by the clock. For the same numbers
twice, bit for bit, give --iterations. Processes started by torchrun share the
points; the first one reports and writes.

Every solve ends with a verdict: converged, doubtful or not converged, with the reasons and what to
do next. It rests on the residual relative to the terms of its own equation, on points never trained
on: up to 0.001 is converged, beyond 0.05 is not. Exit status: 0, or 3 for "not converged"."""


SEVERAL_PROCESSES = True  # those that torchrun starts share the points


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pinn.commands.certify_solution import add_arguments
    from sciformer.cli.arguments import add_run_arguments

    parser.epilog = EPILOG
    parser.add_argument(
        "problem", nargs="?", help="a name (see `sciformer list problems`) or a Python file"
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--trust",
        action="store_true",
        help="with --resume: execute the Python file that somebody else's run names",
    )
    # None means "as in the resumed run, or else the default".
    parser.set_defaults(seed=None, dtype=None, device=None)
    _add_training_arguments(parser)
    _add_learned_arguments(parser)
    add_arguments(parser)
    parser.add_argument(
        "--ablation",
        action="store_true",
        help="then solve with one token per point, and print both (twice the time)",
    )


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the choices of a training and its limits."""
    from sciformer.cli.arguments import add_set_argument, positive_integer, positive_number

    parser.add_argument(
        "--model",
        metavar="NAME",
        help="physicsformer or mlp; by default what the problem advises, or else the winner of a "
        "short race of both",
    )
    parser.add_argument(
        "--budget",
        type=positive_number,
        metavar="SECONDS",
        help="CPU seconds of training and refinement at most (default 32, or what the problem "
        "advises)",
    )
    parser.add_argument(
        "--iterations", type=positive_integer, metavar="N", help="steps, instead of --budget"
    )
    parser.add_argument(
        "--optimiser",
        metavar="NAME",
        help="levenberg-marquardt (default), self-scaled-broyden, lbfgs, adam, or a name of "
        "pytorch_optimizer such as soap",
    )
    parser.add_argument("--steps", type=positive_integer, metavar="K", help="tokens per point")
    parser.add_argument(
        "--mixer", metavar="NAME", help="what mixes those tokens: attention (default), urpe or lmu"
    )
    parser.add_argument(
        "--windows",
        type=windows,
        metavar="N",
        help="windows in time, solved one after the other with the state carried over: auto "
        "(default) for evolutions in one coordinate, as many as it takes; 1 for none",
    )
    add_set_argument(
        parser,
        "a parameter of the problem, of the network, of the training, or of one of its "
        "objects as in optimiser.damping=0.1",
    )


def _add_learned_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what an answer of a learned family takes."""
    parser.add_argument(
        "--from",
        dest="learned",
        metavar="RUN",
        help="answer with a run of `sciformer learn`, in milliseconds; numbers with --set",
    )
    parser.add_argument(
        "--readings",
        action="append",
        default=[],
        metavar="FILE",
        help="with --from: CSV with a header such as x,start: places and values; repeatable",
    )
    parser.add_argument(
        "--refine",
        action="store_true",
        help="with --readings: more digits by least squares on the equations, a few seconds",
    )


def windows(text: str) -> int:
    """A number of windows in time; 0 for "auto"."""
    from sciformer.cli.arguments import positive_integer

    return 0 if text == "auto" else positive_integer(text)


def run(arguments: argparse.Namespace) -> int:
    """Solves, writes the run directory, prints the result."""
    from pinn.commands.result_table import status_of
    from sciformer.runs.processes import joined

    if arguments.learned is not None or arguments.readings or arguments.refine:
        from pinn.commands.answer import answer

        return answer(arguments)
    with joined() as processes:
        results = _results(arguments, processes)
        if processes.rank == 0:
            _show_results(arguments, results)
    return status_of(results[:1])


def _results(arguments: argparse.Namespace, processes: Processes) -> list[dict[str, Any]]:
    """The solution, and that with one token if it was asked for."""
    import time

    from pinn.commands.choices import one_token
    from pinn.commands.solve_request import Request

    begun = time.monotonic()
    request = Request(arguments, processes)
    # Before the solve, so that a network without tokens is rejected before it has been trained.
    second = one_token(request.settings) if arguments.ablation else None
    described = request.solve(request.settings, arguments.out)
    # Imports, figure and files included, unlike the seconds of the library.
    results = [{**described, "wall_seconds": time.monotonic() - begun}]
    if second is not None:
        results.append(request.solve(second, None))
    return results


def _show_results(arguments: argparse.Namespace, results: list[dict[str, Any]]) -> None:
    from pinn.commands.result_table import print_results, warn
    from sciformer.cli.console import print_json

    if arguments.json:
        print_json({**results[0], **({"ablation": results[1]} if arguments.ablation else {})})
    else:
        print_results(results)
    warn(results)
