"""Block sizes and code paths that suit a device.

A processor is fast while temporaries stay in its cache, so large tensors are worked through in
blocks. An accelerator is fast while it has one large thing to do: each block would be another
kernel launch of some microseconds. Every block constant that depends on this distinction is here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Hardware:
    """Block sizes and code paths of a device.

    Attributes:
        block_entries: entries of a tensor that are worked through at a time by elementwise kernels;
            None for all at once.
        block_points: collocation points whose graph is alive at one time in a gradient; None for
            as many as fit into the free memory.
        block_pairs: weights of attention that are built at a time; None for as many as fit.
        prefers_few_launches: whether one batched operation on large operands is faster than a loop
            of small ones that reuse a buffer.
        block_neurons: derivatives of neurons of a wide layer that are alive at a time; None for as
            many as fit.
    """

    block_entries: int | None
    block_points: int | None
    block_pairs: int | None
    prefers_few_launches: bool
    block_neurons: int | None = None

    def entries(self, total: int) -> int:
        """Size of an elementwise block, out of `total` entries; at least 1."""
        return max(1, total if self.block_entries is None else min(self.block_entries, total))

    def points(self, total: int, bytes_per_point: int, free_bytes: int | None) -> int:
        """Number of points of a gradient block; at least 1.

        Args:
            total: points in all.
            bytes_per_point: memory that the graph of one point takes.
            free_bytes: memory that may be used; None where it is not known.
        """
        return _fitting(self.block_points, total, bytes_per_point, free_bytes)

    def pairs(self, total: int, bytes_per_pair: int, free_bytes: int | None) -> int:
        """Number of weights of attention in a block; at least 1. Args: as `points`."""
        return _fitting(self.block_pairs, total, bytes_per_pair, free_bytes)

    def neurons(
        self, total: int, per_point: int, bytes_per_point: int, free_bytes: int | None
    ) -> int:
        """Number of points whose neurons are alive at a time; at least 1.

        Args:
            total: points in all.
            per_point: derivatives of neurons at one point.
            bytes_per_point: memory that they take.
            free_bytes: memory that may be used; None where it is not known.
        """
        block = None if self.block_neurons is None else self.block_neurons // max(1, per_point)
        return _fitting(block, total, bytes_per_point, free_bytes)


def _fitting(block: int | None, total: int, bytes_each: int, free_bytes: int | None) -> int:
    if block is None:
        block = total if free_bytes is None else free_bytes // max(1, bytes_each)
    return max(1, min(block, total))


# 2^17 double-precision entries are 1 MB, about half of a common second-level cache; blocks of 512
# points were no slower than larger ones on two processors and need the least memory. 2^19 weights
# of attention are 2 MB in single precision, measured best at 512 and 2048 tokens. 2^23 derivatives
# of neurons are 64 MB in double precision, a block whose products are large enough for BLAS.
PROCESSOR = Hardware(
    block_entries=1 << 17,
    block_points=512,
    block_pairs=1 << 19,
    prefers_few_launches=False,
    block_neurons=1 << 23,
)
ACCELERATOR = Hardware(
    block_entries=None,
    block_points=None,
    block_pairs=None,
    prefers_few_launches=True,
    block_neurons=None,
)
# By the type of a torch.device; what is not named here is taken for an accelerator.
DEVICES: dict[str, Hardware] = {"cpu": PROCESSOR}

# Half of the free memory: the reverse pass needs about as much again as the graph.
_USABLE = 0.5
FALLBACK = 1 << 36  # 64 GB, where the system does not tell how much memory it has


def hardware(device: torch.device) -> Hardware:
    """The block sizes and code paths for a device."""
    return DEVICES.get(device.type, ACCELERATOR)


def free_memory(device: torch.device) -> int | None:
    """Bytes that a computation may take on an accelerator; None where torch cannot tell.

    Memory that torch keeps for its next tensors counts as free: otherwise blocks would shrink
    after the first one, whose memory is kept.
    """
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(_USABLE * (free + kept))


def usable_memory(device: torch.device) -> int:
    """Bytes that one large array may take: half of what an accelerator has free, or of what the
    machine has."""
    free = free_memory(device)
    return int(_USABLE * physical_memory()) if free is None else free


def physical_memory() -> int:
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return FALLBACK
