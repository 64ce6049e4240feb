"""The option --domain: one interval for all coordinates, or one per coordinate by name."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sciformer.errors import DataError

if TYPE_CHECKING:
    from theory.universal.formula.domain import Domain


DEFAULT = ("-1", "1")
"""The words that stand for no --domain."""


def add_domain(parser: argparse.ArgumentParser) -> None:
    """Adds --domain to a command."""
    parser.add_argument(
        "--domain",
        nargs="+",
        default=DEFAULT,
        metavar="END",
        help="A B for every coordinate (default -1 1), or x1=A:B x2=A:B ... for each",
    )


def read_domain(words: Sequence[str]) -> Domain:
    """The domain of the words after --domain; ends may be expressions such as pi/2.

    Raises:
        DataError: neither two numbers nor intervals by name.
        DomainError: an end that is not real and finite.
    """
    from theory.universal.formula.parsing import parse_number

    if len(words) == 2 and not any("=" in word for word in words):
        return parse_number(words[0]), parse_number(words[1])
    box: dict[str, tuple[float, float]] = {}
    for word in words:
        name, equals, ends = word.partition("=")
        low, colon, high = ends.partition(":")
        if not (equals and colon) or name in box:
            raise DataError(
                f"domain: expected two numbers, or one NAME=A:B for each coordinate; got {word!r}."
            )
        box[name] = parse_number(low), parse_number(high)
    return box
