"""The examples in docstrings of public names give what they show."""

from __future__ import annotations

import doctest
import importlib
import sys
from typing import Any

import pytest

PUBLIC = [
    (package, name)
    for package in ("pinn", "sciformer", "theory")
    for name in importlib.import_module(package).__all__
]


def examples(package: str, name: str) -> tuple[Any, list[doctest.Example]]:
    thing = getattr(importlib.import_module(package), name)
    return thing, doctest.DocTestParser().get_examples(thing.__doc__ or "")


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_the_examples_of_a_name_hold(package: str, name: str) -> None:
    """Kills: an example whose answer has changed."""
    thing, found = examples(package, name)
    globs = dict(vars(sys.modules[thing.__module__]))
    test = doctest.DocTest(found, globs, name, None, None, None)
    said: list[str] = []
    failed, _ = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not failed, "".join(said)


@pytest.mark.parametrize(("package", "name"), PUBLIC)
def test_every_public_name_has_an_example(package: str, name: str) -> None:
    """Kills: a public name that nobody is shown how to use; a parser that finds no example."""
    assert examples(package, name)[1]
