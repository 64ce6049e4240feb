"""Protocol of an attention core."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from sciformer.attention.scoring import Scoring
from sciformer.errors import DomainError


class Core(ABC):
    """One way to compute attention; `attend(..., core=)` and `MultiheadAttention(core=)` take it.

    A subclass states in `refusal` what it cannot do, which is asked first, and computes the rest in
    `attend`. It may be an `nn.Module` too, where it has parameters.

    Attributes:
        smooth: whether derivatives of every order exist and jets pass through.
        exact: whether it is `attend` up to rounding, at every setting.

    Examples:
        >>> import torch
        >>> from sciformer.attention import Causal, Core, attend
        >>> class Plain(Core):
        ...     def attend(self, query, key, value, scoring):
        ...         return (query @ key.mT).softmax(-1) @ value
        ...
        ...     def refusal(self, query, key, value, scoring):
        ...         return None if scoring.mask is None else "takes no mask"
        >>> tokens = torch.eye(2)[None]
        >>> attend(tokens, tokens, torch.ones(1, 2, 1), core=Plain()).flatten()
        tensor([1., 1.])
        >>> attend(tokens, tokens, tokens, mask=Causal(), core=Plain())
        Traceback (most recent call last):
        sciformer.errors.DomainError: Plain: takes no mask; use another core, or none.
    """

    smooth: bool = True
    exact: bool = True

    @abstractmethod
    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        """The attention output.

        Args:
            query: scaled and rotated, shape (..., h, n, d); logits are q k^T as it is.
            key: rotated, shape (..., h, m, d).
            value: shape (..., h, m, e).
            scoring: positions, mask and normaliser.

        Returns:
            Shape (..., h, n, e).
        """

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        """Reason why the core cannot compute this, a clause without a subject; None if it can."""
        return None

    def pairs(self, scoring: Scoring) -> int:
        """Number of pairs of a query and a key (or what stands for keys) scored per head."""
        first, last = scoring.reached()
        return scoring.patch.n * (last - first)

    def peak(self, scoring: Scoring) -> int:
        """Most numbers that tables of pairs hold at once for one head, without derivatives.

        Logits, weights and what a mask allows are such tables; what grows with n + m alone is not
        counted, nor are schemes that add to the values.
        """
        return tables(scoring) * self.pairs(scoring)

    def check(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> None:
        """Refuse what the core cannot compute.

        Raises:
            DomainError: with the reason that `refusal` gives.
        """
        reason = self.refusal(query, key, value, scoring)
        if reason is not None:
            raise DomainError(f"{type(self).__name__}: {reason}; use another core, or none.")


def tables(scoring: Scoring) -> int:
    """Tables of pairs that the weights of one block need at once; see `weights`.

    Two are the logits and their softmax. A mask takes the masked ones beside them, and what it
    allows where that differs from row to row; a scheme what it adds and the sum, or a gain and the
    product.
    """
    position, patch = scoring.position, scoring.patch
    if position.gain(patch) is not None:
        return 4
    adds = not position.is_toeplitz or position.relative(patch) is not None
    return max(2 + adds, mask_tables(scoring))


def mask_tables(scoring: Scoring) -> int:
    """Tables while the softmax is masked; 0 without a mask."""
    allowed = scoring.allowed(torch.device("meta"))
    return 0 if allowed is None else 3 + (allowed.shape[-2] > 1)


def are_plain(*tensors: Tensor) -> bool:
    """Whether all are torch's own tensors, not types with `__torch_function__` such as jets."""
    return all(type(tensor) in (Tensor, nn.Parameter, nn.Buffer) for tensor in tensors)
