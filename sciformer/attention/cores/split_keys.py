"""Attention a block of keys at a time, merged: few queries over very many keys."""

from __future__ import annotations

from torch import Tensor

from sciformer.attention.cores.core import Core
from sciformer.attention.cores.materialised import Materialised
from sciformer.attention.cores.row_blocks import blocks
from sciformer.attention.normalisers import Softmax
from sciformer.attention.parts import Part, merge, scored_part
from sciformer.attention.scoring import Scoring
from sciformer.attention.weights import within_reach
from sciformer.errors import DomainError

_WHOLE = Materialised()


class SplitKeys(Core):
    """Attention by parts of the keys, merged one after the other.

    Args:
        keys: keys in a block, >= 1.

    Raises:
        DomainError: keys < 1; a normaliser other than a softmax; a scheme that cannot be split.

    Cost: memory (..., h, n, keys) without derivatives; n m with them.
    """

    def __init__(self, keys: int = 4096) -> None:
        if keys < 1:
            raise DomainError(f"SplitKeys: a block has at least one key; got {keys}.")
        self.keys = keys

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        key, value, scoring = within_reach(key, value, scoring)
        whole: Part | None = None
        for start, stop in blocks(scoring.patch.m, self.keys):
            cut = scoring.columns(start, stop)
            one = scored_part(query, key[..., start:stop, :], value[..., start:stop, :], cut)
            whole = one if whole is None else merge(whole, one)
        assert whole is not None  # within_reach leaves at least one key
        return whole.output

    def peak(self, scoring: Scoring) -> int:
        first, last = scoring.reached()
        scoring = scoring.columns(first, max(last, first + 1))
        cuts = blocks(scoring.patch.m, self.keys)
        return max(_WHOLE.peak(scoring.columns(start, stop)) for start, stop in cuts)

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        if not isinstance(scoring.normaliser, Softmax):
            return f"parts merge under a softmax, not {type(scoring.normaliser).__name__}"
        if not scoring.position.splits_keys:
            return f"{type(scoring.position).__name__} needs all keys at once"
        return None
