"""Several processes only where torchrun started them."""

from __future__ import annotations

import logging

import pytest

from sciformer.cli.main import main
from sciformer.errors import RunError, UsageError
from sciformer.runs import processes
from sciformer.runs.launch import Launch, launch
from sciformer.runs.processes import ALONE, joined

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29511"}


def setting(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WORLD_SIZE": "2"},
        {"WORLD_SIZE": "abc"},
        {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "localhost"},
        {**TORCHRUN, "RANK": "0", "WORLD_SIZE": "1"},
    ],
)
def test_what_batch_systems_set_is_no_launch(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """Kills: WORLD_SIZE alone believed."""
    setting(monkeypatch, variables)
    assert launch() is None
    with joined() as found:
        assert found is ALONE


@pytest.mark.parametrize(
    "change",
    [
        {"RANK": "2"},
        {"RANK": "-1"},
        {"WORLD_SIZE": "two"},
        {"WORLD_SIZE": "0"},
        {"MASTER_PORT": "0"},
    ],
)
def test_impossible_launches_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    """Kills: ValueError of int, a rank beyond the size."""
    setting(monkeypatch, {**TORCHRUN, **change})
    with pytest.raises(UsageError, match="which torchrun does not set"):
        launch()


def test_whoever_waits_says_so_and_gives_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Kills: waiting without a word, or without an end."""
    setting(monkeypatch, TORCHRUN)
    assert launch() == Launch(1, 2, "localhost:29511")
    monkeypatch.setattr(processes, "WAITING_SECONDS", 0.1)
    monkeypatch.setattr(processes, "LONGEST_WAIT", processes.datetime.timedelta(seconds=1))
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(RunError, match="number 1 of 2 did not meet the others at localhost:29511"),
        joined(),
    ):
        raise AssertionError("nobody was there")
    assert "number 1 of 2 waits for the others at localhost:29511" in caplog.text


@pytest.mark.parametrize("words", [["list"], ["compile", "x1", "--tokens", "1", "--epsilon", "1"]])
def test_commands_for_one_process_are_not_done_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Kills: two results and two directories."""
    setting(monkeypatch, TORCHRUN)
    assert main(words) == 2
    assert f"sciformer {words[0]}: runs in one process, but torchrun" in capsys.readouterr().err
