"""Protocol of the ways to make a model smaller."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import Tensor, nn

from sciformer.compression.calibrate import recalibrate
from sciformer.compression.edits import Edit
from sciformer.errors import DomainError


@dataclass(frozen=True)
class Task:
    """The task of a model's training, as far as a transformation needs to know it.

    Attributes:
        cost: operations of a model for a sequence.
        losses: the loss of a model on each batch of the training split.
        batches: inputs and masks of that split.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from sciformer.compression import Prune, Task
        >>> x = torch.randn(64, 4)
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> task = Task(
        ...     cost=lambda model: sum(w.numel() for w in model.parameters() if w.dim() == 2),
        ...     losses=lambda model: [model(x).square().mean()],
        ...     batches=lambda: [(x, None)],
        ... )
        >>> smaller, edits = Prune()(model, 0.5, task)
        >>> smaller[0].weight.shape, edits[0].size
        (torch.Size([4, 4]), 4)
    """

    cost: Callable[[nn.Module], int]
    losses: Callable[[nn.Module], Iterable[Tensor]]
    batches: Callable[[], Iterable[tuple[Tensor, Tensor | None]]]


class Transformation(ABC):
    """A way to make a trained model smaller.

    Attributes:
        trains_first: whether training comes before the cut, so that one training serves every
            budget; others are trained further after it.
    """

    trains_first = False

    def prepare(self, model: nn.Module, task: Task) -> None:
        """Makes a model, in place, ready for the training before the cut; mostly it is already."""
        del model, task

    def training(self, model: nn.Module) -> AbstractContextManager[None]:
        """A context that lasts while a model is trained before the cut."""
        return nullcontext()

    def __call__(
        self, model: nn.Module, budget: float, task: Task
    ) -> tuple[nn.Module, tuple[Edit, ...]]:
        """A smaller copy with normalisations measured anew, and the edits that made it.

        Args:
            model: trained; stays as it is.
            budget: share of its operations that the copy may have, 0 < budget <= 1; 1 changes
                nothing.
            task: what it is trained for.

        Raises:
            DomainError: a budget outside its range.
            UsageError: a budget below what this way reaches; the sentence says how far it goes.
        """
        if not 0 < budget <= 1:
            raise DomainError(f"compress: the budget must lie in 0 < budget <= 1; got {budget:g}.")
        smaller = copy.deepcopy(model).eval()
        edits = self.shrink(smaller, budget * task.cost(model), task)
        if edits:
            recalibrate(smaller, task.batches())
        return smaller, edits

    @abstractmethod
    def shrink(self, model: nn.Module, most: float, task: Task) -> tuple[Edit, ...]:
        """Changes a model in place until it costs `most` operations at most."""
