"""Two tasks that need positions, on random and on constant sequences."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.errors import DomainError
from theory.expressivity.bounds import constant_accuracy, constant_cross_entropy, relative_ceiling


@dataclass(frozen=True)
class Task(ABC):
    """Tokens (b, n) to one class per token (b, n).

    vocabulary: number of tokens, >= 1. length: of the sequence, >= 2; official size 128.

    Raises:
        DomainError: no token, or fewer than two positions.
    """

    vocabulary: int = 10
    length: int = 16

    def __post_init__(self) -> None:
        if self.length < 2 or self.vocabulary < 1:
            raise DomainError(
                f"{type(self).__name__}: a task needs at least two positions and one token; got "
                f"length {self.length} and vocabulary {self.vocabulary}."
            )

    @property
    @abstractmethod
    def classes(self) -> int:
        """Number of classes."""

    @abstractmethod
    def targets(self, tokens: Tensor) -> Tensor:
        """The classes (b, n) of tokens (b, n)."""


class PositionIdentification(Task):
    """The task y_i = i: to report the position of each token.

    Source: Luo et al. 2022, synthetic tasks.

    Examples:
        >>> import torch
        >>> from theory.expressivity import PositionIdentification
        >>> PositionIdentification(length=4).targets(torch.tensor([7, 7, 7, 7]))
        tensor([0, 1, 2, 3])
    """

    @property
    def classes(self) -> int:
        """One class per position."""
        return self.length

    def targets(self, tokens: Tensor) -> Tensor:
        return torch.arange(self.length, device=tokens.device).expand_as(tokens)


class EvenTokenPrediction(Task):
    """The task y_i = x_{2i} for i <= n/2, counted from 1, and then an end token of its own class.

    Source: Luo et al. 2022, synthetic tasks.
    """

    @property
    def classes(self) -> int:
        """The tokens and the end token, which comes last."""
        return self.vocabulary + 1

    def targets(self, tokens: Tensor) -> Tensor:
        targets = torch.full_like(tokens, self.vocabulary)
        half = self.length // 2
        targets[:, :half] = tokens[:, 1 : 2 * half : 2]
        return targets


TASKS: dict[str, Callable[[int, int], Task]] = {
    "position": PositionIdentification,
    "even": EvenTokenPrediction,
}


def random_tokens(task: Task, batch: int, generator: torch.Generator) -> Tensor:
    """Independent uniform tokens (b, n)."""
    return torch.randint(task.vocabulary, (batch, task.length), generator=generator)


def constant_tokens(task: Task, batch: int, generator: torch.Generator) -> Tensor:
    """One uniform token repeated, (b, n)."""
    return torch.randint(task.vocabulary, (batch, 1), generator=generator).repeat(1, task.length)


@dataclass(frozen=True)
class Ceiling:
    """The best accuracy on constant and on random tokens, and the least loss (nats) on constants.

    1 means that nothing forbids a perfect answer, not that one is known.
    """

    constant: float
    random: float
    constant_loss: float


def ceiling(task: Task, *, is_blind: bool, is_symmetric: bool, is_exchangeable: bool) -> Ceiling:
    """The accuracy that no bidirectional network of a kind can exceed.

    Blind: one answer for all positions of a constant sequence. Exchangeable (no positions at all):
    equal tokens get equal answers, and seeing which token one is says nothing about where one is.
    Symmetric (commutes with reversal): of a position and its mirror image in the reversed sequence,
    which get one answer, at most one is right, and the targets of both tasks differ there.

    Args:
        task: one of the tasks.
        is_blind: whether constant sequences stay constant.
        is_symmetric: whether reversal of the input reverses the output.
        is_exchangeable: whether any permutation of the input permutes the output.

    Returns:
        Accuracies as shares of positions; the loss is 0 if the kind is not blind.
    """
    classes = task.targets(torch.zeros(1, task.length, dtype=torch.long))[0]
    constant = constant_accuracy(classes) if is_blind else 1.0
    loss = constant_cross_entropy(classes) if is_blind else 0.0
    if is_exchangeable:
        return Ceiling(constant, constant_accuracy(classes), loss)
    if is_symmetric:
        return Ceiling(constant, 0.5 if task.length % 2 == 0 else 1.0, loss)
    return Ceiling(constant, relative_ceiling(task.length, task.vocabulary, constant), loss)
