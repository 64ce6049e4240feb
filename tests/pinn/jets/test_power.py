"""x ** y for every kind of base and exponent, against formulas written out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pinn.jets import Jet, MissingRuleError, Operators

OPERATORS = Operators("xy", ("xx", "xy", "yy"))
POINTS = torch.tensor([[-2.0, 3.0], [2.0, -1.0], [0.0, 2.0], [1.5, 0.5]], dtype=torch.float64)


def coordinates() -> tuple[Jet, Jet]:
    x, y = Jet.coordinates(POINTS, OPERATORS).unbind(1)
    return x, y


def found(jet: Jet) -> dict[str, list[float]]:
    return {name: jet.derivative(name).tolist() for name in OPERATORS.names}


@pytest.mark.parametrize("exponent", [0, 1, 2, 3])
def test_tensors_of_one_number_are_that_number(exponent: int) -> None:
    """x^n has n x^(n-1) and n (n-1) x^(n-2), also at -2 and 0. Kills: exp(n log x)."""
    x, _ = coordinates()
    for given in (torch.tensor(exponent), torch.tensor(float(exponent)), torch.tensor([exponent])):
        for jet in (x**given, torch.pow(x, given), x.pow(given)):
            values = found(jet)
            p = POINTS[:, 0]
            slope = exponent * p ** (exponent - 1) if exponent else torch.zeros(4)
            bend = exponent * (exponent - 1) * p ** (exponent - 2) if exponent > 1 else 0 * p
            assert values["1"] == (p**exponent).tolist()
            assert values["x"] == slope.tolist()
            assert values["xx"] == bend.tolist()
            assert not any(values["y"] + values["xy"] + values["yy"])


def test_exponents_differ_from_entry_to_entry() -> None:
    """Kills: one exponent for all, an infinite slope of another branch in a gradient."""
    x, _ = coordinates()
    exponents = torch.tensor([3.0, -1.0, 2.0, 0.5], dtype=torch.float64)
    values = found(x**exponents)
    assert values["1"] == [-8.0, 0.5, 0.0, math.sqrt(1.5)]
    assert values["x"][:3] == [12.0, -0.25, 0.0]
    assert values["x"][3] == pytest.approx(0.5 / math.sqrt(1.5), rel=1e-15)
    assert values["xx"][:3] == [-12.0, 0.25, 2.0]
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    total = ((x * scale) ** torch.tensor([3.0, 2.0, 0.0, 0.5], dtype=torch.float64)).value.sum()
    (gradient,) = torch.autograd.grad(total, scale)
    # d/ds of (s x)^n at s = 1 is n x^n
    assert float(gradient) == pytest.approx(3 * -8 + 2 * 4 + 0.5 * math.sqrt(1.5), rel=1e-14)


def test_positive_bases_under_moving_exponents() -> None:
    """x^y: y x^(y-1), x^y log x, x^(y-1) (1 + y log x), x^y log^2 x. Kills: d/dy without log."""
    x, y = coordinates()
    values = found(x**y)
    for at in (1, 3):
        p, q = POINTS[at].tolist()
        wanted = {
            "1": p**q,
            "x": q * p ** (q - 1),
            "y": p**q * math.log(p),
            "xx": q * (q - 1) * p ** (q - 2),
            "xy": p ** (q - 1) * (1 + q * math.log(p)),
            "yy": p**q * math.log(p) ** 2,
        }
        for name, value in wanted.items():
            assert values[name][at] == pytest.approx(value, rel=1e-13)


def test_bases_below_zero_keep_their_value_and_say_that_they_have_no_slope() -> None:
    """Kills: NaN for (-2)^3, a finite derivative of (-2)^y."""
    _, y = coordinates()
    values = found((-2.0) ** y)
    assert values["1"][:3] == [-8.0, -0.5, 4.0]
    assert all(map(math.isnan, [values["1"][3], *values["y"]]))


def test_exponents_that_are_jets_without_slope_are_constants() -> None:
    """Kills: 0 ** 0 by the logarithm, whole exponents that only look as if they moved."""
    x, y = coordinates()
    nought = found((x * 0) ** (y * 0))
    assert nought["1"] == [1.0] * 4
    assert not any(value for name in OPERATORS.names[1:] for value in nought[name])
    square = found(x ** (y * 0 + 2))
    assert square["1"][:3] == [4.0, 4.0, 0.0]
    assert square["x"][:3] == [-4.0, 4.0, 0.0]
    assert square["xx"] == pytest.approx([2.0] * 4, rel=1e-14)


def test_a_vanishing_base_stays_zero() -> None:
    """0^y = 0 with all its derivatives for y > 0. Kills: log 0."""
    _, y = coordinates()
    values = found(torch.zeros(4, dtype=torch.float64) ** y)
    assert [values[name][0] for name in OPERATORS.names] == [0.0] * 6
    assert values["1"][1] == math.inf  # 0^-1


def test_trained_exponents() -> None:
    """d/dp x^p = x^p log x. Kills: a trained exponent taken for a constant, a silent gradient."""
    exponent = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    points = POINTS[[1, 3]]
    x, _ = Jet.coordinates(points, OPERATORS).unbind(1)
    (gradient,) = torch.autograd.grad((x**exponent).value.sum(), exponent)
    p = points[:, 0]
    torch.testing.assert_close(gradient, (p**2 * p.log()).sum(), rtol=1e-14, atol=0)
    below, _ = coordinates()
    with pytest.raises(MissingRuleError, match="trained exponent at a base below 0"):
        below**exponent


def test_many_exponents_over_bases_below_zero_are_refused() -> None:
    """Kills: NaN without a word where there are too many exponents to go through."""
    points = torch.linspace(-1, 1, 200, dtype=torch.float64).unsqueeze(1)
    (x,) = Jet.coordinates(points, Operators("x", ("x",))).unbind(1)
    exponents = torch.arange(200.0)
    with pytest.raises(MissingRuleError, match="at most 64 different exponents"):
        x**exponents
    assert torch.equal(((x + 2) ** (exponents / 50)).value > 0, torch.ones(200, dtype=torch.bool))


def test_the_log_of_the_sum_of_a_fully_masked_row() -> None:
    """Kills: -inf minus -inf."""
    x, y = coordinates()
    hidden = torch.stack([x, y], -1).masked_fill(torch.ones(4, 2).bool(), -math.inf)
    assert torch.logsumexp(hidden, -1).value.tolist() == [-math.inf] * 4
