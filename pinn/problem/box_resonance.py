"""Whether a linear equation of second order in a box has solutions beside the one looked for."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.geometry.box import Box, Face
from pinn.problem.reading import difference, normal
from pinn.references.chebyshev import chebyshev_basis, lobatto_nodes
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

# Nodes along each coordinate by their number: five waves across a square and one across a cube are
# then known to 1e-7, and the matrices take some tenths of a second.
NODES = {2: 32, 3: 12}
# An eigenvalue below this share of the oscillating term is 0: a problem that is so near to a
# resonance loses all of six digits.
DEPENDENT = 1e-6
# Turns of an inverse iteration: each takes what is away from the resonance down by its distance.
TURNS = 4
SEED = 16
# Values at boundary nodes that do not follow from those inside are no boundary value problem.
WORST_CONDITION = 1e10


def check_box_resonance(problem: Problem) -> None:
    """Refuses a linear problem in a box that 0 does not solve alone without its sources.

    The operator is written on Chebyshev nodes with the boundary values eliminated; if its least
    eigenvalue is 0, as that of the Laplacian + k^2 on the unit square for k^2 = 2 pi^2, there are
    many solutions or none.

    Args:
        problem: only one in two or three coordinates is looked at, with one linear equation of
            second order that oscillates and one condition on each face, or periodic ends.

    Raises:
        UsageError: the sentence says so.

    Source: the alternative of Fredholm; Trefethen 2000, chapter 9 (the matrices).
    """
    if not isinstance(problem.domain, Box) or len(problem.coordinates) not in NODES:
        return
    if len(problem.fields) != 1 or len(problem.equations) != 1:
        return
    if problem.unknown or problem.ansatz or problem.gauge or problem.time is not None:
        return
    if problem.functionals:
        return
    rows = _Rows(problem)
    inside = rows.read(difference(problem.equations[0]))
    if inside is None or not _oscillates(inside, rows):
        return
    on_faces = rows.on_faces()
    if on_faces is None:
        return
    size = _size(inside, rows)
    least = _least_eigenvalue(rows.matrix(inside), on_faces, rows.is_inside)
    if least is not None and least <= DEPENDENT * size:
        raise UsageError(
            f"{problem.name}: without its known terms the equation has solutions other than 0 that "
            f"satisfy all conditions (it is at resonance), so that there are many solutions or "
            f"none; change a coefficient, such as the wavenumber, a condition or the size of the "
            f"box."
        )


# Orders of a derivative by coordinate, with its factor at each node.
Form = dict[tuple[int, ...], "Array"]


class _Rows:
    """Linear forms in one field as matrices on a grid of Chebyshev nodes, the last axis fastest."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        count = NODES[len(problem.coordinates)]
        ends = list(problem.domain.intervals.values())
        axes = [lobatto_nodes(count, *pair) for pair in ends]
        self._slopes = [_slopes(axis, pair) for axis, pair in zip(axes, ends, strict=True)]
        grids = np.meshgrid(*axes, indexing="ij")
        self.points = np.stack([grid.ravel() for grid in grids], -1)
        places = np.stack([g.ravel() for g in np.indices([count] * len(axes))], -1)
        self._low, self._high = places == 0, places == count - 1
        self.is_inside = ~(self._low | self._high).any(1)

    def read(self, form: Any, face: Face | None = None) -> Form | None:
        """The factors of a field and its derivatives at all nodes; None where it is not linear."""
        problem = self._problem
        [field] = problem.fields
        plain = sympy.sympify(form).doit().subs(dict(problem.parameters))
        components = {normal(c): 0 for c in problem.coordinates}
        if face is not None:
            components[normal(problem.coordinates[face.axis])] = face.outward
        plain = plain.subs(components)
        names = {d: sympy.Dummy() for d in plain.atoms(sympy.Derivative)} | {field: sympy.Dummy()}
        derivatives = {d: n for d, n in names.items() if d != field}
        plain = plain.xreplace(derivatives).xreplace(names)
        found: Form = {}
        for atom, name in names.items():
            factor = plain.diff(name)
            if factor.free_symbols & set(names.values()) or factor.has(field.func):
                return None
            counts = Counter(dict(getattr(atom, "variable_count", ())))
            order = tuple(int(counts[c]) for c in problem.coordinates)
            if sum(order) > 2:
                return None
            values = self._values(factor)
            if values is None:
                return None
            found[order] = values
        return None if plain.has(field.func) else found

    def _values(self, factor: Any) -> Array | None:
        coordinates = self._problem.coordinates
        if factor.free_symbols - set(coordinates):
            return None
        compiled = sympy.lambdify(list(coordinates), factor, modules=["scipy", "numpy"])
        try:
            with np.errstate(all="ignore"):
                values = np.asarray(compiled(*self.points.T), dtype=np.float64)
        except (TypeError, ValueError, NameError):
            return None
        whole = np.broadcast_to(values, len(self.points))
        return whole if np.isfinite(whole).all() else None

    def matrix(self, form: Form) -> Array:
        """Rows of a form at all nodes, (nodes, nodes)."""
        total = np.zeros((len(self.points), len(self.points)))
        for order, factor in form.items():
            parts = [slopes[n] for slopes, n in zip(self._slopes, order, strict=True)]
            total += factor[:, None] * _product(parts)
        return total

    def on_faces(self) -> Array | None:
        """The conditions as rows at the nodes of the boundary; None if they are of no such kind."""
        problem, count = self._problem, len(self.points)
        rows = np.zeros((count, count))
        faces: dict[Any, list[Any]] = {
            face: [] for face in problem.domain.parts() if isinstance(face, Face)
        }
        for condition in problem.conditions:
            faces[problem.domain.part(condition.on)].append(condition)
        for face, given in faces.items():
            nodes = (self._low if face.outward < 0 else self._high)[:, face.axis]
            if face.coordinate in problem.periodic:
                order = 0 if face.outward < 0 else 1
                rows[nodes] = self._periodic(face.axis, order)[nodes]
                continue
            form = self.read(difference(given[0].equation), face) if len(given) == 1 else None
            if form is None or not any(np.abs(f).max() > 0 for f in form.values()):
                return None
            rows[nodes] = self.matrix(form)[nodes]
        return rows

    def _periodic(self, axis: int, order: int) -> Array:
        """Rows of the difference of a derivative at the two ends of a coordinate."""
        parts = [slopes[0] for slopes in self._slopes]
        ends = self._slopes[axis][order]
        parts[axis] = np.broadcast_to(ends[0] - ends[-1], ends.shape)
        return _product(parts)


