"""Learned families as run directories: configuration, weights, calibration."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinn.families.answer import Answer
from pinn.families.calibration import Calibration
from pinn.families.learned import Learned
from pinn.families.starts import STARTS, find_start
from pinn.names import describe as describe_object
from pinn.names import make
from sciformer.errors import DataError
from sciformer.runs.arrays import read_arrays
from sciformer.runs.reading import read_tensors

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.starts import Start
    from pinn.families.training import Schedule
    from sciformer.runs import Run

KIND = "family network"
WEIGHTS, CALIBRATION = "network.safetensors", "calibration.npz"


def describe(
    family: Family,
    network: Any,
    start: Start,
    loss: str,
    budget: float,
    seed: int,
    schedule: Schedule | None,
) -> dict[str, Any]:
    """Description of how a family is learned, as JSON values."""
    from pinn.families.training import Schedule as Default

    return {
        "family": family.name,
        "start": start.name,
        "leaves_out": start.leaves_out,
        "loss": loss,
        "budget": budget,
        "seed": seed,
        "sizes": None if network is None else describe_object(KIND, network),
        "schedule": dataclasses.asdict(schedule or Default()),
        "distributions": distributions(family),
    }


def distributions(family: Family) -> dict[str, str]:
    """A text of the distributions of members, which changes whenever they do."""
    fields = {
        name: f"{field.mean:.12g} + {field.std:.12g} on {field.interval}, "
        f"{[float(f'{size:.9g}') for size in field.sizes.tolist()]}"
        for name, field in family.fields.items()
    }
    return {
        "equations": "; ".join(map(str, family.problem.equations)),
        "domain": str(family.problem.domain),
        **fields,
        **{name: str(one) for name, one in family.distributions.items()},
    }


def save(learned: Learned, run: Run) -> None:
    """Writes weights, and the scores of a calibration if there was one."""
    from safetensors.torch import save_file

    state = {k: v.contiguous() for k, v in learned.answer.state_dict().items()}
    with run.file(WEIGHTS) as path:
        save_file(state, path)
    run.write_json("learned.json", learned.about)
    if learned.calibration is not None:
        found = learned.calibration
        unknown = np.array([found.unknown.get(name, 0.0) for name in learned.family.fields])
        run.write_array(CALIBRATION, scores=found.scores, unknown=unknown)


def load(directory: Path | str, *, trust: bool = False) -> Learned:
    """The learned family of a finished run of `sciformer learn`.

    Args:
        directory: of the run.
        trust: whether the family's Python file of somebody else's run may be executed.

    Raises:
        DataError: no such run, one of another command, a damaged one, or a family that has changed.
        UsageError: the family is a Python file of somebody else, or one that has changed.
    """
    from pinn.families.registry import find_family
    from pinn.problem.source import name_in
    from sciformer.runs import Run

    run = Run.open(directory)
    about = run.read_json("learned.json")
    wanted = {"family": str, "start": str, "loss": str, "distributions": dict, "network": str}
    if not isinstance(about, dict) or not all(
        isinstance(about.get(k), t) for k, t in wanted.items()
    ):
        raise DataError(
            f"learned: {directory} is not a finished run of `sciformer learn`; name another."
        )
    family = find_family(name_in(run, trust=trust))
    if distributions(family) != about["distributions"]:
        raise DataError(
            f"learned: {family.name} has other equations or distributions now than when "
            f"{directory} was learned; learn it again."
        )
    if about["start"] not in STARTS:
        raise DataError(f"learned: {directory} names the unknown start {about['start'][:40]!r}.")
    sizes = None if about["network"] == "compiled" else make(KIND, about.get("sizes") or "spectral")
    network = None if sizes is None else sizes.build(family)
    answer = Answer(family, find_start(about["start"], family), network)
    state, _ = read_tensors(run.path / WEIGHTS, answer.state_dict(), inside=run.path)
    answer.load_state_dict(state)
    learned = Learned(answer, sizes is not None and sizes.reads_tokens, about)
    if (run.path / CALIBRATION).exists():
        learned.calibration = _calibration(run, family)
    return learned


def _calibration(run: Run, family: Family) -> Calibration:
    path, fields = run.path / CALIBRATION, len(family.problem.fields)
    arrays = read_arrays(path, inside=run.path)
    scores, unknown = arrays.get("scores"), arrays.get("unknown", np.zeros(len(family.fields)))
    good = scores is not None and scores.dtype.kind == unknown.dtype.kind == "f"
    good = good and unknown.shape == (len(family.fields),) and bool((unknown >= 0).all())
    if (
        scores is None
        or not good
        or scores.ndim != 2
        or scores.shape[1] != fields
        or not (scores >= 0).all()
    ):
        raise DataError(f"{path}: holds no scores of {fields} fields; calibrate again.")
    known = dict(zip(family.fields, unknown.tolist(), strict=True))
    return Calibration(torch.from_numpy(scores.astype("float64")), known)
