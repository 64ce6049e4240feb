"""Sensors: what their readings leave open is in errors and bands; files of pairs are checked."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import pinn
from pinn.families.family import Family
from pinn.families.kriging import krige
from pinn.families.learned import Learned
from pinn.families.members import Members
from pinn.families.networks.shared_trunk import SpectralBranch
from pinn.families.pairs import made_pairs, read_pairs
from pinn.families.registry import find_family
from pinn.families.saved import load, save
from pinn.families.solutions import LearnedSolution, grid
from pinn.families.training import Schedule
from sciformer.errors import DataError, DomainError, SciformerError, UsageError
from sciformer.runs import Run

PLACES, WELL = np.arange(6) / 6, np.arange(40) / 40


@pytest.fixture(scope="module")
def solved() -> Learned:
    """The heat family, whose start is its solution: an answer costs next to nothing."""
    return pinn.learn("heat-family")


@pytest.fixture(scope="module")
def family() -> Family:
    return find_family("burgers-family")


def test_errors_of_sensors_count_what_these_leave_open(solved: Learned) -> None:
    """Kills: sensors that are ignored, noise that is not drawn, or drawn once for all members."""
    exact, many, few = (solved.errors(10, sensors=n) for n in (None, 64, 4))
    assert exact.median < many.median < 1e-4 < few.median
    noisy = [solved.errors(10, sensors={"start": (WELL, s)}).median for s in (0.0, 1e-2, 1e-1)]
    assert noisy[0] < noisy[1] < noisy[2]
    at_places = solved.errors(10, sensors={"start": WELL})
    assert at_places.median == noisy[0]


@pytest.mark.parametrize(
    ("sensors", "said"),
    [
        (0, "one sensor at least"),
        ({}, "sensors need places of start"),
        ({"stat": PLACES}, "Did you mean 'start'"),
        ({"start": []}, "at least one"),
    ],
)
def test_sensors_that_read_nothing_are_refused(solved: Learned, sensors: object, said: str) -> None:
    with pytest.raises(SciformerError, match=said):
        solved.errors(2, sensors=sensors)  # type: ignore[arg-type]


def test_bands_of_sensors_hold_on_members_never_seen(solved: Learned, tmp_path: Path) -> None:
    """Six readings. Kills: a band of members that were known exactly, which holds none of them, or
    of other sensors; a run that forgets what it was calibrated on."""
    member = solved.family.draw(1, 3)
    solved.calibrate(60)
    with pytest.raises(UsageError, match=r"calibrate\(sensors=\.\.\.\)"):
        quietly(solved, member).band()
    solved.calibrate(60, sensors={"start": PLACES})
    members, at = solved.family.draw(60, 77), grid(solved.family)
    exact = solved.family.exact(members, at.numpy())["u"]
    inside = 0
    for i in range(60):
        solution = quietly(solved, members[i : i + 1])
        gap = float((solution(at)["u"] - exact[i]).abs().max())
        inside += gap <= solution.band(0.9)["u"]
    # 90 % up to the spread of the calibration (0.83 to 0.95) and of 60 members (0.04).
    assert 45 <= inside <= 60
    fewer = (PLACES[::2], member.values("start", PLACES[::2])[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = solved(start=fewer, a=0.01)
    with pytest.raises(UsageError, match=r"calibrate\(sensors=\.\.\.\)"):
        other.band()
    run = Run.create(tmp_path / "run", "learned", {"problem": "heat-family"})
    save(solved, run)
    again = quietly(load(tmp_path / "run"), member)
    assert again.band() == quietly(solved, member).band()


def quietly(learned: Learned, member: Members) -> LearnedSolution:
    """The answer to six readings of a member."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that six readings leave some of it open
        start = (PLACES, member.values("start", PLACES)[0])
        return learned(start=start, a=float(member.numbers["a"][0]))


def test_noise_of_each_reading_is_that_of_a_gaussian_process() -> None:
    """Mean by the dense formula K* (K + diag(s^2))^-1 y. Kills: one level for all readings."""
    field = pinn.GaussianField(length=0.2, std=0.8, smoothness=4.0, waves=4).on(0, 1, periodic=True)
    generator = torch.Generator().manual_seed(0)
    places, values = torch.rand(2, 6, generator=generator, dtype=torch.float64)
    noise = torch.tensor([0.01, 0.3, 0.02, 1.0, 0.1, 0.05], dtype=torch.float64)
    x = torch.linspace(0, 1, 5, dtype=torch.float64)
    rows, ends = (field.basis.matrix(p) * field.sizes for p in (places, x))
    wanted = ends @ rows.mT @ torch.linalg.solve(rows @ rows.mT + torch.diag(noise**2), values)
    found = krige("f", field, places, values, noise)
    torch.testing.assert_close(field.values(found.coefficients[None], x)[0], wanted)


@pytest.mark.parametrize(
    ("noise", "said"),
    [(-1.0, ">= 0"), (np.nan, ">= 0"), (np.inf, ">= 0"), ([1.0, 2.0], "one for each of 6")],
)
def test_noise_that_is_none_is_refused(solved: Learned, noise: object, said: str) -> None:
    with pytest.raises(SciformerError, match=said):
        solved(start=(PLACES, np.sin(PLACES), noise), a=0.01)


