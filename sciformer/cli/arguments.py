"""Arguments that most commands share, and what their values mean to torch."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from sciformer.errors import UsageError

if TYPE_CHECKING:
    import torch

DTYPES = ("float64", "float32")
DEVICES = ("cpu", "cuda", "mps", "xpu")  # kinds of devices that hold numbers; "meta" holds none


def add_run_arguments(parser: argparse.ArgumentParser, *, dtype: str = "float64") -> None:
    """Adds --out, --resume, --json, --seed, --threads, --device and --dtype.

    Args:
        parser: of the command.
        dtype: default of --dtype, one of `DTYPES`.
    """
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, metavar="DIR", help="new run directory")
    place.add_argument("--resume", type=Path, metavar="DIR", help="run directory to continue")
    add_json_argument(parser)
    parser.add_argument(
        "--seed", type=natural_number, default=0, metavar="N", help="random seed (default 0)"
    )
    parser.add_argument("--threads", type=positive_integer, metavar="N", help="CPU threads")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or mps")
    parser.add_argument(
        "--dtype", choices=DTYPES, default=dtype, help=f"precision (default {dtype})"
    )


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --json: exactly one object on stdout."""
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def add_set_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds --set KEY=VALUE, repeatable; the pairs are in `arguments.pairs`.

    Args:
        parser: of the command.
        what: the keys set, for the help.
    """
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="pairs",
        help=f"{what}; repeatable",
    )


def natural_number(text: str) -> int:
    """Argument type: a whole number from 0 to 2**63 - 1, torch's range of seeds."""
    return _whole_number(text, 0)


def positive_integer(text: str) -> int:
    """Argument type: a whole number of at least 1."""
    return _whole_number(text, 1)


def positive_number(text: str) -> float:
    """Argument type: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number > 0, got {text!r}")
    return value


def set_threads(threads: int | None) -> int:
    """Limits torch to so many threads (None leaves its choice); returns the number in force."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def resolve_device(name: str) -> torch.device:
    """The torch device of a name such as "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        UsageError: the name is not a device, or this machine has none of that kind.
    """
    import torch

    try:
        device = torch.device(name)
        if device.type not in DEVICES or (device.type == "cpu" and device.index):
            raise NotImplementedError(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"device: {name!r} is not available here; use --device cpu, or a machine and a torch "
            "build that have it."
        ) from error
    return device


def resolve_dtype(name: str) -> torch.dtype:
    """The torch dtype of one of `DTYPES`."""
    import torch

    return {"float64": torch.float64, "float32": torch.float32}[name]


def _whole_number(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value < 2**63:
        raise argparse.ArgumentTypeError(f"must be a whole number >= {least}, got {text!r}")
    return value
