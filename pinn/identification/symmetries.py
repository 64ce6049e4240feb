"""Changes of the unknowns that leave a problem as it is, so that no samples tell them apart."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import sympy

from pinn.problem.reading import difference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinn.problem.problem import Problem


def symmetries(problem: Problem) -> list[str]:
    """Remarks on signs and exchanges of unknowns that change no equation, condition or quantity.

    A fit finds the one of two values that its start is nearer to, and its interval is about that.
    Continuous families, as of a product, are refused by `check_identifiable`.

    Args:
        problem: with `unknown` parameters.
    """
    stated = [difference(e) for e in problem.equations]
    stated += [difference(c.equation) for c in problem.conditions]
    measured = [sympy.sympify(form) for form in problem.expressions.values()]
    built_in = [f for a in problem.ansatz.values() for f in (a.offset, a.factor)]
    measured += [sympy.sympify(form) for form in built_in]
    found = []
    for change, words in _changes(list(problem.unknown)):
        # A statement may change its sign as a whole; what is measured may not.
        is_left = all(_is_same(f, change) or _is_same(f, change, -1) for f in stated)
        if is_left and all(_is_same(form, change) for form in measured):
            found.append(f"{words}: the problem stays as it is, and no samples tell them apart.")
    return found


def _changes(names: list[Any]) -> Iterator[tuple[dict[Any, Any], str]]:
    """Other signs of each unknown and of each pair, and exchanges of each pair, in words."""
    for name in names:
        yield {name: -name}, f"{name} may as well be -{name}"
    for one, other in combinations(names, 2):
        yield (
            {one: -one, other: -other},
            f"{one} and {other} may as well be -{one} and -{other}",
        )
        yield {one: other, other: one}, f"{one} and {other} may be exchanged"


def _is_same(form: Any, change: dict[Any, Any], sign: int = 1) -> bool:
    changed = form.subs(change, simultaneous=True)
    return bool(sympy.expand(changed - sign * form) == 0)
