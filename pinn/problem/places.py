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

    Values at other places stay as they are, and `refuse_elsewhere` finds them.

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
        pairs = enumerate(zip(value.args, coordinates, strict=True))
        return all(a == c or (axis == face.axis and is_here(a)) for axis, (a, c) in pairs)

    def is_slope_here(value: Any) -> bool:
        return isinstance(value, sympy.Subs) and all(
            point in coordinates or is_here(point) for point in value.point
        )

    def slope(value: Any) -> Any:
        here = coordinates[face.axis]
        points = (point if point in coordinates else here for point in value.point)
        return value.expr.xreplace(dict(zip(value.variables, points, strict=True)))

    form = sympy.sympify(form).replace(named, lambda value: value.func(*coordinates))
    return form.replace(is_slope_here, slope)


def refuse_elsewhere(who: str, form: Any, heads: Sequence[Any], arguments: Sequence[Any]) -> None:
    """Refuses integrals of fields and values at other places than the point.

    Args:
        who: the name that the message begins with.
        form: an equation, condition or quantity.
        heads: the functions without their arguments, such as u.
        arguments: the coordinates of the point.

    Raises:
        UsageError: the sentence says how to state the same.
    """
    if not heads:
        return
    for integral in form.atoms(sympy.Integral):
        if integral.has(*heads):
            raise UsageError(
                f"{who}: integrals of fields, such as {integral}, are not supported; make the "
                f"integral up to a point a field of its own, whose derivative is the integrand and "
                f"which is 0 where the integral begins. In one coordinate its value at the end may "
                f"be a number that a condition gives, or a parameter in unknown=."
            )
    elsewhere = [value for value in form.atoms(sympy.Subs) if value.has(*heads)]
    elsewhere += [v for v in form.atoms(*heads) if any(not a.is_Symbol for a in v.args)]
    if elsewhere:
        raise UsageError(
            f"{who}: {elsewhere[0]} is a value at another place than the point "
            f"({', '.join(map(str, arguments))}); delays, values at one place inside an equation "
            f"and conditions that link two places are not supported. A value at a boundary belongs "
            f'in a Condition on that part, and two ends that are one place in periodic=("x",). In '
            f"one coordinate call a value at an end c, say c in the equation and in a condition "
            f"there, and unknown={{c: Unknown(size=1)}}."
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
