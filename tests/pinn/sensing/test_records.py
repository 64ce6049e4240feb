"""Records, corruption, modes between points, tables: what is taken and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from pinn.data.flow import FlowData
from pinn.sensing.modes import Modes
from pinn.sensing.record import Corruption, Record
from pinn.sensing.tables import frames, read_places
from sciformer.errors import DataError, DomainError, UsageError
from tests.pinn.sensing.conftest import PERIOD, field, flow


def test_a_shifted_clock_changes_nothing(record: Record) -> None:
    """Kills: times of the clock that reach the network."""
    np.testing.assert_array_equal(Record.of(flow(offset=1e4)).fields, record.fields)
    assert Record.of(flow(offset=1e4)).step == pytest.approx(record.step)


@pytest.mark.parametrize("scattered", [0, 400])
def test_modes_answer_between_the_points(scattered: int) -> None:
    """Kills: splines of permuted points, x and y exchanged, columns of another field."""
    record = Record.of(flow(shape=(25, 19), scattered=scattered))
    modes = Modes.of(record)
    low, high = record.points.min(0), record.points.max(0)
    places = np.random.default_rng(0).uniform(low + 0.1, high - 0.1, (40, 2))
    mean, found = modes.at(places)
    a = modes.coefficients(record)
    phase = 2 * np.pi * np.arange(record.frames) / PERIOD
    for k in range(3):
        exact = field(places, phase, k)
        answer = mean[k][:, None] + found[k] @ a.T
        assert np.abs(answer - exact).max() < (0.02 if scattered else 2e-3) * np.abs(exact).max()
    mean, found = modes.at(record.points)
    np.testing.assert_allclose(mean, modes.mean, atol=1e-9)


def test_noise_and_failures_are_as_large_as_they_say(record: Record) -> None:
    """Kills: noise of one velocity on the other, failures that change from frame to frame."""
    sensors, size = record.random_sensors(20, 0), np.array([2.0, 0.5])
    clean = Corruption().read(record, sensors, size, 0)
    noisy = Corruption(0.1, 4).read(record, sensors, size, 0)
    gap = (noisy.values - clean.values)[noisy.present].reshape(record.frames, -1, 2)
    np.testing.assert_allclose(gap.std((0, 1)), 0.1 * size, rtol=0.06)
    silent = ~noisy.present
    assert (silent == silent[0]).all()
    assert silent[0].all(1).sum() == silent[0].any(1).sum() == 4
    np.testing.assert_array_equal(clean.values[5, :, 1], record.fields[1, sensors, 5])


def test_sensors_are_the_nearest_points(record: Record) -> None:
    places = record.points[[3, 50]] + 0.01
    places = np.clip(places, record.points.min(0), record.points.max(0))
    np.testing.assert_array_equal(record.sensors_at(places), [3, 50])


def test_a_late_first_snapshot_is_left_out() -> None:
    """Kills: a gap of several steps that counts as one."""
    whole = flow(period=150.0)
    kept = [0, *range(2, 80)]
    late = FlowData(
        "late", whole.points, whole.time[1:], whole.velocity[..., kept], whole.pressure[:, kept]
    )
    assert late.has_late_start
    np.testing.assert_array_equal(Record.of(late).fields, Record.of(whole).fields[..., 2:])


def refused() -> list[tuple[type[Exception], str, object]]:
    """Error, a part of its sentence, and what raises it."""
    record = Record.of(flow())
    uneven = flow()
    steps = np.array([*uneven.time[:-1], uneven.time[-1] + 1.0])
    still = np.repeat(flow().velocity[..., :1], 80, -1)
    inside = np.array([[1.0, 0.0], [2.0, 0.5]])
    return [
        (DataError, "equal steps", lambda: Record.of(
            FlowData("f", uneven.points, steps, uneven.velocity))),
        (DataError, "does not change", lambda: Modes.of(
            Record.of(FlowData("f", uneven.points, uneven.time, still)))),
        (UsageError, "share in", lambda: record.split(1.5)),
        (UsageError, "share in", lambda: record.split(float("nan"))),
        (DataError, "too few", lambda: record.part(0, 30).split(0.6)),
        (DataError, "too few", lambda: record.split(0.999)),
        (DomainError, "sensors", lambda: record.random_sensors(1, 0)),
        (DomainError, "sensors", lambda: record.random_sensors(500, 0)),
        (DataError, "outside of", lambda: record.sensors_at(inside + 10)),
        (DataError, "finite places", lambda: record.sensors_at(inside * np.nan)),
        (DataError, "same nearest point", lambda: record.sensors_at(inside[[0, 0]])),
        (DomainError, "one must work", lambda: Corruption(0, 6).read(
            record, record.random_sensors(6, 0), np.ones(2), 0)),
        (DomainError, "noise must be", lambda: Corruption(-0.1).read(
            record, record.random_sensors(6, 0), np.ones(2), 0)),
        (DomainError, "outside of the record", lambda: Modes.of(record).at(inside + 10)),
        (DomainError, "expects points", lambda: Modes.of(record).at(inside[0])),
        (DomainError, "outside of the record", lambda: Modes.of(record).at(inside * np.nan)),
    ]  # fmt: skip


@pytest.mark.parametrize("case", range(len(refused())))
def test_what_does_not_fit_is_refused_in_a_sentence(case: int) -> None:
    error, words, call = refused()[case]
    with pytest.raises(error, match=words):
        call()  # type: ignore[operator]


LINES = {
    b"1,2,3,4\n5,6,7,8\n": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
    b"u1,v1,u2,v2\n\n1,nan,,4\r\n": [[[1, np.nan], [np.nan, 4]]],
    b"\xef\xbb\xbf1e-3, 2 ,NaN,NA": [[[1e-3, 2], [np.nan, np.nan]]],
    b",,,\n": [[[np.nan, np.nan], [np.nan, np.nan]]],
}


@pytest.mark.parametrize("text", LINES)
def test_frames_are_read_line_by_line(text: bytes) -> None:
    """Kills: an empty cell that shifts the others, a header that is a frame."""
    np.testing.assert_array_equal(list(frames("f", io.BytesIO(text), 2)), LINES[text])


@pytest.mark.parametrize(
    "text",
    [b"", b"\n\n", b"u,v,u,v\n", b"1,2,3\n", b"1,2,3,4,5\n", b"1,2,3,x\n", b"1,2,3,inf\n",
     b"1,2,3,4\nu,v,w,x\n", b"1" * 5000, b"\xff\xfe\x00,1,2,3\n", b"1;2;3;4\n"],
)  # fmt: skip
def test_lines_that_are_no_frame_are_refused(text: bytes) -> None:
    with pytest.raises(DataError):
        list(frames("f", io.BytesIO(text), 2))


def test_places_come_with_and_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    for text in ("x,y\n1,2\n3,4\n", "1,2\n\n3,4", "# places\nx, y\n1 , 2\n3,4\n"):
        path.write_text(text)
        np.testing.assert_array_equal(read_places(path), [[1, 2], [3, 4]])
    for text in ("", "x,y\n", "1,2,3\n", "1,2\n3,inf\n", "1,2\nx,y\n"):
        path.write_text(text)
        with pytest.raises(DataError):
            read_places(path)
    with pytest.raises(DataError):
        read_places(tmp_path / "none.csv")
