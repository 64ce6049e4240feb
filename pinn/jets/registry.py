"""Registry of the rules that answer torch functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F

from sciformer.errors import UsageError

Rule = Callable[..., Any]
_R = TypeVar("_R", bound=Rule)

_RULES: dict[Any, Rule] = {}


class MissingRuleError(UsageError):
    """A torch function that no rule carries derivatives through.

    Examples:
        >>> import torch
        >>> from pinn.jets import Jet, Operators
        >>> jet = Jet.coordinates(torch.rand(3, 1), Operators("x", ["x"]))
        >>> torch.sort(jet)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        pinn.jets.registry.MissingRuleError: ...
    """


def rule(*functions: Any) -> Callable[[_R], _R]:
    """Register a rule for torch functions.

    Args:
        functions: the torch functions themselves, or names, which stand for every function of that
            name in `torch`, `torch.nn.functional` and `torch.Tensor`.

    Returns:
        A decorator. The rule gets the arguments of the torch function and returns a Jet.

    Examples:
        @rule("square")
        def _square(x):
            return x * x
    """

    def register(answer: _R) -> _R:
        for function in functions:
            for found in _named(function) if isinstance(function, str) else (function,):
                _RULES[found] = answer
        return answer

    return register


def find(function: Any) -> Rule:
    """The rule of a torch function.

    Raises:
        MissingRuleError: there is none; the sentence names the function and says how to add one.
    """
    found = _RULES.get(function)
    if found is None:
        name = getattr(function, "__name__", repr(function))
        raise MissingRuleError(
            f"Jet: no derivative rule for torch function {name!r}; write the network with "
            "functions that have one, or compose a rule from them with @pinn.jets.rule(function)."
        )
    return found


def _named(name: str) -> list[Any]:
    places = (torch, F, torch.Tensor, torch.special)
    return [getattr(place, name) for place in places if hasattr(place, name)]
