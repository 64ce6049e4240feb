"""MultiheadAttention: its shapes, its reports and its agreement with torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sciformer.attention import (
    Causal,
    MultiheadAttention,
    NoPosition,
    Rotary,
    Universal,
    attend,
)
from sciformer.errors import DomainError


def tokens(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("causal", [False, True])
def test_agrees_with_torch(causal: bool) -> None:
    """Kills: heads split along the wrong axis, projections exchanged."""
    theirs = nn.MultiheadAttention(12, 3, kdim=5, vdim=5, batch_first=True).double()
    ours = MultiheadAttention(12, 3, memory_width=5).double()
    for part in theirs.parameters():
        nn.init.normal_(part, generator=torch.Generator().manual_seed(part.numel()))
    with torch.no_grad():
        for k, part in enumerate((ours.query, ours.key, ours.value)):
            part.weight.copy_((theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight)[k])
            part.bias.copy_(theirs.in_proj_bias[12 * k : 12 * k + 12])
        ours.output.load_state_dict(theirs.out_proj.state_dict())
    query, memory = tokens(2, 4, 12), tokens(2, 6, 5, seed=1)
    hidden = torch.ones(4, 6).triu(1).bool() if causal else None
    wanted, weights = theirs(query, memory, memory, attn_mask=hidden, average_attn_weights=False)
    mask = Causal() if causal else None
    torch.testing.assert_close(ours(query, memory, mask=mask), wanted)
    torch.testing.assert_close(ours.weights(query, memory, mask=mask), weights)


@pytest.mark.parametrize("position", [None, Rotary(), Universal(Rotary(), 2, 9)])
def test_parts_make_the_whole(position: nn.Module | None) -> None:
    """merge(weights @ v) = forward. Kills: weights without scale, rotation or gain."""
    layer = MultiheadAttention(6, 2, position=position, head_width=4).double()
    if isinstance(position, Universal):
        nn.init.normal_(position.table, generator=torch.Generator().manual_seed(1))
    x, y = tokens(3, 4, 6), tokens(3, 5, 6, seed=1)
    where = {"query_start": 2, "key_start": 1}
    value = layer.project(x, y)[2]
    merged = layer.merge(layer.weights(x, y, mask=Causal(), **where) @ value)
    torch.testing.assert_close(merged, layer(x, y, mask=Causal(), **where))


def test_head_width_is_free() -> None:
    """Kills: a head width that is ignored."""
    layer = MultiheadAttention(3, 2, head_width=5, bias=False)
    assert [p.shape for p in layer.parameters()] == [(10, 3)] * 3 + [(3, 10)]
    assert isinstance(layer.position, NoPosition)


@pytest.mark.parametrize(("width", "heads"), [(6, 4), (6, 0), (6, -2)])
def test_refuses_heads_that_do_not_divide(width: int, heads: int) -> None:
    """Kills: silently dropping channels."""
    with pytest.raises(
        DomainError, match=rf"divide the width.*got width {width} and heads {heads}"
    ):
        MultiheadAttention(width, heads)


def test_same_seed_gives_the_same_bits() -> None:
    """Kills: hidden randomness."""
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        layer = MultiheadAttention(4, 2)
        results.append(attend(*layer.project(tokens(3, 4).float())))
    assert torch.equal(*results)
