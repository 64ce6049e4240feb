"""Compute the wake of a cylinder with finite elements, and keep it in closed form."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.cfd.compression import Size
    from pinn.cfd.wake import WakeMaker, WakeSettings
    from sciformer.cli.console import Progress
    from sciformer.runs import Run

EPILOG = """examples:
  sciformer wake generate
  sciformer wake generate --set wake=0.35 --set fine_order=5 --out runs/finer
  sciformer wake generate --budget 300 --out runs/long; sciformer wake generate --resume runs/long
  sciformer wake generate --set box=-30,50,-30,30 --set window=1,8,-2,2
  sciformer wake benchmark

generate computes the wake from rest until it is periodic, prints its Strouhal number and force
coefficients, and writes wake.npz; benchmark computes the channel flow DFG 2D-1 and compares its
drag with the published one. Both need pip install 'sciformer[cfd]' (NGSolve, LGPL-2.1) and run on
the CPU only."""

CHECKPOINT_S = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pathlib import Path

    from sciformer.cli.arguments import (
        add_json_argument,
        add_set_argument,
        positive_integer,
        positive_number,
    )

    parser.epilog = EPILOG
    parser.add_argument("action", choices=("generate", "benchmark"), help="what to compute")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, metavar="DIR", help="new run directory")
    place.add_argument("--resume", type=Path, metavar="DIR", help="run directory to continue")
    add_json_argument(parser)
    parser.add_argument("--threads", type=positive_integer, metavar="N", help="CPU threads")
    parser.add_argument(
        "--budget", type=positive_number, metavar="SECONDS", help="stop, to be resumed, after this"
    )
    add_set_argument(
        parser,
        "a number of the mesh, of the scheme or of the closed form",
    )


def run(arguments: argparse.Namespace) -> None:
    """Computes, writes and prints."""
    from pinn.cfd.engine import finite_elements

    ngsolve, _ = finite_elements()
    if arguments.threads is not None:
        ngsolve.SetNumThreads(arguments.threads)
    if arguments.action == "benchmark":
        _benchmark(arguments.json)
    else:
        _generate(arguments)


def _generate(arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from pinn.cfd.wake import WakeMaker, make_wake
    from sciformer.cli.console import Progress
    from sciformer.runs import Run

    old = Run.open(arguments.resume).config["pairs"] if arguments.resume else []
    pairs = [*old, *arguments.pairs]
    settings, size = _settings(pairs)
    config = {"pairs": pairs, "settings": asdict(settings), "size": asdict(size)}
    if arguments.resume:
        run = Run.resume(arguments.resume, config)
    else:
        run = Run.create(arguments.out, "wake", config)
    maker = WakeMaker(settings)
    _restore(maker, run)
    with Progress(total=settings.steps[-1], label="wake") as progress:
        observer = _Observer(maker, run, progress, arguments.budget)
        is_done = make_wake(maker, observer, observer.is_out_of_budget)
    _save(maker, run)
    if is_done:
        _finish(maker, run, size, arguments.json)
    else:
        _say_unfinished(maker, run, arguments.json)


def _settings(pairs: list[str]) -> tuple[WakeSettings, Size]:
    """The defaults changed by words key=value."""
    import dataclasses

    from pinn.cfd.compression import Size
    from pinn.cfd.meshes import WakeMesh
    from pinn.cfd.wake import WakeSettings
    from sciformer.cli.settings import parse_settings
    from sciformer.errors import unknown_name

    kinds = (WakeMesh, WakeSettings, Size)
    keys = [[f.name for f in dataclasses.fields(kind) if f.name != "mesh"] for kind in kinds]
    for pair in pairs:
        key = pair.partition("=")[0]
        if not any(key in names for names in keys):
            raise unknown_name("sciformer wake", "--set key", key, [k for g in keys for k in g])
    mesh, scheme, size = (
        parse_settings("sciformer wake", [p for p in pairs if p.partition("=")[0] in names], kind)
        for names, kind in zip(keys, kinds, strict=True)
    )
    return WakeSettings(mesh=WakeMesh(**mesh), **scheme), Size(**size)


class _Observer:
    """Progress display, checkpoints and time limit of a computation."""

    def __init__(
        self, maker: WakeMaker, run: Run, progress: Progress, budget: float | None
    ) -> None:
        import time

        self._clock: Callable[[], float] = time.monotonic
        self._maker, self._run, self._progress = maker, run, progress
        self._start = self._saved = self._clock()
        self._budget = float("inf") if budget is None else budget

    def __call__(self, maker: WakeMaker, drag: float, lift: float) -> None:
        self._progress.update(maker.taken, unknowns=maker.unknowns, Cd=drag, Cl=lift)
        if self._clock() - self._saved > CHECKPOINT_S:
            _save(maker, self._run)
            self._saved = self._clock()

    def is_out_of_budget(self) -> bool:
        return self._clock() - self._start > self._budget


def _save(maker: WakeMaker, run: Run) -> None:
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in maker.state().items()}
    run.save_checkpoint(tensors, {"steps": maker.taken})


def _restore(maker: WakeMaker, run: Run) -> None:
    saved = run.load_checkpoint()
    if saved is not None:
        maker.restore({name: tensor.numpy() for name, tensor in saved[0].items()})


def _finish(maker: WakeMaker, run: Run, size: Size, as_json: bool) -> None:
    from pinn.cfd.compression import compress
    from pinn.cfd.provenance import describe_wake
    from pinn.references.wake import save_wake
    from sciformer.cli.console import print_json, print_table

    settings, recording = maker.settings, maker.recording()
    wake = compress(recording, settings.window, settings.reynolds, size)
    with run.file("wake.npz") as path:
        save_wake(path, wake)
    summary = describe_wake(run.path / "wake.npz", recording, settings, size)
    run.write_json("summary.json", summary)
    if as_json:
        print_json({**summary, "run": str(run.path)})
    else:
        rows = [*summary["shedding"].items(), *summary["accuracy"].items(), ("run", str(run.path))]
        print_table(rows, ["", "wake"])


def _say_unfinished(maker: WakeMaker, run: Run, as_json: bool) -> None:
    from sciformer.cli.console import note, print_json

    steps = maker.settings.steps[-1]
    if as_json:
        print_json({"finished": False, "step": maker.taken, "steps": steps, "run": str(run.path)})
    note(
        f"sciformer wake: {maker.taken} of {steps} steps are done; "
        f"continue with sciformer wake generate --resume {run.path}."
    )


def _benchmark(as_json: bool) -> None:
    from dataclasses import asdict

    from pinn.cfd.channel import PUBLISHED, solve_channel
    from sciformer.cli.console import print_json, print_table

    ours = asdict(solve_channel())
    if as_json:
        print_json({"computed": ours, "published": asdict(PUBLISHED)})
        return
    rows: list[tuple[Any, ...]] = [
        (name, f"{value:.9f}", f"{published:.9f}", f"{value / published - 1:+.1e}")
        for (name, value), published in zip(ours.items(), asdict(PUBLISHED).values(), strict=True)
    ]
    print_table(rows, ["DFG 2D-1", "computed", "published", "relative"])
