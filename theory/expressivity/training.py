"""Training a small transformer on a task, half on random and half on constant sequences."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from theory.expressivity.blindness import Layers
from theory.expressivity.schemes import Mechanism, Sizes
from theory.expressivity.tasks import Task, constant_tokens, random_tokens


@dataclass(frozen=True)
class Recipe:
    """Sizes of a small network, and how it is trained.

    Attributes:
        width: of the tokens.
        heads: of attention.
        layers: depth of the network.
        steps: at most.
        batch: sequences a step.
        learning_rate: peak of Adam; it rises over `warm_up_steps`, stays, and falls to a fiftieth
            over the second half of the steps.
        warm_up_steps: steps of the rise.
        enough: the training ends when the accuracy on random tokens reaches it and that on
            constant tokens reaches its ceiling.
        check_every: steps between two looks at the accuracy.
        seconds: after which the training ends.

    Examples:
        >>> from theory.expressivity import Recipe
        >>> Recipe(steps=300, seconds=60).learning_rate
        0.01
    """

    width: int = 32
    heads: int = 4
    layers: int = 2
    steps: int = 1000
    batch: int = 32
    learning_rate: float = 1e-2
    warm_up_steps: int = 50
    enough: float = 1.0
    check_every: int = 25
    seconds: float = float("inf")


@dataclass(frozen=True)
class Reached:
    """Result of a training: accuracies (share of positions), and the cost.

    constant_loss: cross-entropy on constant sequences in nats.
    """

    constant: float
    random: float
    constant_loss: float
    steps: int
    seconds: float


class Classifier(nn.Module):
    """Embedding, transformer layers around given mixers, one class per token.

    Args:
        task: gives vocabulary and classes.
        mechanism: how tokens are mixed.
        recipe: gives the sizes.
    """

    def __init__(self, task: Task, mechanism: Mechanism, recipe: Recipe) -> None:
        super().__init__()
        sizes = Sizes(recipe.width, recipe.heads, task.length)
        self.embedding = nn.Embedding(task.vocabulary, recipe.width)
        self.layers = Layers([mechanism.make(sizes) for _ in range(recipe.layers)], recipe.width)
        self.norm = nn.LayerNorm(recipe.width)
        self.readout = nn.Linear(recipe.width, task.classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (b, n, classes) of tokens (b, n)."""
        logits: Tensor = self.readout(self.norm(self.layers(self.embedding(tokens))))
        return logits


def train(
    task: Task,
    mechanism: Mechanism,
    recipe: Recipe,
    *,
    seed: int = 0,
    constant_ceiling: float = 1.0,
    report: Callable[[int, float, float], None] | None = None,
) -> Reached:
    """Train one network on both kinds of sequences and measure both.

    Args:
        task: what to learn.
        mechanism: how tokens are mixed.
        recipe: how to train.
        seed: of the weights and the data; torch's global generator is left as it was.
        constant_ceiling: the accuracy on constant sequences that counts as reached.
        report: called with step and both accuracies at each check.

    Returns:
        Accuracies on 512 fresh random sequences and on every constant one.
    """
    start = time.perf_counter()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Classifier(task, mechanism, recipe)
    generator = torch.Generator().manual_seed(seed + 1)
    held_out = random_tokens(task, 512, torch.Generator().manual_seed(seed + 2))
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, recipe))
    step = 0
    constant = random = loss = 0.0
    while step < recipe.steps and time.perf_counter() - start < recipe.seconds:
        _step(network, task, recipe.batch, optimiser, generator)
        schedule.step()
        step += 1
        if step % recipe.check_every == 0 or step == recipe.steps:
            constant, loss = accuracy(network, task, every_constant(task))
            random, _ = accuracy(network, task, held_out)
            if report is not None:
                report(step, constant, random)
            if random >= recipe.enough and constant >= constant_ceiling - 1e-9:
                break
    return Reached(constant, random, loss, step, time.perf_counter() - start)


def every_constant(task: Task) -> Tensor:
    """All constant sequences of a task, (vocabulary, n)."""
    return torch.arange(task.vocabulary)[:, None].repeat(1, task.length)


@torch.no_grad()
def accuracy(network: nn.Module, task: Task, tokens: Tensor) -> tuple[float, float]:
    """Share of right classes and mean cross-entropy in nats, over all tokens."""
    logits, targets = network(tokens), task.targets(tokens)
    loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    return float((logits.argmax(-1) == targets).double().mean()), float(loss)


def _step(
    network: nn.Module,
    task: Task,
    batch: int,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
) -> None:
    half = batch // 2
    tokens = torch.cat(
        [random_tokens(task, batch - half, generator), constant_tokens(task, half, generator)]
    )
    logits = network(tokens)
    loss = functional.cross_entropy(logits.flatten(0, 1), task.targets(tokens).flatten())
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def _rate(step: int, recipe: Recipe) -> float:
    warm = min(1.0, (step + 1) / recipe.warm_up_steps)
    return warm * max(0.02, min(1.0, 2 * (1 - step / recipe.steps)))
