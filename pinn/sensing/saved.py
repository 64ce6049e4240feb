"""Learned sensors as run directories: modes, weights, and how they were learned."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinn.names import check_type
from pinn.sensing.baselines import Setup
from pinn.sensing.filter import SensorFilter, Sizes
from pinn.sensing.learning import whitened
from pinn.sensing.modes import MOST_MODES, Modes
from pinn.sensing.practice import Schedule
from pinn.sensing.record import FEWEST, MOST
from pinn.sensing.sensed import SensedFlow
from sciformer.errors import DataError, UsageError
from sciformer.runs import Run
from sciformer.runs.arrays import read_arrays
from sciformer.runs.reading import digest_of_tensors, read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND = "wake-sensors"
MODES, WEIGHTS, ABOUT = "modes.npz", "network.safetensors", "learned.json"
LARGEST = 1 << 14  # widths, windows and orders: far above any that is worth training
ORTHONORMAL = 1e-6  # of the modes' Gram matrix: rounding of a thousand snapshots is far below


def save(sensed: SensedFlow, run: Run) -> None:
    """Writes modes, weights and how they were learned."""
    from safetensors.torch import save_file

    modes = sensed.setup.modes
    arrays = {name: getattr(modes, name) for name in _SHAPES}
    run.write_array(MODES, sensors=sensed.setup.sensors, **arrays)
    with run.file(WEIGHTS) as path:
        state = sensed.network.state_dict()
        tensors = {name: tensor.contiguous() for name, tensor in state.items()}
        save_file(tensors, path, {"run": run.digest, "modes": _digest(sensed.setup)})
    run.write_json(ABOUT, {**sensed.about, "names": list(modes.names)})


def load(directory: Path | str) -> SensedFlow:
    """The learned sensors of a finished run of `sciformer learn wake-sensors`.

    Raises:
        DataError: no such run, one of another command, or a damaged one.
    """
    run = Run.open(directory)
    about = run.read_json(ABOUT) if run.kind == KIND else None
    if not isinstance(about, dict):
        raise DataError(
            f"sensors: {directory} is not a finished run of `sciformer learn wake-sensors`; name "
            "another."
        )
    try:
        sizes, schedule = (
            _made(about, key, kind) for key, kind in (("sizes", Sizes), ("schedule", Schedule))
        )
        frames, names = about["frames"], tuple(about["names"])
        good = isinstance(frames, int) and 0 < frames <= 1 << 24
        if not good or names not in (("u", "v"), ("u", "v", "p")):
            raise DataError("frames or names")
        first, step = about["first"], about["step"]
        if not (isinstance(first, float) and 0 < first < 1 and isinstance(step, float)):
            raise DataError("first or step")
        about |= {"sizes": asdict(sizes), "schedule": asdict(schedule)}
        setup = _setup(run, names)
        network = SensorFilter(whitened(setup), sizes, frames)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"sensors: {run.path} holds what no `sciformer learn wake-sensors` writes ({error}); "
            "name another run."
        ) from error
    path = run.path / WEIGHTS
    state, texts = read_tensors(path, network.state_dict(), inside=run.path)
    run.refuse_foreign(path, texts.get("run", ""))
    if texts.get("modes") != _digest(setup):
        raise DataError(
            f"sensors: {path} was trained on other modes or sensors than {MODES} beside it holds; "
            "restore it, or learn again."
        )
    network.load_state_dict(state)
    return SensedFlow(setup, network, about)


def _digest(setup: Setup) -> str:
    """SHA-256 over modes, units and sensors in their order, which the weights were trained for."""
    arrays = {name: getattr(setup.modes, name) for name in _SHAPES} | {"sensors": setup.sensors}
    return digest_of_tensors({k: torch.from_numpy(v.copy()) for k, v in arrays.items()})


def _made(about: Mapping[str, Any], key: str, kind: Any) -> Any:
    """The sizes or schedule that a run wrote."""
    options, defaults = about[key], vars(kind())
    if not isinstance(options, dict):
        raise UsageError(f"{key} is not an object")
    for name, value in options.items():
        check_type(key, name, value, defaults[name])
        if isinstance(value, int) and not 0 <= value <= LARGEST and name != "steps":
            raise UsageError(f"{name} is {value}")
    return kind(**options)


_SHAPES = {
    "points": ("p", 2),
    "mean": ("f", "p"),
    "scale": ("f",),
    "sizes": ("r",),
    "modes": ("f", "p", "r"),
    "reading_size": (2,),
}


def _setup(run: Run, names: tuple[str, ...]) -> Setup:
    """Modes and sensors, refused unless they are what a training writes."""
    path = run.path / MODES
    found = read_arrays(path, inside=run.path)
    if set(found) != {*_SHAPES, "sensors"}:
        raise DataError(f"{path} holds {', '.join(sorted(found))}")
    sensors, shape = found.pop("sensors"), found["modes"].shape
    if len(shape) != 3 or shape[0] != len(names) or not 0 < shape[2] <= MOST_MODES:
        raise DataError(f"{path}: modes of shape {shape}")
    letters = dict(zip("fpr", shape, strict=True))
    for name, array in found.items():
        wanted = tuple(letters[a] if isinstance(a, str) else a for a in _SHAPES[name])
        if array.dtype != np.float64 or array.shape != wanted or not np.isfinite(array).all():
            raise DataError(f"{path}: {name} of {array.dtype} and shape {array.shape}")
    modes = Modes(names=names, **found)
    positive = (
        (modes.scale > 0).all() and (modes.sizes > 0).all() and (modes.reading_size > 0).all()
    )
    gram = np.einsum("fpr,fps->rs", modes.modes, modes.modes)
    if not positive or np.abs(gram - np.eye(shape[2])).max() > ORTHONORMAL:
        raise DataError(f"{path}: modes that are not orthonormal, or sizes that are not > 0")
    good = sensors.dtype == np.int64 and sensors.ndim == 1 and FEWEST <= len(sensors) <= MOST
    if not good or sensors.min() < 0 or sensors.max() >= shape[1]:
        raise DataError(f"{path}: sensors that are not points of it")
    return Setup(modes, sensors)
