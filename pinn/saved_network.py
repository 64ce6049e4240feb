"""The trained network of a solve in its run directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pinn.assembly import rebuilt
from sciformer.errors import DataError
from sciformer.runs import Run
from sciformer.runs.reading import read_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from pinn.trial.trial_solution import TrialSolution

NETWORK = "network.safetensors"


def save_network(trial: TrialSolution, run: Run) -> None:
    """Writes the trained parameters into a run directory."""
    from safetensors.torch import save_file

    with run.file(NETWORK) as path:
        tensors = {k: v.contiguous() for k, v in trial.state_dict().items()}
        save_file(tensors, path, {"run": run.digest})


def refuse_unfinished(run: Run) -> None:
    """Refuses a run without a trained network.

    Raises:
        DataError: it has not finished.
    """
    if not (run.path / NETWORK).exists():
        raise DataError(
            f"Solution: {run.path} has not finished; continue it with --resume {run.path}."
        )


def load_trial(run: Run, problem: Problem, settings: Settings) -> TrialSolution:
    """The trial solution of a finished run, with its trained parameters.

    Raises:
        DataError: the file is damaged, or belongs to another network or run.
    """
    path = run.path / NETWORK
    try:
        found, texts = read_tensors(path, inside=run.path)
        run.refuse_foreign(path, texts.get("run", ""))
        trial = rebuilt(problem, settings, run.config, found)
        tensors, _ = read_tensors(path, trial.state_dict(), inside=run.path)
    except DataError as error:
        raise DataError(
            f"Solution: {path} is damaged or belongs to another network; "
            f"solve again with --resume {run.path}: {error}"
        ) from error
    trial.load_state_dict(tensors)
    return trial


def available(device: str) -> str:
    """The device that a run was trained on, or the CPU where it is not here."""
    try:
        return device if torch.empty(1, device=device).isfinite().numel() else "cpu"
    except (RuntimeError, AssertionError, NotImplementedError):
        return "cpu"


def open_solve(directory: str | Path) -> Run:
    """The run of a solve, finished or not.

    Raises:
        DataError: the directory is not a run, or one of another command.
    """
    run = Run.open(directory)
    types = {"problem": str, "parameters": dict, "settings": dict}
    if not all(isinstance(run.config.get(key), kind) for key, kind in types.items()):
        raise DataError(
            f"Solution: {directory} is a run of {run.kind!r}, not of `sciformer solve` with a "
            "problem that it can continue; name another."
        )
    return run
