"""ListOps: nested lists of digits under MIN, MAX, MED and SM, to be evaluated; generated."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from sciformer.sequence.data.dataset import SequenceData, Split, SymbolSplit

OPERATORS: dict[str, Callable[[list[int]], int]] = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda values: int(statistics.median(values)),
    "[SM": lambda values: sum(values) % 10,
}
TOKENS = (*"0123456789", *OPERATORS, "]")
# As the Long Range Arena draws expressions; the smaller counts are ours.
DEPTH, ARGUMENTS, NESTING = 10, 10, 0.25
SHORTEST, LONGEST = 500, 2000
COUNTS, FULL_COUNTS = (2000, 200, 200), (96_000, 2000, 2000)


def load(directory: Path | None, seed: int) -> SequenceData:
    """Expressions of 500 to 2000 tokens as one-hot frames, class is the value.

    Source: Nangia and Bowman 2018; the settings of Long Range Arena (Tay et al. 2021).
    Deviates: 2000 + 200 + 200 expressions; `load_full` has 96,000 + 2000 + 2000.
    """
    return _generated("listops", COUNTS, seed)


def load_full(directory: Path | None, seed: int) -> SequenceData:
    """ListOps in the published number of expressions; kept as bytes, 200 MB."""
    return _generated("listops-full", FULL_COUNTS, seed)


def expression(source: random.Random, depth: int = 1) -> tuple[list[str], int]:
    """Tokens and value of a random expression; a digit with probability 3/4, or at full depth."""
    if depth >= DEPTH or (depth > 1 and source.random() > NESTING):
        digit = source.randrange(10)
        return [str(digit)], digit
    operator = source.choice(list(OPERATORS))
    parts = [expression(source, depth + 1) for _ in range(source.randint(2, ARGUMENTS))]
    tokens = [operator, *(token for part, _ in parts for token in part), "]"]
    return tokens, OPERATORS[operator]([value for _, value in parts])


def evaluate(tokens: list[str]) -> int:
    """The value of an expression, from its tokens."""
    stack: list[list[int]] = [[]]
    operators: list[str] = []
    for token in tokens:
        if token in OPERATORS:
            operators.append(token)
            stack.append([])
        elif token == "]":
            values = stack.pop()
            stack[-1].append(OPERATORS[operators.pop()](values))
        else:
            stack[-1].append(int(token))
    return stack[0][0]


def _generated(name: str, counts: Sequence[int], seed: int) -> SequenceData:
    source = random.Random(seed)
    splits = (_split(count, source) for count in counts)
    return SequenceData(name, tuple("0123456789"), *splits)


def _split(count: int, source: random.Random) -> Split:
    index = {token: i for i, token in enumerate(TOKENS)}
    inputs = np.zeros((count, LONGEST), np.uint8)
    labels: list[int] = []
    lengths: list[int] = []
    while len(labels) < count:
        tokens, value = expression(source)
        if SHORTEST < len(tokens) < LONGEST:
            inputs[len(labels), : len(tokens)] = [index[token] for token in tokens]
            labels.append(value)
            lengths.append(len(tokens))
    return SymbolSplit(
        torch.from_numpy(inputs), torch.tensor(labels), torch.tensor(lengths), len(TOKENS)
    )
