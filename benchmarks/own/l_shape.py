"""Heat on an L with a round hole: Robin outside, values in the hole, a manufactured solution."""

import sympy

from pinn import Box, Condition, Disc, Polygon, Problem, normal

x, y, t = sympy.symbols("x y t")
u = sympy.Function("u")(x, y, t)
known = sympy.exp(-t) * sympy.cos(2 * x) * sympy.sin(3 * y) + x * y


def robin(field):
    return normal(x) * field.diff(x) + normal(y) * field.diff(y) + 2 * field


def heat(field):
    return field.diff(t) - (field.diff(x, 2) + field.diff(y, 2)) / 10


outline = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], name="wall")
l_shape = Problem(
    name="l-shape",
    coordinates=(x, y, t),
    fields=u,
    equations=sympy.Eq(heat(u), sympy.simplify(heat(known))),
    domain=(outline - Disc(0.25, x=0.5, y=0.5, name="hole")) * Box(t=(0, 1)),
    conditions=(
        Condition(sympy.Eq(u, known.subs(t, 0)), on="t=0"),
        Condition(sympy.Eq(robin(u), robin(known)), on="wall"),
        Condition(sympy.Eq(u, known), on="hole"),
    ),
    exact={u: known},
)