def arrays(family: Family) -> dict[str, np.ndarray]:
    """Three members read at ragged places, as a file holds them."""
    made = made_pairs(family, seed=1, count=3)
    places = np.random.default_rng(0).uniform(size=(3, 50))
    values = np.stack([made.members[i : i + 1].values("start", places[i])[0] for i in range(3)])
    return {
        "places": places,
        "values": values,
        "lengths": np.array([50, 45, 40]),
        "points": made.points[0].numpy(),
        "u": made.fields[..., 0].numpy(),
    }


def test_pairs_in_hdf5_are_those_in_npz(family: Family, tmp_path: Path) -> None:
    """Kills: a reader that knows one form, and rows that are transposed."""
    given = arrays(family)
    np.savez(tmp_path / "pairs.npz", **given)
    with h5py.File(tmp_path / "pairs.h5", "w") as file:
        for name, array in given.items():
            file[name] = array
    first, second = (read_pairs(family, tmp_path / f"pairs.{form}") for form in ("npz", "h5"))
    for a, b in (
        (first.points, second.points),
        (first.fields, second.fields),
        (first.members.coefficients["start"], second.members.coefficients["start"]),
    ):
        assert torch.equal(a, b)


def test_files_that_are_no_hdf5_are_refused(family: Family, tmp_path: Path) -> None:
    """Kills: an error of a library, a link that leads out of the file."""
    path = tmp_path / "pairs.h5"
    with pytest.raises(DataError, match="no such file"):
        read_pairs(family, path)
    path.write_bytes(b"places")
    with pytest.raises(DataError, match="not a whole HDF5 file"):
        read_pairs(family, path)
    with h5py.File(path, "w") as file:
        file["places"] = h5py.ExternalLink("other.h5", "places")
    with pytest.raises(DataError, match="must be an array in the file itself"):
        read_pairs(family, path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("lengths", [50, 45, -3]), "whole numbers from 1 to 50"),
        (("lengths", [50, 45, 0]), "whole numbers from 1 to 50"),
        (("lengths", [50, 45, 51]), "whole numbers from 1 to 50"),
        (("lengths", [50, 45, 1.5]), "whole numbers from 1 to 50"),
        (("lengths", [50, np.nan, 40]), "whole numbers from 1 to 50"),
        (("lengths", [50, 45]), "lengths must have 3 rows"),
        (("values", np.zeros((3, 49))), "must have the same shape"),
        (("values", np.full((3, 50), np.nan)), "member 0, start: a reading is not finite"),
        (("points", np.zeros((2, 1024, 2))), "points must have shape"),
        (("points", np.zeros(2)), "points must be numbers with 3 axes"),
        (("points", np.full((1024, 2), 1.5)), "x goes from 1.5 to 1.5, the domain from 0 to 1"),
        (("points", np.full((1024, 2), np.nan)), "must be finite"),
        (("u", np.full((3, 1024), np.inf)), "none inf"),
    ],
)
def test_pairs_that_are_wrong_are_refused(
    family: Family, tmp_path: Path, change: tuple[str, object], said: str
) -> None:
    """Kills: rows cut from their end by a negative length, points outside that are learned from."""
    name, value = change
    np.savez(tmp_path / "pairs.npz", **{**arrays(family), name: np.asarray(value)})
    with pytest.raises(DataError, match=said):
        read_pairs(family, tmp_path / "pairs.npz")


@pytest.mark.parametrize("mistake", ["coordinates", "members", "units"])
def test_data_that_are_not_of_their_members_are_refused(family: Family, mistake: str) -> None:
    """Columns of the points in another order, rows of another member, fields in another unit.

    Kills: data that are learned from although they contradict the given initial values."""
    made = made_pairs(family, seed=1, count=4)
    network = SpectralBranch(width=16, depth=2)
    learn = partial(pinn.learn, family, network=network, loss="data", schedule=Schedule(steps=1))
    assert learn(data=made).about["steps"] == 1
    wrong = {
        "coordinates": lambda: replace(made, points=made.points.flip(-1)),
        "members": lambda: replace(made, fields=made.fields.flip(0)),
        "units": lambda: replace(made, fields=1000 * made.fields),
    }
    with pytest.raises(DataError, match="check the order of coordinates, which is x, t"):
        learn(data=wrong[mistake]())


def test_numbers_that_the_family_does_not_draw_are_refused(tmp_path: Path) -> None:
    """Kills: members of another range, which no network of the family can answer."""
    given = {**arrays(find_family("heat-family")), "a": np.array([0.01, 0.02, 0.06])}
    np.savez(tmp_path / "pairs.npz", **given)
    with pytest.raises(DataError, match=r"a goes from 0.01 to 0.06, outside of \[0.002, 0.05\]"):
        read_pairs(find_family("heat-family"), tmp_path / "pairs.npz")


def test_more_members_than_none_are_needed(family: Family, tmp_path: Path) -> None:
    one = {n: a if n == "points" else a[:1] for n, a in arrays(family).items()}
    np.savez(tmp_path / "pairs.npz", **one)
    with pytest.raises(DataError, match="two members at least; got 1"):
        read_pairs(family, tmp_path / "pairs.npz")
    with pytest.raises(DomainError, match="two members"):
        pinn.learn("heat-family").calibrate(1, sensors=3)
