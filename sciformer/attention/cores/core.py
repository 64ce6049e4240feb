"""What an attention core offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from sciformer.attention.scoring import Scoring
from sciformer.errors import DomainError


class Core(ABC):
    """One way to compute attention; `attend(..., core=)` and `MultiheadAttention(core=)` take it.

    A subclass computes `attend` and states in `refusal` what it cannot do. It may be an `nn.Module`
    too, where it has parameters.

    Attributes:
        smooth: whether derivatives of every order exist and jets pass through.
        exact: whether it is `attend` up to rounding, at every setting.
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
        """The reason why it cannot compute this, a clause without a subject; None if it can."""
        return None

    def pairs(self, scoring: Scoring) -> int:
        """Number of pairs of a query and a key (or what stands for keys) that it scores a head."""
        first, last = scoring.reached()
        return scoring.patch.n * (last - first)

    def check(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> None:
        """Refuse what the core cannot compute.

        Raises:
            DomainError: with the reason that `refusal` gives.
        """
        reason = self.refusal(query, key, value, scoring)
        if reason is not None:
            raise DomainError(f"{type(self).__name__}: {reason}; use another core, or none.")


def are_plain(*tensors: Tensor) -> bool:
    """Whether all are torch's own tensors, not types with `__torch_function__` such as jets."""
    return all(type(tensor) in (Tensor, nn.Parameter, nn.Buffer) for tensor in tensors)
