"""Each operation of both arithmetics on complex polydiscs holds what it makes of any number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pinn.certificates.balls import Ball
from pinn.certificates.certify import quadrature_error
from pinn.certificates.claim import write
from pinn.certificates.discs import Disc
from pinn.certificates.verifier.forms import Form
from pinn.certificates.verifier.verify import _integrals, verify_solution
from tests.pinn.certificates.test_forgeries import zero

COUNT, REACH = 3000, 1.3
Array = Any
# On the rim: what is at most |slopes| reach + rest is that much for some of these.
TURNS = np.exp(0.5j * np.pi * np.arange(4))


@dataclasses.dataclass
class Drawn:
    """Numbers centre + first xi + second tau + rest, and one complex number of each.

    The two operands of an operation share xi and tau, as two functions of one place do.
    """

    centre: Array
    first: Array
    second: Array
    rest: Array
    exact: Array

    @classmethod
    def pair(cls, seed: int) -> tuple[Drawn, Drawn, Array]:
        """Two operands, and the place (xi, tau) of each of their numbers."""
        generator = np.random.default_rng(seed)
        place = REACH * generator.choice(TURNS, (2, COUNT, 1))
        return cls._draw(generator, place), cls._draw(generator, place), place

    @classmethod
    def _draw(cls, generator: np.random.Generator, place: Array) -> Drawn:
        shape = (COUNT, 1)
        centre = generator.normal(size=shape) * generator.choice([0.0, 0.3, 2.0], shape)
        slopes = [
            generator.normal(size=shape) * generator.choice([0.0, 0.1, 0.4], shape)
            for _ in range(2)
        ]
        rest = generator.choice([0.0, 0.02, 0.3], shape)
        exact = centre + slopes[0] * place[0] + slopes[1] * place[1]
        return cls(
            centre, slopes[0], slopes[1], rest, exact + rest * generator.choice(TURNS, shape)
        )

    def form(self) -> Form:
        slopes = np.stack([self.first, self.second], -1)
        return Form(self.centre, slopes, self.rest, REACH)

    def disc(self) -> Disc:
        return Disc(self.centre, self.first, self.second, self.rest, np.array(REACH))


def distance(found: Form | Disc, place: Array, exact: Array) -> tuple[Array, Array]:
    """How far exact numbers are from the linear part of what was found, and what is allowed."""
    if isinstance(found, Form):
        assert found.slopes is not None
        first, second = found.slopes[..., 0], found.slopes[..., 1]
        return np.abs(exact - found.centre - first * place[0] - second * place[1]), found.rest
    linear = found.middle + found.first * place[0] + found.second * place[1]
    return np.abs(exact - linear), found.radius


MATRIX, BIAS = np.array([[2.0], [-0.7], [0.0]]), np.array([0.3, -1.1, 5.0])
Operation = tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any], Callable[[Any, Any], Any]]
OPERATIONS: dict[str, Operation] = {
    "sum": (lambda a, b: a.plus(b), lambda a, b: a + b, lambda a, b: a + b),
    "difference": (lambda a, b: a.minus(b), lambda a, b: a - b, lambda a, b: a - b),
    "product": (lambda a, b: a.times(b), lambda a, b: a * b, lambda a, b: a * b),
    "square": (lambda a, b: a.times(a), lambda a, b: a * a, lambda a, b: a * a),
    "layer": (
        lambda a, b: a.affine(MATRIX, BIAS),
        lambda a, b: a.linear(MATRIX, BIAS),
        lambda a, b: a @ MATRIX.T + BIAS,
    ),
    **{
        name: (
            lambda a, b, name=name: getattr(a, name)(),
            lambda a, b, name=name: getattr(a, name)(),
            lambda a, b, name=name: getattr(np, name)(a),
        )
        for name in ("sin", "cos", "exp", "tanh")
    },
}


@pytest.mark.parametrize("side", ["verifier", "prover"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_on_polydiscs_hold_every_number(name: str, side: str) -> None:
    """On the rim, where a bound is met: three thousand numbers, linear parts and rests of all
    sizes. Kills: a rest that meets no swing, half of a second derivative, a slope of the centre
    alone.
    """
    by_form, by_disc, exactly = OPERATIONS[name]
    one, other, place = Drawn.pair(7)
    with np.errstate(all="ignore"):
        if side == "verifier":
            found = by_form(one.form(), other.form())
        else:
            found = by_disc(one.disc(), other.disc())
        exact = exactly(one.exact, other.exact)
    gap, allowed = distance(found, place, exact)
    known = np.isfinite(np.broadcast_to(allowed, gap.shape))
    assert known.mean() > 0.7
    gap, allowed = gap[known], np.broadcast_to(allowed, known.shape)[known]
    assert (gap <= allowed * (1 + 1e-9) + 1e-13 * (1 + np.abs(exact[known]))).all()
    size = found.size() if isinstance(found, Form) else found.above
    assert (np.abs(exact) <= np.broadcast_to(size, exact.shape) * (1 + 1e-9) + 1e-13).all()


@pytest.mark.parametrize("name", ["sum", "difference", "product", "sin", "cos", "exp", "tanh"])
def test_operations_on_balls_hold_both_ends(name: str) -> None:
    """Kills: a radius times the other middle alone, a slope at the middle for the steepest."""
    generator = np.random.default_rng(3)
    middles = generator.normal(size=(2, COUNT, 1)) * 1.5
    radii = generator.choice([0.0, 0.01, 0.45], (2, COUNT, 1))
    ends = middles + radii * generator.choice([-1.0, 1.0], (2, COUNT, 1))
    balls = [Ball(m, r) for m, r in zip(middles, radii, strict=True)]
    _, by_ball, exactly = OPERATIONS[name]
    found = by_ball(*balls)
    gap = np.abs(exactly(*ends) - found.middle)
    assert (gap <= found.radius * (1 + 1e-12) + 1e-15).all()
    assert (np.abs(exactly(*ends)) <= found.above * (1 + 1e-12) + 1e-15).all()


class Known:
    """A residual of size 3 on polydiscs and 2 at points."""

    width = 1

    def __call__(self, x: Form, t: Form) -> Form:
        size = 2.0 if x.slopes is None else 3.0
        return Form.number(size)


@pytest.mark.parametrize(("order", "rho"), [(2, 2), (4, 3), (7, 2)])
def test_the_integral_on_a_box_counts_squares_and_what_the_rule_misses(
    order: int, rho: int
) -> None:
    """area sqrt((4 * 2^2 + 256/15 3^2 rho^(-2 n) / (1 - rho^-2)) / 4), in two programs.

    Kills: half of the degree, the bound of |r| for that of its square, a mean over the area.
    """
    claim = zero(high=(Fraction(3), Fraction(5)))
    boxes = np.array([[1, 0]]), np.array([[1, 2]])
    missed = 256 / 15 * 9 * float(rho) ** (-2 * order) / (1 - float(rho) ** -2)
    area = 3 / 2 * 5 / 4
    [found] = _integrals(claim, Known(), boxes, order, rho)  # type: ignore[arg-type]
    assert found == pytest.approx(area * np.sqrt(4 + missed / 4), rel=1e-9)
    assert found >= area * np.sqrt(4 + missed / 4)
    assert float(quadrature_error(np.array(3.0), rho, order)) == pytest.approx(missed, rel=1e-9)


def test_rounding_counts_over_the_whole_width(tmp_path: Path) -> None:
    """In L1 over 0 < x < 3: bound + 3 rounding. Kills: a rounding that counts once."""
    factor = ["mul", "x", "t", ["add", "3/1", ["mul", "-1/1", "x"]]]
    claim = zero(high=(Fraction(3), Fraction(1)), factor=factor, bound=1e-3, rounding=2e-3)
    write(claim, tmp_path)
    assert verify_solution(tmp_path).in_float64 == pytest.approx(7e-3, rel=1e-9)