def _slopes(axis: Array, ends: tuple[float, float]) -> list[Array]:
    """Matrices of a value and two derivatives at the nodes, from values there."""
    inverse = np.linalg.inv(chebyshev_basis(axis, len(axis), ends))
    return [chebyshev_basis(axis, len(axis), ends, n) @ inverse for n in range(3)]


def _product(parts: list[Array]) -> Array:
    """The Kronecker product of matrices, one for each coordinate."""
    total = parts[0]
    for part in parts[1:]:
        total = np.asarray(np.kron(total, part), dtype=np.float64)
    return total


def _oscillates(form: Form, rows: _Rows) -> bool:
    """Whether waves satisfy the equation, which decaying solutions alone never bring to resonance.

    In several coordinates they do where the field itself has the sign of its second derivatives, or
    two of these have opposite signs.
    """
    count = rows.points.shape[1]
    seconds = [form.get(tuple(2 * (i == j) for j in range(count))) for i in range(count)]
    known = [second for second in seconds if second is not None]
    if len(known) < count:
        return False  # of first order in some coordinate: an evolution
    zeroth = form.get((0,) * count, np.zeros(len(rows.points)))
    is_wave = any((one * other < 0).any() for one, other in itertools.combinations(known, 2))
    return is_wave or bool((zeroth * known[0] > 0).any())


def _size(form: Form, rows: _Rows) -> float:
    """The size of the oscillating term: of the field itself, or of one wave across."""
    count = rows.points.shape[1]
    widths = np.ptp(rows.points, axis=0)
    of_waves = [
        float(np.abs(form[tuple(2 * (i == j) for j in range(count))]).max())
        * (math.pi / widths[i]) ** 2
        for i in range(count)
    ]
    zeroth = form.get((0,) * count)
    return float(max(0.0 if zeroth is None else np.abs(zeroth).max(), min(of_waves)))


def _least_eigenvalue(inside: Array, on_faces: Array, is_inside: NDArray[np.bool_]) -> float | None:
    """The least size of an eigenvalue of the operator with boundary values eliminated."""
    edge = ~is_inside
    held = on_faces[np.ix_(edge, edge)]
    held_size = np.abs(held).max(1)
    if not held_size.min() > 0 or np.linalg.cond(held / held_size[:, None]) > WORST_CONDITION:
        return None
    follow = np.linalg.solve(held, -on_faces[np.ix_(edge, is_inside)])
    operator = inside[np.ix_(is_inside, is_inside)] + inside[np.ix_(is_inside, edge)] @ follow
    vector = np.random.default_rng(SEED).standard_normal(len(operator))
    try:
        inverse = np.linalg.inv(operator)
    except np.linalg.LinAlgError:
        return 0.0
    growth = 0.0
    for _ in range(TURNS):
        vector = inverse @ vector
        growth = float(np.linalg.norm(vector))
        vector /= growth
    return 1 / growth
