"""The whole attention matrix at once: the reference, and the choice for short sequences."""

from __future__ import annotations

from torch import Tensor

from sciformer.attention.cores.core import Core
from sciformer.attention.scoring import Scoring
from sciformer.attention.weights import attention_weights, hide_unseen, within_reach


class Materialised(Core):
    """Attention by its matrix, over the keys that at least one query may reach.

    Only plain, out-of-place torch functions touch query, key and value: derivatives of any order
    exist, and types with `__torch_function__` pass through.

    Cost: memory (..., h, n, m).
    """

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        key, value, scoring = within_reach(key, value, scoring)
        key, value = hide_unseen(key, value, scoring)
        weights = attention_weights(query, key, scoring)
        output = weights @ value
        extra = scoring.position.values(weights, scoring.patch)
        return output if extra is None else output + extra
