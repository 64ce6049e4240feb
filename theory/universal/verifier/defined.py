"""Whether a formula is finite and real on the whole domain, by the verifier's own numbers."""

from __future__ import annotations

import math

import numpy as np
import sympy

from sciformer.errors import DomainError
from theory.universal.formula.target import Target
from theory.universal.verifier.dual import Dual, Forms
from theory.universal.verifier.numbers import Mpmath, Number

_MOST_BOXES = 4000


class _Real(Forms):
    def _root(self, value: Number) -> Number:
        negative = value.a < 0
        return self.numbers.exact(math.nan) if negative else self.numbers.function("sqrt", value)


def prove_defined(target: Target) -> None:
    """Splits the domain into boxes on which every entry has a finite enclosure, or refuses.

    Raises:
        DomainError: names an entry for which no such split was found.
    """
    forms = _Real(Mpmath())
    for entry in {entry for row in target.entries for entry in row}:
        boxes = [(np.full(target.dimension, target.lower), np.full(target.dimension, target.upper))]
        for _ in range(_MOST_BOXES):
            if not boxes:
                break
            lower, upper = boxes.pop()
            if not _is_finite(entry, target, forms, lower, upper):
                axis = int(np.argmax(upper - lower))
                near, far = upper.copy(), lower.copy()
                near[axis] = far[axis] = lower[axis] + (upper[axis] - lower[axis]) / 2
                boxes += [(lower, near), (far, upper)]
        if boxes:
            raise DomainError(
                f"verify: could not prove that {entry} is finite and real on the whole domain."
            )


def _is_finite(
    entry: sympy.Expr, target: Target, forms: Forms, lower: object, upper: object
) -> bool:
    ends = zip(np.asarray(lower), np.asarray(upper), strict=True)
    box = [forms.constant(forms.numbers.between(float(a), float(b)), 0) for a, b in ends]
    known: dict[sympy.Basic, Dual] = dict(zip(target.variables, box, strict=True))
    value = forms.evaluate(entry, known, 0).value
    return math.isfinite(forms.numbers.lower(value)) and math.isfinite(forms.numbers.upper(value))
