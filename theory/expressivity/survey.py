"""Survey of every scheme on one task: blindness, ceiling, and accuracy reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from theory.expressivity.blindness import Layers, examine, randomise
from theory.expressivity.decoder import PositionDecoder
from theory.expressivity.mixing import position_layer
from theory.expressivity.schemes import MECHANISMS, Sizes, mechanism
from theory.expressivity.selection import even_token_sources, selection_network
from theory.expressivity.tasks import (
    Ceiling,
    PositionIdentification,
    Task,
    ceiling,
    random_tokens,
)
from theory.expressivity.training import Recipe, every_constant, train


@dataclass(frozen=True)
class Row:
    """One line of the survey.

    scheme: its name, or what was constructed. is_blind, spread: on constant sequences, with random
    weights in float64. limit: what theory allows. constant, random: accuracies reached. steps: of
    training; 0 if constructed. seconds: it took.
    """

    scheme: str
    is_blind: bool
    spread: float
    reason: str
    limit: Ceiling
    constant: float
    random: float
    steps: int
    seconds: float


def trained_row(
    name: str,
    task: Task,
    recipe: Recipe,
    *,
    seed: int = 0,
    report: Callable[[int, float, float], None] | None = None,
) -> Row:
    """Train one scheme, by name, on random and constant sequences alike.

    Raises:
        UnknownNameError: no such scheme.

    Examples:
        >>> from theory.expressivity import PositionIdentification, Recipe, trained_row
        >>> row = trained_row("relative", PositionIdentification(length=4), Recipe(steps=2))
        >>> row.is_blind, row.limit.constant  # on constant sequences no better than a guess
        (True, 0.25)
    """
    found = mechanism(name, "sciformer expressivity")
    sizes = Sizes(recipe.width, recipe.heads, task.length)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = Layers([found.make(sizes) for _ in range(recipe.layers)], recipe.width)
    generator = torch.Generator().manual_seed(seed)
    token = torch.randn(recipe.width, generator=generator, dtype=torch.float64)
    verdict = examine(randomise(layers, generator), token.expand(1, task.length, -1))
    limit = ceiling(
        task,
        is_blind=verdict.is_blind,
        is_symmetric=found.is_symmetric,
        is_exchangeable=name in ("none", "bos-none"),
    )
    # Nothing is gained by training on once what the scheme can do has been reached.
    recipe = replace(recipe, enough=min(recipe.enough, limit.random - 1e-9))
    reached = train(task, found, recipe, seed=seed, constant_ceiling=limit.constant, report=report)
    return Row(
        name,
        verdict.is_blind,
        verdict.spread,
        verdict.reason,
        limit,
        reached.constant,
        reached.random,
        reached.steps,
        reached.seconds,
    )


def constructed_rows(task: Task, seed: int = 0) -> list[Row]:
    """Rows of weights that are written down, without training.

    Position identification: the smallest C for URPE, and the decoder for RPE, which has no answer
    on constant sequences and is counted as a guess there. Even-token prediction: the two layers
    that select tokens.
    """
    tokens = random_tokens(task, 512, torch.Generator().manual_seed(seed))
    answers: dict[str, Callable[[Tensor], Tensor]] = {"urpe": _universal_answer(task)}
    if isinstance(task, PositionIdentification):
        decoder = PositionDecoder(task.length, task.vocabulary)
        answers["relative"] = lambda x: decoder(x).round().long() - 1
    rows = []
    for name, answer in answers.items():
        is_blind = MECHANISMS[name].is_blind[0]
        limit = ceiling(task, is_blind=is_blind, is_symmetric=False, is_exchangeable=False)
        constant, random = (
            _accuracy(answer, task, each, guess=limit.constant if is_blind else None)
            for each in (every_constant(task), tokens)
        )
        rows.append(Row(f"{name}, constructed", is_blind, 0.0, "", limit, constant, random, 0, 0.0))
    return rows


def _universal_answer(task: Task) -> Callable[[Tensor], Tensor]:
    if isinstance(task, PositionIdentification):
        layer = position_layer(torch.arange(task.length))
        return lambda x: layer(torch.zeros(*x.shape, 1).double())[..., 0].round().long()
    net = selection_network(even_token_sources(task.length), task.vocabulary)

    def answer(tokens: Tensor) -> Tensor:
        symbols: Tensor = net(nn.functional.one_hot(tokens, task.vocabulary).double())
        return symbols.argmax(-1)

    return answer


@torch.no_grad()
def _accuracy(
    answer: Callable[[Tensor], Tensor], task: Task, tokens: Tensor, guess: float | None
) -> float:
    """Share of right answers; on constant sequences the answer is not asked if there is a guess."""
    asked = tokens if guess is None else tokens[(tokens != tokens[:, :1]).any(1)]
    right = float((answer(asked) == task.targets(asked)).sum())
    return (right + (guess or 0.0) * (tokens.numel() - asked.numel())) / tokens.numel()
