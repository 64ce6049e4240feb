"""URPE attention by torch's FlexAttention: a fused kernel that reads tables by offset."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sciformer.attention.cores.heads_by_rows import Plan
from sciformer.attention.cores.materialised import Materialised
from sciformer.attention.cores.toeplitz_rows import ByRows, ToeplitzRows
from sciformer.attention.masks import EVERYWHERE, Reach
from sciformer.attention.patch import Patch
from sciformer.attention.positions.relative import RelativeTable
from sciformer.attention.positions.universal import Universal
from sciformer.attention.scoring import Scoring

BLOCK = 128  # rows and keys of a block of FlexAttention's mask, its default
# The switch of torch that evaluates FlexAttention as it is written, without tracing it first.
TRACED = "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG"
Kernel = Any  # `by_table`, compiled or not


class Flex(ToeplitzRows):
    """Fused attention with the logits of a table, and with its gain by a second pass.

    out = r o(S + log(C + c)) - c o(S),   r = exp(lse(S + log(C + c)) - lse(S)),   c = 2 max |C|

    where S = q k^T + relative, o is fused attention and lse the logarithm of its normaliser. The
    shift c makes the gain positive, whatever its signs; without a gain one pass is enough.

    Compiled on an accelerator; on a processor torch evaluates it without fusing, for tests. The
    derivatives are those of `ToeplitzRows`: torch has none on a processor, and no second ones.

    Args:
        rows: as `ToeplitzRows`, of the backward pass.

    Raises:
        DomainError: as `ToeplitzRows`; double precision on an accelerator.

    Accuracy: 4 eps max |C| times the largest value: relative to the largest gain, not to each.
    Cost: forward two fused passes, memory linear in n + m; backward as `ToeplitzRows`.
    Source: Dong et al. 2024 (FlexAttention); the gain by a shift is ours.
    """

    def output_of(self, parts: Sequence[Tensor], scoring: Scoring, plan: Plan) -> Tensor:
        has_gain = scoring.position.gain(scoring.patch) is not None
        output: Tensor = _Fused.apply(  # type: ignore[no-untyped-call]
            *parts, scoring.patch, scoring.band(), plan, has_gain
        )
        return output

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        if query.device.type != "cpu" and query.dtype == torch.float64:
            return "its kernels are for single and half precision"
        return super().refusal(query, key, value, scoring)

    def peak(self, scoring: Scoring) -> int:
        return 0


class _Fused(ByRows):
    """Attention with a forward pass by FlexAttention and a backward pass by rows."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        relative: Tensor,
        gain: Tensor,
        patch: Patch,
        reach: Reach,
        plan: Plan,
        has_gain: bool,
    ) -> Tensor:
        kernel = kernel_for(query.device.type)
        mask = None if reach == EVERYWHERE else _blocks_within(patch, reach, query.device)
        # A batch of one; the backward pass is ours.
        heads = [part.detach()[None] for part in (query, key, value)]
        table, factor = relative.detach(), gain.detach()
        output: Tensor
        if not has_gain:
            output = kernel(*heads, table, mask, False)[0][0]
        else:
            plain, below = kernel(*heads, table, mask, True)
            # The least positive number, so that a gain of 0 everywhere has a logarithm.
            shift = (2 * factor.abs().max()).clamp(min=torch.finfo(factor.dtype).tiny)
            raised, above = kernel(*heads, table + (factor + shift).log(), mask, True)
            ratio = (above - below).exp()[..., None].to(plain.dtype)
            output = (raised * ratio - shift * plain)[0]
        ByRows.keep(ctx, (query, key, value, relative, gain), output, patch, reach, plan)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return *ByRows.backward(ctx, gradient), None


def by_table(
    query: Tensor, key: Tensor, value: Tensor, table: Tensor, mask: Any, weighs: bool
) -> tuple[Tensor, Tensor | None]:
    """Heads (1, g, n, d) with logits of a table (g, n + m - 1).

    Returns:
        The output (1, g, n, d), and where it weighs the logarithm of the normaliser (1, g, n).
    """
    from torch.nn.attention.flex_attention import AuxRequest, flex_attention

    n = query.shape[-2]

    def scored(score: Tensor, batch: Tensor, head: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return score + table[head, column - row + n - 1]

    found = flex_attention(
        query,
        key,
        value,
        score_mod=scored,
        block_mask=mask,
        scale=1.0,
        return_aux=AuxRequest(lse=True) if weighs else None,
    )
    if weighs:
        output, beside = found
        return output, beside.lse
    assert isinstance(found, Tensor)  # without what is beside it
    return found, None


@functools.cache
def kernel_for(device: str) -> Kernel:
    """`by_table`, compiled for an accelerator and evaluated operation by operation on a CPU."""
    from torch.nn.attention import flex_attention

    if device != "cpu":
        return torch.compile(by_table, dynamic=True)

    def evaluated(*arguments: Any) -> tuple[Tensor, Tensor | None]:
        before = getattr(flex_attention, TRACED)
        setattr(flex_attention, TRACED, True)
        try:
            return by_table(*arguments)
        finally:
            setattr(flex_attention, TRACED, before)

    return evaluated


def _blocks_within(patch: Patch, reach: Reach, device: torch.device) -> Any:
    """The blocks of pairs that hold an offset within reach, as FlexAttention's mask."""
    from torch.nn.attention.flex_attention import BlockMask

    columns = -(-patch.m // BLOCK)
    counts, indices = [], []
    for start in range(0, patch.n, BLOCK):
        first = patch.query_start + start - patch.key_start
        last = first + min(BLOCK, patch.n - start) - 1
        low = int(max(first + reach[0], 0)) // BLOCK
        high = int(min(last + reach[1], patch.m - 1)) // BLOCK
        counts.append(high - low + 1)
        indices.append([*range(low, columns), *range(low)])
    return BlockMask.from_kv_blocks(
        torch.tensor(counts, dtype=torch.int32, device=device)[None, None],
        torch.tensor(indices, dtype=torch.int32, device=device)[None, None],
        BLOCK_SIZE=BLOCK,
        seq_lengths=(patch.n, patch.m),
    )


def is_fast(dtype: torch.dtype) -> bool:
    """Whether its kernels multiply on tensor cores: half precision, or single where the user allows
    TF32 (`torch.set_float32_matmul_precision("high")`).

    Exact products of single precision took 111 ms on an H200 where `ToeplitzRows` took 2.6 ms (32
    heads of 64, 2,048 tokens, forward).
    """
    return dtype != torch.float32 or torch.get_float32_matmul_precision() != "highest"


@functools.cache
def is_trusted(device: torch.device) -> bool:
    """Whether FlexAttention compiles on this device and agrees with the matrix there.

    Asked once a process, before it is chosen without the user's word.
    """
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(1, 2, 192, 32, generator=generator).to(device) for _ in range(3)]
    position = Universal(RelativeTable(2, 192), 2, 192)
    for parameter in position.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    scoring = Scoring(Patch(192, 192), 192, position.to(device))
    compute: Callable[..., Tensor] = Flex().attend
    try:
        with torch.no_grad():
            found = compute(*parts, scoring)
    except Exception:  # a compiler fails in ways of its own, and another core computes the same
        return False
    wanted = Materialised().attend(parts[0], parts[1], parts[2], scoring)
    # Sums of 192 products of tables of size 4, in single precision or what stands for it.
    return bool(((found - wanted).abs().max() <= 1e-2 * wanted.abs().max()).item())
