"""Commands with one implementation for each kind of run, chosen by the run among the words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from sciformer.cli.registry import entries
from sciformer.errors import DataError
from sciformer.runs import Run
from sciformer.runs.run import CONFIG

SOLVE = "solve"


def of_run(group: str, words: Sequence[str], command: str, refusal: str) -> Any:
    """The command for the run among the words; None if no word is a run directory.

    Args:
        group: the commands are announced in `sciformer.<group>` by the kind of the runs they take.
        words: of the command line.
        command: its name, for the error.
        refusal: what a run of another kind has not, "nothing to export".

    Raises:
        DataError: a run that no command takes, or a first word that is not a run directory.
    """
    named = (word for word in words if not word.startswith("-"))
    path = next((word for word in named if os.path.isfile(os.path.join(word, CONFIG))), None)
    if path is None:
        if words and not words[0].startswith("-"):
            Run.open(words[0])  # which says why it is none
        return None
    run, found = Run.open(path), entries(group)
    # The kind of a solve is its problem, of which there is no end.
    kind = SOLVE if run.kind not in found and "problem" in run.config else run.kind
    if kind not in found:
        raise DataError(
            f"{command}: {path} is a run of {run.kind!r}, which has {refusal}; name a run of "
            f"{' or '.join(found)}."
        )
    return found[kind].load()


def kinds(group: str, command: str) -> str:
    """Help text of a call that names no run."""
    lines = [f"  {kind:<9}{entry.summary()}" for kind, entry in entries(group).items()]
    last = f"`sciformer {command} RUN --help` shows its options."
    return "\n".join(["by the kind of the run:", *lines, last])
