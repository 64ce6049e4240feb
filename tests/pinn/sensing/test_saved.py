"""Runs of sensors: what was saved answers alike, and what others wrote is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pinn.sensing.saved import ABOUT, KIND, MODES, WEIGHTS, load, save
from pinn.sensing.sensed import SensedFlow
from sciformer.errors import DataError
from sciformer.runs import Run


@pytest.fixture
def run(sensed: SensedFlow, tmp_path: Path) -> Run:
    made = Run.create(tmp_path / "run", KIND, {})
    save(sensed, made)
    return made


def test_a_run_answers_as_what_was_learned(sensed: SensedFlow, run: Run) -> None:
    """Kills: sizes, sensors or units that are not saved."""
    again = load(run.path)
    places = sensed.places[:4] + 0.01
    np.testing.assert_array_equal(again.places, sensed.places)
    one, other = (each.stream(np.clip(places, 0.0, 1.0)) for each in (sensed, again))
    for frame in np.random.default_rng(0).normal(size=(6, 6, 2)):
        first, second = one.push(frame), other.push(frame)
        for name in ("u", "v", "p"):
            np.testing.assert_array_equal(first[name], second[name])
    assert again.about["validation"] == sensed.about["validation"]


def edited(run: Run, **changes: object) -> None:
    path = run.path / MODES
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays |= {k: v(arrays[k]) for k, v in changes.items()}  # type: ignore[operator]
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "changes",
    [
        {"modes": lambda m: 2 * m},
        {"modes": lambda m: m * np.nan},
        {"modes": lambda m: m[..., 0]},
        {"modes": lambda m: m[:2]},
        {"modes": lambda m: m.astype(np.float32)},
        {"sizes": lambda s: -s},
        {"sizes": lambda s: s[:-1]},
        {"scale": lambda s: 0 * s},
        {"points": lambda p: p[:-1]},
        {"sensors": lambda s: s + 10_000},
        {"sensors": lambda s: s - 10_000},
        {"sensors": lambda s: s.astype(float)},
        {"sensors": lambda s: s[:1]},
        {"sensors": lambda s: np.array([object()])},
    ],
)
def test_modes_that_no_training_writes_are_refused(run: Run, changes: dict[str, object]) -> None:
    """Kills: a shape, a type or a range that is believed."""
    edited(run, **changes)
    with pytest.raises(DataError):
        load(run.path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sizes", {"width": 10**9}),
        ("sizes", {"width": "16"}),
        ("sizes", {"width": -4}),
        ("sizes", {"mixer": "latents"}),
        ("sizes", {"mixer": "nothing"}),
        ("sizes", {"heads": 0}),
        ("sizes", {"eval": 1}),
        ("sizes", None),
        ("sizes", {"order": 0}),
        ("sizes", {"width": 24}),
        ("schedule", {"noisiest": 2.0}),
        ("schedule", []),
        ("frames", 0),
        ("frames", "80"),
        ("first", 1.5),
        ("names", ["u", "v", "w"]),
        ("names", ["u", "v"]),
        ("names", 3),
    ],
)
def test_configurations_that_no_training_writes_are_refused(
    run: Run, key: str, value: object
) -> None:
    """Kills: a width that fills the memory, code by the name of a mixer, weights of other sizes."""
    about = json.loads((run.path / ABOUT).read_text())
    about[key] = {**about[key], **value} if isinstance(value, dict) else value
    (run.path / ABOUT).write_text(json.dumps(about))
    with pytest.raises(DataError):
        load(run.path)


def test_files_of_another_run_are_refused(sensed: SensedFlow, run: Run, tmp_path: Path) -> None:
    """Kills: weights and sensors swapped between runs of equal shapes, taken without a word."""
    other = Run.create(tmp_path / "twin", KIND, {"seed": 2})
    save(sensed, other)
    weights = (run.path / WEIGHTS).read_bytes()
    (run.path / WEIGHTS).write_bytes((other.path / WEIGHTS).read_bytes())
    with pytest.raises(DataError, match="another run"):
        load(run.path)
    (run.path / WEIGHTS).write_bytes(weights)
    edited(run, sensors=lambda s: s[::-1].copy())
    with pytest.raises(DataError, match="other modes or sensors"):
        load(run.path)


def test_other_runs_are_refused(tmp_path: Path) -> None:
    Run.create(tmp_path / "other", "train", {})
    with pytest.raises(DataError, match="not a finished run"):
        load(tmp_path / "other")
    Run.create(tmp_path / "unfinished", KIND, {})
    with pytest.raises(DataError, match="not a finished run"):
        load(tmp_path / "unfinished")
