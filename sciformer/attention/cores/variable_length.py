"""torch's fused attention of unequal sequences one behind the other, on a card."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.attention.cores.core import are_plain
from sciformer.attention.cores.materialised import Materialised
from sciformer.attention.masks import EVERYWHERE, Causal, Mask
from sciformer.attention.normalisers import Softmax
from sciformer.attention.patch import Patch
from sciformer.attention.scoring import Scoring

WIDEST = 256  # of a head, in FlashAttention's kernels; its width is a multiple of 8
UNBOUNDED = -1  # a side of a window in the call of the kernel
_WHOLE = Materialised()


def torch_kernel(*heads_and_lengths: object, **options: object) -> Tensor:
    """`torch.nn.attention.varlen.varlen_attn`, imported where it is called."""
    from torch.nn.attention.varlen import varlen_attn

    output = varlen_attn(*heads_and_lengths, **options)  # type: ignore[arg-type]
    assert isinstance(output, Tensor)  # without what is beside it
    return output


@dataclass(frozen=True)
class VariableLength:
    """Attention inside each of several sequences, all by one launch.

    Attributes:
        kernel: called as torch's `varlen_attn(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k,
            scale=, window_size=)`, heads (N, h, d) and offsets (b + 1,), int32.
        device: type of the device that it runs on.
        dtypes: that it takes.

    Cost: pairs sum n_i^2, memory linear in N. It is not asked where derivatives are recorded: it
        has no second ones.
    Source: Zhai et al. 2023 (ByteTransformer) for packed sequences; Dao 2023 (FlashAttention-2) for
        the kernel of torch.
    """

    kernel: Callable[..., Tensor] = torch_kernel
    device: str = "cuda"
    dtypes: tuple[torch.dtype, ...] = (torch.float16, torch.bfloat16)

    def refusal(self, query: Tensor, scoring: Scoring) -> str | None:
        """The reason why it cannot compute this, a clause without a subject; None if it can.

        Args:
            query: (h, N, d).
            scoring: of one sequence.
        """
        width, mask, position = query.shape[-1], scoring.mask, scoring.position
        if not are_plain(query):
            return f"fused attention takes plain tensors, not {type(query).__name__}"
        if query.device.type != self.device:
            return f"its kernel runs on {self.device}, not on {query.device.type}"
        if query.dtype not in self.dtypes:
            return f"its kernel is for {' and '.join(map(str, self.dtypes))}, not {query.dtype}"
        if width % 8 or width > WIDEST:
            return f"its heads have a width that 8 divides, up to {WIDEST}, not {width}"
        if not isinstance(scoring.normaliser, Softmax):
            return f"fused attention is a softmax, not {type(scoring.normaliser).__name__}"
        if mask is not None and not _is_window(mask, scoring.patch):
            return f"it masks by windows around the present token, not by {type(mask).__name__}"
        tables = (position.relative(scoring.patch), position.gain(scoring.patch))
        if not position.is_toeplitz or tables != (None, None):
            return f"{type(position).__name__} does more than rotate queries and keys"
        return None

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, lengths: tuple[int, ...], mask: Mask | None
    ) -> Tensor:
        """Each sequence as if it were alone.

        Args:
            query, key, value: (h, N, d), as a core takes them.
            lengths: of the sequences, N in all.
            mask: see `refusal`.

        Returns:
            (h, N, d).
        """
        ends = list(itertools.accumulate(lengths, initial=0))
        offsets = torch.tensor(ends, dtype=torch.int32, device=query.device)
        sides = EVERYWHERE if mask is None else mask.reach()
        window = tuple(UNBOUNDED if math.isinf(side) else abs(int(side)) for side in sides)
        packed = [part.transpose(0, 1).contiguous() for part in (query, key, value)]  # (N, h, d)
        longest = max(lengths)
        output = self.kernel(
            *packed, offsets, offsets, longest, longest, scale=1.0, window_size=window
        )
        return output.transpose(0, 1)


def _is_window(mask: Mask, patch: Patch) -> bool:
    """Whether a mask allows all offsets from one <= 0 to one >= 0, and adds nothing."""
    low, high = mask.reach()
    return mask.is_band and mask.added(patch) is None and low <= 0 <= high


@functools.cache
def is_trusted(way: VariableLength, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a kernel agrees with the matrix on a device, and lets no sequence see another.

    Asked once a process, before it is chosen without the user's word.
    """
    generator = torch.Generator().manual_seed(0)
    lengths, mask = (70, 130), Causal()
    parts = [torch.randn(2, 200, 32, generator=generator).to(device, dtype) for _ in range(3)]
    for part in parts:
        part[:, lengths[0] :] = torch.nan
    try:
        with torch.no_grad():
            found = way.attend(parts[0], parts[1], parts[2], lengths, mask)[:, : lengths[0]]
    except Exception:  # a missing kernel says so in ways of its own; the matrix computes the same
        return False
    query, key, value = (part[:, : lengths[0]].double() for part in parts)
    scoring = Scoring(Patch(lengths[0], lengths[0]), lengths[0], mask=mask)
    wanted = _WHOLE.attend(query, key, value, scoring)
    # Eight roundings: of weights, products and the result, not of sums, which are kept in single.
    tolerance = 8 * torch.finfo(dtype).eps * wanted.abs().max()
    return bool(((found.double() - wanted).abs().max() <= tolerance).item())
