"""A package of others adds an attention core and a mixer by entry points, and no file of ours."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from sciformer.attention import Causal, Padding, attend
from sciformer.attention.cores import Materialised
from sciformer.cli.main import main
from sciformer.mixers import find_core, find_mixer
from sciformer.mixers.protocol import TokenMixer
from sciformer.sequence import data as data_room
from tests.contracts.mixers import MixerContract
from tests.guests.guest_attention import Fading
from tests.sequence.test_training import DATA

GUEST = Path(__file__).parents[1] / "guests" / "guest_attention.py"
ENTRY_POINTS = """[sciformer.mixers]
fading = guest_attention:fading
[sciformer.cores]
streamed = guest_attention:Streamed
"""


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guest, installed."""
    metadata = tmp_path / "guest_attention-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: guest-attention\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    shutil.copy(GUEST, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "guest_attention", raising=False)
    return tmp_path


class TestFading(MixerContract):
    """The contract is inherited from outside as well."""

    def make(self) -> TokenMixer:
        return Fading(3)


def test_a_guests_core_computes_attention(guest: Path) -> None:
    """Kills: a seam that only our own cores fit into."""
    core = find_core("test", "streamed")
    parts = [torch.randn(3, 2, 7, 4, dtype=torch.float64) for _ in range(3)]
    for mask in (None, Causal(), Causal() & Padding(torch.tensor([7, 2, 4]))):
        wanted = attend(*parts, mask=mask, core=Materialised())
        torch.testing.assert_close(attend(*parts, mask=mask, core=core), wanted)


def test_a_guest_is_trained_and_solves(
    guest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the commands. Kills: names that are looked up in a table of ours."""
    monkeypatch.setattr(data_room, "load_data", lambda *_: DATA)
    quick = ["train", "lmuformer", "--dataset", "digits", "--epochs", "1", "--threads", "1"]
    run = str(guest / "fading")
    assert main([*quick, "--mixer", "fading", "--out", run, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] > 0
    assert main([*quick, "--mixer", "attention", "--core", "streamed", "--out", run + "2"]) == 0
    assert sys.modules["guest_attention"].CALLS
    solve = ["solve", "burgers", "--mixer", "fading", "--budget", "1", "--set", "points=0.05"]
    assert main([*solve, "--set", "width=4", "--out", run + "3", "--json"]) in (0, 3)
    assert "fading" in (Path(run + "3") / "config.json").read_text()
    capsys.readouterr()
    assert main(["list", "mixers"]) == 0
    assert "A memory that fades, from a guest." in capsys.readouterr().out


def test_a_guest_that_is_no_function_is_refused(guest: Path) -> None:
    """Kills: a traceback from inside the network."""
    from sciformer.errors import DataError

    (guest / "guest_attention-1.0.dist-info" / "entry_points.txt").write_text(
        "[sciformer.mixers]\nfading = guest_attention:CALLS\n"
    )
    with pytest.raises(DataError, match=r"mixer 'fading' is registered as guest_attention:CALLS"):
        find_mixer("test", "fading")
