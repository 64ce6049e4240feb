"""One training by several processes: each takes a share of the points, and sums are common."""

from __future__ import annotations

import datetime
import logging
import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from sciformer.errors import RunError
from sciformer.runs.launch import Launch, launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

LOST = (
    "processes: another process of this training ended, and the sums cannot be completed; see its "
    "own words above. If a checkpoint was written, it is whole and --resume continues from it."
)
# Processes of one launch start within seconds of each other; a queue may hold some of them back.
WAITING_SECONDS, LONGEST_WAIT = 5.0, datetime.timedelta(minutes=10)


class Processes(Protocol):
    """Processes that train together.

    Attributes:
        rank: 0 .. size - 1; the first one reports and writes.
        size: how many there are.
    """

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def total(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Sums over all processes, in one message; bit for bit the same in each of them."""
        ...

    def agree(self, value: Any) -> Any:
        """The value of the first process, in all of them."""
        ...


class Alone:
    """One process, which has all points and agrees with itself."""

    rank, size = 0, 1

    def total(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """The parts themselves."""
        return parts

    def agree(self, value: Any) -> Any:
        """The value itself."""
        return value


ALONE = Alone()
_logger = logging.getLogger("sciformer")


class Group:
    """The processes of a torchrun: sums of tensors of a card by NCCL, all others by gloo.

    The wrapper DistributedDataParallel is of no use here: it averages gradients, while the loss
    that a damping or a line search compares would stay that of each process.
    """

    def __init__(self) -> None:
        self.rank = torch.distributed.get_rank()
        self.size = torch.distributed.get_world_size()
        self._has_nccl = "nccl" in torch.distributed.get_backend_config()

    def total(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Sums over all processes, in one message.

        Raises:
            RunError: another process ended.
        """
        stays = self._has_nccl and all(part.device.type == "cuda" for part in parts)
        flat = [part.detach().reshape(-1) for part in parts]
        message = torch.cat(flat if stays else [part.cpu() for part in flat])
        with _lost_as_error():
            torch.distributed.all_reduce(message)
        sums = torch.split(message, [part.numel() for part in parts])
        return tuple(s.view(p.shape).to(p.device) for s, p in zip(sums, parts, strict=True))

    def agree(self, value: Any) -> Any:
        """The first process's value.

        Raises:
            RunError: another process ended.
        """
        box = [value]
        with _lost_as_error():
            torch.distributed.broadcast_object_list(box, src=0)
        return box[0]


@contextmanager
def joined() -> Iterator[Processes]:
    """All processes that torchrun started, or this one alone.

    Raises:
        UsageError: an environment that torchrun does not set.
        RunError: the others did not come within `LONGEST_WAIT`.
    """
    launched = launch()
    if launched is None:
        yield ALONE
        return
    _take_card()
    _meet(launched)
    # torchrun ends the others when one has died, often before their sums fail.
    previous = signal.signal(signal.SIGTERM, _ended)
    try:
        yield Group()
        # Who leaves first tears connections down that the others still use to leave.
        with suppress(RuntimeError):
            torch.distributed.barrier()
    finally:
        signal.signal(signal.SIGTERM, previous)
        torch.distributed.destroy_process_group()


def backends() -> str:
    """The libraries that sum: NCCL where there are cards, gloo on the CPU."""
    has_cards = torch.cuda.is_available() and torch.distributed.is_nccl_available()
    return "cpu:gloo,cuda:nccl" if has_cards else "gloo"


def _take_card() -> None:
    """Makes `cuda` the card of this process: number LOCAL_RANK, again from 0 if there are fewer."""
    cards, place = torch.cuda.device_count(), os.environ.get("LOCAL_RANK", "")
    if torch.cuda.is_available() and cards and place.isdecimal():
        torch.cuda.set_device(int(place) % cards)


def _meet(launched: Launch) -> None:
    """Waits for the others, and says so if it takes long."""
    text = "processes: number %d of %d waits for the others at %s."
    told = threading.Timer(WAITING_SECONDS, _logger.warning, [text, *launched])
    told.daemon = True
    told.start()
    try:
        torch.distributed.init_process_group(backends(), timeout=LONGEST_WAIT)
    except (RuntimeError, ValueError) as error:
        raise RunError(
            f"processes: number {launched.rank} of {launched.size} did not meet the others at "
            f"{launched.address} ({str(error).partition(chr(10))[0][:200]}); start all of them by "
            "one torchrun."
        ) from error
    finally:
        told.cancel()


def share(processes: Processes) -> slice:
    """Rows that this process takes: every size-th, so that all see the whole domain."""
    return slice(processes.rank, None, processes.size)


@contextmanager
def _lost_as_error() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RunError(LOST) from error


def _ended(number: int, frame: FrameType | None) -> None:
    raise RunError(LOST)
