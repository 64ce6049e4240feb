"""The examples in docstrings of public names give what they show."""

from __future__ import annotations

import doctest
import importlib
import sys
from typing import Any

import pytest

from tests.test_docs import hook

PAGES = hook("pages")
PUBLIC = [
    path
    for package in PAGES.PACKAGES
    for path in (
        *(f"{package}.{name}" for name in importlib.import_module(package).__all__),
        *PAGES.further(package),
    )
]


def examples(path: str) -> tuple[Any, list[doctest.Example]]:
    thing = PAGES.found(path)
    return thing, doctest.DocTestParser().get_examples(thing.__doc__ or "")


@pytest.mark.parametrize("path", PUBLIC)
def test_the_examples_of_a_name_hold(path: str) -> None:
    """Kills: an example whose answer has changed."""
    thing, found = examples(path)
    globs = dict(vars(sys.modules[thing.__module__]))
    test = doctest.DocTest(found, globs, path, None, None, None)
    said: list[str] = []
    failed, _ = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not failed, "".join(said)


@pytest.mark.parametrize("path", PUBLIC)
def test_every_public_name_has_an_example(path: str) -> None:
    """Kills: a public name that nobody is shown how to use; a parser that finds no example."""
    assert examples(path)[1]
