"""Place of this process among those that torchrun started, read without importing torch."""

from __future__ import annotations

import os
from typing import NamedTuple

from sciformer.errors import UsageError

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Launch(NamedTuple):
    """Place of this process among those that were started together.

    Attributes:
        rank: 0 .. size - 1.
        size: how many there are.
        address: host and port at which they meet.
    """

    rank: int
    size: int
    address: str


def launch() -> Launch | None:
    """The place of this process as torchrun states it; None if it stands alone.

    Batch systems and containers set WORLD_SIZE for purposes of their own: only all of `VARIABLES`
    together mean torchrun.

    Raises:
        UsageError: the variables are there, and make no sense.
    """
    given = {name: os.environ.get(name, "") for name in VARIABLES}
    if not all(given.values()):
        return None
    rank, size, port = (given[name] for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"))
    are_numbers = all(text.isascii() and text.isdecimal() for text in (rank, size, port))
    if not are_numbers or not 0 <= int(rank) < int(size) or not 0 < int(port) < 65536:
        shown = ", ".join(f"{name}={text!r}" for name, text in given.items())
        raise UsageError(
            f"processes: the environment has {shown}, which torchrun does not set; start by "
            "torchrun, or unset RANK and WORLD_SIZE to compute in one process."
        )
    if int(size) == 1:
        return None
    return Launch(int(rank), int(size), f"{given['MASTER_ADDR']}:{port}")
