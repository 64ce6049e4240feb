"""`sciformer learn wake-sensors`, and `sciformer stream` of its run, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sciformer.cli.main import main
from tests.pinn.sensing.conftest import flow

QUICK = ["--set", "width=16", "--set", "steps=3", "--set", "order=4", "--draws", "1"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A flow on the disk, with the keys of Raissi's file."""
    one, path = flow(), tmp_path / "flow.npz"
    np.savez(path, X_star=one.points, t=one.time[:, None], U_star=one.velocity, p_star=one.pressure)
    return path


def learn(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    status = main(["learn", "wake-sensors", *words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return status, found


def test_learn_and_stream(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: a run that cannot be streamed, readings in another order, a state that is lost."""
    out = tmp_path / "run"
    words = ["--data", str(data), "--sensors", "6", "--failed", "1", *QUICK, "--out", str(out)]
    status, found = learn(capsys, *words)
    assert status in (0, 3)
    assert (status == 3) == (found["verdict"] == "not better")
    for key in ("network", "seed", "parameters", "milliseconds", "wall_seconds", "run", "reasons"):
        assert key in found, key
    errors = found["errors"]
    assert isinstance(errors, list)
    assert {(e["noise"], e["failed"]) for e in errors} == {
        (n, f) for n in (0, 0.03) for f in (0, 1)
    }
    assert len({e["method"] for e in errors}) == 4
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")

    places = np.array(found["sensors"])
    one = flow()
    nearest = [int(((one.points - p) ** 2).sum(1).argmin()) for p in places]
    readings = one.velocity[nearest].transpose(2, 0, 1).reshape(len(one.time), -1)
    target = 40
    points, frames, rest = (tmp_path / name for name in ("points.csv", "frames.csv", "rest.csv"))
    np.savetxt(points, one.points[[target]], delimiter=",")
    np.savetxt(frames, readings[:20], delimiter=",")
    rest.write_text(",".join(["nan", "", *map(str, readings[20, 2:])]) + "\n")
    state = str(tmp_path / "state.safetensors")
    stream = ["stream", str(out), "--points", str(points)]
    assert main([*stream, "--input", str(frames), "--save-state", state]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [int(line[0]) for line in lines] == list(range(1, 21))
    found_uvp = np.array(lines[-1][1:], dtype=float)
    wanted = [*one.velocity[target, :, 19], one.pressure[target, 19]]
    np.testing.assert_allclose(found_uvp, wanted, atol=0.02)
    assert main([*stream, "--input", str(rest), "--load-state", state, "--json"]) == 0
    last = json.loads(capsys.readouterr().out)
    assert last["frames"] == 21
    answer = [last["fields"][name][0] for name in "uvp"]
    wanted = [*one.velocity[target, :, 20], one.pressure[target, 20]]
    np.testing.assert_allclose(answer, wanted, atol=0.05)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--mixer", "lmuu"], "Did you mean 'lmu'"),
        (["--mixer", "regions"], "reads later frames"),
        (["--set", "wdth=3"], "Did you mean 'width'"),
        (["--set", "rate=2"], "0 < rate < 1"),
        (["--sensors", "1"], "takes 2 to 64 sensors"),
        (["--sensors", "4", "--failed", "4"], "one must work"),
        (["--first", "1.2"], "share in (0, 1)"),
        (["--first", "0.1"], "too few"),
        (["--data", "nothing.mat"], "there is no file"),
        (["--places", "nothing.csv"], "cannot be read"),
    ],
)
def test_refusals_leave_no_run(
    words: list[str], sentence: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    given = ["--data", str(data), *words] if "--data" not in words else words
    assert main(["learn", "wake-sensors", *given, "--out", str(out)]) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists() or not list(out.iterdir())


def test_a_stream_refuses_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a run of another kind that is taken for one of `sciformer train` silently."""
    assert main(["stream", str(tmp_path), "--input", "x.csv"]) == 2
    assert "is not a run directory" in capsys.readouterr().err
