"""Products of jets summed over an axis, by the product rule, in one launch."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from torch import Tensor

from pinn.jets.kernels.launching import KEPT, Kernel, kernel_of

if TYPE_CHECKING:
    from pinn.jets.kernels.product_rule import Table

# Points of a program, one for each of its 128 threads.
POINTS = 128
# Every sum has a loop of its own length; other sizes do not ask for another kernel.
_SIZES = ("p_size", "i_size", "j_size: tl.constexpr", "k_size")
_UNSPECIALISED = ("p_size", "i_size", "k_size")
_AXES = {
    "left": ("channel", "batch", "i", "j"),
    "right": ("channel", "batch", "j", "k"),
    "out": ("channel", "batch", "i", "k"),
}


def contract(left: Tensor, right: Tensor, out: Tensor, table: Table) -> bool:
    """out_c[..., i, k, p] = sum over (c, a, b, w) and j of w left_a[..., i, j, p] right_b[..., j,
    k, p].

    Args:
        left, right: (channels, ..., i, j, p) and (channels, ..., j, k, p), with equal axes between.
        out: (channels, ..., i, k, p), contiguous.

    Returns:
        As `compose`.
    """
    parts = [_with_one_batch_axis(tensor) for tensor in (left, right, out)]
    channels, batch, i, k, p = parts[2].shape
    programs = i * k * -(-p // POINTS)
    strides = [size for part in parts for size in part.stride()[:-1]]
    kernel = _contract(table, channels)
    return kernel.launch_grid((programs, batch), *parts, p, i, parts[0].shape[-2], k, *strides)


@functools.lru_cache(KEPT)
def _contract(table: Table, channels: int) -> Kernel:
    lefts, rights = (sorted({row[side] for row in table}) for side in (1, 2))
    strides = [f"{tensor}_{axis}" for tensor, axes in _AXES.items() for axis in axes]
    sums = [
        f"z{c} += l{a} * r{b}" + ("" if weight == 1 else f" * ({weight!r})")
        for c, a, b, weight in table
    ]
    lines = [
        *(f"{name} = tl.zeros((), tl.int64) + {name}_stride" for name in strides),
        "pair = (tl.program_id(0) % (i_size * k_size)).to(tl.int64)",
        "i, k = pair // k_size, pair % k_size",
        f"p = (tl.program_id(0) // (i_size * k_size)) * {POINTS} + tl.arange(0, {POINTS})",
        "inside = p < p_size",
        "batch = tl.program_id(1).to(tl.int64)",
        "left += batch * left_batch + i * left_i + p",
        "right += batch * right_batch + k * right_k + p",
        "out += batch * out_batch + i * out_i + k * out_k + p",
        *(f"z{c} = tl.zeros([{POINTS}], out.dtype.element_ty)" for c in range(channels)),
        "for _ in range(j_size):",
        *(f"    l{a} = tl.load(left + {a} * left_channel, mask=inside)" for a in lefts),
        *(f"    r{b} = tl.load(right + {b} * right_channel, mask=inside)" for b in rights),
        *(f"    {line}" for line in sums),
        "    left += left_j",
        "    right += right_j",
        *(f"tl.store(out + {c} * out_channel, z{c}, mask=inside)" for c in range(channels)),
    ]
    arguments = ["left", "right", "out", *_SIZES, *(f"{name}_stride" for name in strides)]
    head = f"def kernel({', '.join(arguments)}):\n"
    return kernel_of(head + "".join(f"    {line}\n" for line in lines), _UNSPECIALISED)


def _with_one_batch_axis(tensor: Tensor) -> Tensor:
    """(channels, ..., a, b, p) as (channels, batch, a, b, p), points side by side."""
    if tensor.stride(-1) != 1:
        tensor = tensor.contiguous()
    return tensor.reshape(len(tensor), -1, *tensor.shape[-3:])
