"""Growth rates of errors from an equation's normal form, and the conditions on its walls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.bounds.normal_form import VALUE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.bounds.normal_form import NormalForm
    from pinn.bounds.samples import Samples
    from pinn.bounds.walls import Boundary

    Array = NDArray[np.float64]

# Values between v - d and v + d at which a rate is looked at; rates are polynomials of low degree.
VALUES = 9


class Rate:
    """q = known(x, t, w) + sum_j tilts_j(x, t, w) v_j, for the worst w within some distance of v.

    Args:
        known: of the coordinates and `VALUE`.
        tilts: factors of the slopes of the trial solution, by coordinate.
    """

    def __init__(self, known: Any, tilts: dict[Any, Any]) -> None:
        self._known = sympy.expand(known)
        self._tilts = {c: sympy.expand(e) for c, e in tilts.items() if e != 0}

    @property
    def depends_on_value(self) -> bool:
        """Whether the field itself enters, whose exact value is not known."""
        return any(e.has(VALUE) for e in (self._known, *self._tilts.values()))

    @property
    def is_constant(self) -> bool:
        """Whether the rate is the same everywhere."""
        return bool(self._known.is_number) and not self._tilts

    def within(self, samples: Samples, distance: Array | float) -> Array:
        """The largest values (t, s) over |w - v| <= distance."""
        shares = np.linspace(-1, 1, VALUES) if self.depends_on_value else [0.0]
        found = [self._at(samples, samples.value + share * distance) for share in shares]
        return np.asarray(np.max(found, axis=0))

    def anywhere(self, samples: Samples) -> Array | None:
        """The largest values (t, s) over all real w; None where it is not known to be bounded.

        Even powers of w with factors <= 0 are at most 0.
        """
        if self._tilts and any(e.has(VALUE) for e in self._tilts.values()):
            return None
        if not self._known.is_polynomial(VALUE):
            return None
        total = np.zeros_like(samples.value)
        for (power,), factor in sympy.Poly(self._known, VALUE).terms():
            if power == 0:
                total = total + samples.at(factor)
            elif power % 2 or not (samples.at(factor) <= 0).all():
                return None
        for c, tilt in self._tilts.items():
            total = total + samples.at(tilt) * samples.slopes[c]
        return total

    def _at(self, samples: Samples, value: Array) -> Array:
        total = samples.at(self._known, value)
        for c, tilt in self._tilts.items():
            total = total + samples.at(tilt, value) * samples.slopes[c]
        return total


def rate_l1(form: NormalForm) -> Rate:
    """g_u + sum_j (b_j)_j + (a_j)_jj, from e_t tested with sign(e)."""
    known = form.reaction.diff(VALUE)
    known += sum(b.diff(c) for c, b in form.drift.items())
    known += sum(a.diff(c, 2) for c, a in form.diffusion.items())
    return Rate(known, {})


def rate_l2(form: NormalForm) -> Rate | None:
    """g_u + sum_j ((b_j)_j + (a_j)_jj - (b_j)_u v_j) / 2, from e_t tested with e.

    None where (b_j)_j depends on the field, for which the two halves do not add up.
    """
    if any(b.diff(c).has(VALUE) for c, b in form.drift.items()):
        return None
    known = form.reaction.diff(VALUE)
    known += sum(b.diff(c) / 2 for c, b in form.drift.items())
    known += sum(a.diff(c, 2) / 2 for c, a in form.diffusion.items())
    return Rate(known, {c: -b.diff(VALUE) / 2 for c, b in form.drift.items()})


def rate_max(form: NormalForm) -> Rate:
    """g_u - sum_j (b_j)_u v_j, at a place where |e| is largest."""
    tilts = {c: -b.diff(VALUE) for c, b in form.drift.items()}
    return Rate(form.reaction.diff(VALUE), tilts)


def wall_trouble(form: NormalForm, boundary: Boundary, samples: Samples, kept: float) -> str | None:
    """Why errors may come in through a face; None if they cannot.

    At a wall with k e + e_n = 0, or a face without a condition where nothing diffuses, the terms

        -(a k + kept (a_n + b_n)) |e|^p

    are left, which must not be positive; kept is 1 for L1, 1/2 for L2, and 0 for the largest
    error, which asks for k >= 0 at walls and b_n >= 0 at free faces.
    """
    symbols = {str(c): c for c in samples.columns}
    for wall in boundary.walls.values():
        if wall.is_value:
            continue
        c = symbols[wall.face.coordinate]
        a, b = form.diffusion[c], form.drift[c]
        side = wall.face.outward
        inward = a * wall.robin + kept * side * (a.diff(c) + b)
        if not _is_nonnegative(inward, c, wall.face.value, samples):
            return f"at {wall.face.name} errors may flow in"
    for face in boundary.free:
        c = symbols[face.coordinate]
        if form.diffusion[c] != 0:
            return f"{face.name} has no condition"
        if not _is_nonnegative(face.outward * form.drift[c], c, face.value, samples):
            return f"the flow enters through {face.name}, which has no condition"
    return None


def seam_trouble(form: NormalForm, boundary: Boundary, samples: Samples) -> str | None:
    """Why the coefficients are not periodic along a periodic coordinate; None if they are."""
    symbols = list(samples.columns)
    for axis in boundary.periodic:
        c = symbols[axis]
        low, high = _ends(samples, c)
        for e in (form.diffusion[c], form.diffusion[c].diff(c), form.drift[c]):
            left, right = samples.at(e.subs(c, low)), samples.at(e.subs(c, high))
            if not np.allclose(left, right, rtol=1e-9, atol=1e-9 * np.abs(left).max()):
                return f"the coefficient {e} differs at the two ends of {c}"
    return None


def _ends(samples: Samples, c: Any) -> tuple[float, float]:
    cells = samples.cells[c]
    return cells.low, cells.low + float(cells.widths.sum())


def _is_nonnegative(expression: Any, c: Any, end: float, samples: Samples) -> bool:
    """Whether an expression is never negative on a face, for every value of the field there."""
    found = sympy.sympify(expression).subs(c, sympy.Float(end))
    if found.has(VALUE):
        return False
    values = samples.at(found)
    size = np.abs(values).max()
    return bool((values >= -1e-12 * size).all())
