"""Places at which fields are taken: the point itself, the face of a condition, or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy
from sympy.core.function import AppliedUndef

from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.geometry.box import Face


def on_face(form: Any, fields: Sequence[Any], coordinates: Sequence[Any], face: Face) -> Any:
    """A condition that names its own face, such as u(x, 0) on t=0, as one in u(x, t).

    Values at other places stay as they are, and `with_functionals` finds them.

    Args:
        form: with fields of all coordinates in order.
        fields: u(x, t) and others.
        coordinates: in the problem's order.
        face: where the condition holds.
    """
    heads = {field.func for field in fields}

    def is_here(value: Any) -> bool:
        return bool(value.is_number and value.is_real and face.is_at(float(value)))

    def named(value: Any) -> bool:
        if not isinstance(value, AppliedUndef) or value.func not in heads:
            return False
        if len(value.args) != len(coordinates):
            return False
        pairs = enumerate(zip(value.args, coordinates, strict=True))
        return all(a == c or (axis == face.axis and is_here(a)) for axis, (a, c) in pairs)

    def is_slope_here(value: Any) -> bool:
        if not isinstance(value, sympy.Subs):
            return False
        # Of the face's own coordinate: u_x at x=0 is elsewhere on t=0.
        across = {f.args[face.axis] for f in _values(value.expr, heads, len(coordinates))}
        return all(
            point in coordinates or (is_here(point) and across == {variable})
            for variable, point in zip(value.variables, value.point, strict=True)
        )

    def slope(value: Any) -> Any:
        here = coordinates[face.axis]
        points = (point if point in coordinates else here for point in value.point)
        return value.expr.xreplace(dict(zip(value.variables, points, strict=True)))

    form = sympy.sympify(form).replace(named, lambda value: value.func(*coordinates))
    return form.replace(is_slope_here, slope)


def refuse_elsewhere(who: str, form: Any, heads: Sequence[Any], arguments: Sequence[Any]) -> None:
    """Refuses integrals of fields and values at other places in what is no equation.

    Args:
        who: the name that the message begins with.
        form: a quantity.
        heads: the functions without their arguments, such as u.
        arguments: the coordinates of the point.

    Raises:
        UsageError: the sentence says how to get the same.
    """
    if not heads:
        return
    elsewhere = [v for v in form.atoms(sympy.Integral, sympy.Subs) if v.has(*heads)]
    elsewhere += [v for v in form.atoms(*heads) if any(not a.is_Symbol for a in v.args)]
    if elsewhere:
        raise UsageError(
            f"{who}: {elsewhere[0]} is a value at another place than the point "
            f"({', '.join(map(str, arguments))}), which equations and conditions may hold and "
            f"quantities may not; take it of the solution, which can be called at any points."
        )


def carried_out(who: str, coordinates: Sequence[Any]) -> Callable[[Any], Any]:
    """Takes derivatives of products, of integrals up to a point and by anything but coordinates.

    Args:
        who: the name that the message begins with.
        coordinates: by which derivatives of fields stay as they are.

    Raises:
        UsageError: a derivative whose order is not a whole number, when the function is called.
    """

    def is_open(form: Any) -> bool:
        if not isinstance(form, sympy.Derivative):
            return False
        for variable, count in form.variable_count:
            if not count.is_Integer:
                raise UsageError(
                    f"{who}: {form} is a derivative of order {count} in {variable}; orders are "
                    f"whole numbers."
                )
        plain = isinstance(form.expr, AppliedUndef)
        return not plain or any(v not in coordinates for v, _ in form.variable_count)

    def carry_out(form: Any) -> Any:
        form = sympy.sympify(form)
        return form.replace(is_open, lambda d: d.doit()) if hasattr(form, "replace") else form

    return carry_out


def _values(form: Any, heads: Any, count: int) -> list[Any]:
    """Fields in an expression, taken at any place."""
    found = form.atoms(AppliedUndef)
    return [f for f in found if f.func in heads and len(f.args) == count]
