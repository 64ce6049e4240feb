"""Shared arguments and what they mean to torch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sciformer.cli.arguments import (
    add_run_arguments,
    positive_number,
    resolve_device,
    resolve_dtype,
    set_threads,
)
from sciformer.cli.parser import Parser
from sciformer.errors import UsageError


@pytest.fixture
def parser() -> Parser:
    parser = Parser("sciformer solve")
    add_run_arguments(parser, dtype="float32")
    parser.add_argument("--budget", type=positive_number)
    return parser


def test_values_and_defaults(parser: Parser) -> None:
    words = ["--out", "a/b", "--seed", "7", "--threads", "2", "--budget", "0.5", "--json"]
    parsed = parser.parse(words)
    assert (parsed.out, parsed.resume) == (Path("a/b"), None)
    assert (parsed.seed, parsed.threads, parsed.budget, parsed.json) == (7, 2, 0.5, True)
    assert (parsed.device, parsed.dtype) == ("cpu", "float32")
    assert (parser.parse([]).seed, parser.parse([]).threads) == (0, None)
    assert parser.parse(["--seed", "0", "--threads", "1"]).threads == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--seed", "-1"], r"argument --seed: must be a whole number >= 0, got '-1'"),
        (["--seed", "9223372036854775808"], r"argument --seed: must be a whole number"),
        (["--threads", "0"], r"argument --threads: must be a whole number >= 1, got '0'"),
        (["--threads", "two"], r"argument --threads: must be a whole number >= 1, got 'two'"),
        (["--budget", "0"], r"argument --budget: must be a number > 0, got '0'"),
        (["--budget", "inf"], r"argument --budget: must be a number > 0, got 'inf'"),
        (["--budget", "nan"], r"argument --budget: must be a number > 0, got 'nan'"),
        (["--budget", "x"], r"argument --budget: must be a number > 0, got 'x'"),
        (["--dtype", "float46"], r"unknown --dtype 'float46'\. Did you mean 'float64'\?"),
        (["--out", "a", "--resume", "b"], r"argument --resume: not allowed with argument --out"),
    ],
)
def test_mistakes_are_sentences(parser: Parser, words: list[str], sentence: str) -> None:
    """Kills: bounds off by one; accepting NaN."""
    with pytest.raises(UsageError, match=sentence):
        parser.parse(words)


def test_dtypes() -> None:
    assert resolve_dtype("float64") is torch.float64
    assert resolve_dtype("float32") is torch.float32


def test_threads() -> None:
    """Kills: setting threads when none were asked for; returning the wish."""
    before = torch.get_num_threads()
    try:
        assert set_threads(2) == torch.get_num_threads() == 2
        assert set_threads(None) == 2
    finally:
        torch.set_num_threads(before)


def test_the_device_must_be_here() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    absent = [] if torch.cuda.is_available() else ["cuda", "cuda:1"]
    for name in [*absent, "cuda:99", "gpu", "meta2", "meta", "cpu:99", "vulkan"]:
        with pytest.raises(UsageError, match=rf"^device: '{name}' is not available here; use --d"):
            resolve_device(name)
