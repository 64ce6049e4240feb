"""Distributions: covariances, series that move, what readings tell."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinn import Choice, GaussianField, LogUniform, Uniform
from pinn.families.kriging import krige
from pinn.families.waves import Waves
from sciformer.errors import DataError, DomainError


def test_a_field_on_an_interval_has_the_squared_exponential_covariance() -> None:
    """Kills: a spectrum with length^2 / 4, a constant with full variance, a period too short."""
    field = GaussianField(length=0.3, std=1.7).on(-1.0, 1.0, periodic=False)
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)
    rows = field.basis.matrix(x) * field.sizes
    wanted = 1.7**2 * torch.exp(-((x[:, None] - x) ** 2) / (2 * 0.3**2))
    torch.testing.assert_close(rows @ rows.mT, wanted, rtol=0, atol=3e-4)


def test_draws_have_the_sizes_of_the_field() -> None:
    """Kills: sizes applied twice, or a seed that is ignored."""
    field = GaussianField(length=0.2, std=0.5, smoothness=2.0, mean=3.0).on(0, 1, periodic=True)
    found = field.draw(4000, torch.Generator().manual_seed(3))
    assert found.std(0) == pytest.approx(field.sizes, rel=0.05)
    values = field.values(found, torch.tensor([0.1, 0.7]))
    assert float(values.mean()) == pytest.approx(3.0, abs=0.05)
    assert float(values.std()) == pytest.approx(0.5, rel=0.05)
    again = field.draw(4000, torch.Generator().manual_seed(3))
    assert torch.equal(found, again)


def test_the_spectrum_of_pi_deeponet_is_reproduced() -> None:
    """sqrt(2) 625 ((2 pi n)^2 + 25)^-2, as its MATLAB code has it."""
    from pinn.families.named.burgers import burgers_family

    sizes = burgers_family().fields["start"].sizes
    wanted = [math.sqrt(2) * 625 * ((2 * math.pi * n) ** 2 + 25) ** -2 for n in range(1, 17)]
    assert sizes[:16].tolist() == pytest.approx(wanted, rel=1e-12)
    assert sizes[16:].tolist() == pytest.approx(wanted, rel=1e-12)


@given(
    shift=st.floats(-3, 3),
    low=st.floats(-2, 2),
    constant=st.booleans(),
    order=st.integers(0, 3),
)
def test_moved_series_are_moved_functions(
    shift: float, low: float, constant: bool, order: int
) -> None:
    """Kills: a sign of the rotation, a constant that is rotated, a power of k too few."""
    waves = Waves(low, 1.7, 3, constant=constant)
    coefficients = torch.randn(2, 6 + constant, dtype=torch.float64)
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    moved = waves.moved(coefficients, torch.tensor([shift, -shift], dtype=torch.float64))
    found = moved @ waves.matrix(x, order).mT
    wanted = torch.stack(
        [coefficients[i] @ waves.matrix(x + s, order).mT for i, s in enumerate((shift, -shift))]
    )
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_derivatives_of_a_series_are_those_of_autograd() -> None:
    waves = Waves(0.3, 2.0, 4, constant=True)
    coefficients = torch.randn(9, dtype=torch.float64)
    x = torch.linspace(0, 1, 7, dtype=torch.float64, requires_grad=True)
    value = waves.matrix(x) @ coefficients
    for order in (1, 2, 3):
        (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        torch.testing.assert_close(value, waves.matrix(x, order) @ coefficients)


def test_the_formula_is_the_series() -> None:
    import sympy

    waves = Waves(-0.25, 1.3, 3, constant=True)
    coefficients = torch.randn(7, dtype=torch.float64)
    x = sympy.Symbol("x")
    formula = sympy.lambdify(x, waves.formula(coefficients, x))
    for place in (0.1, 0.77):
        wanted = waves.matrix(torch.tensor([place], dtype=torch.float64)) @ coefficients
        assert formula(place) == pytest.approx(float(wanted), rel=1e-12)


@pytest.mark.parametrize(
    ("distribution", "inside", "outside"),
    [
        (Uniform(2, 5), 3.0, 5.1),
        (LogUniform(0.01, 1), 0.02, 0.009),
        (Choice([1, 4, 9]), 4.0, 5.0),
    ],
)
def test_numbers_are_drawn_from_their_range(
    distribution: Uniform, inside: float, outside: float
) -> None:
    values = distribution.draw(500, torch.Generator().manual_seed(0))
    assert all(distribution.holds(float(v)) for v in values)
    standard = distribution.standardised(values)
    assert -1 <= float(standard.min()) < -0.9
    assert 0.9 < float(standard.max()) <= 1
    assert distribution.holds(inside)
    assert not distribution.holds(outside)


def test_log_uniform_is_uniform_in_the_logarithm() -> None:
    """Kills: a plain uniform draw, whose median would be half the upper end."""
    values = LogUniform(1e-4, 1.0).draw(2000, torch.Generator().manual_seed(0))
    assert float(values.median()) == pytest.approx(1e-2, rel=0.3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(1, 1),
        lambda: LogUniform(0, 1),
        lambda: Choice([]),
        lambda: GaussianField(length=0),
        lambda: GaussianField(length=1, smoothness=0.5),
        lambda: GaussianField(length=0.01).on(0, 1, periodic=False),
    ],
)
def test_impossible_distributions_are_refused(make: object) -> None:
    with pytest.raises(DomainError, match=r"needs|waves"):
        make()  # type: ignore[operator]


def bound(periodic: bool = True) -> object:
    return GaussianField(length=0.2, std=0.8, smoothness=4.0, waves=4).on(0, 1, periodic=periodic)


def test_readings_of_a_member_give_it_back() -> None:
    """Kills: a mean function that shrinks, places taken as uniform."""
    field = bound()
    truth = field.draw(1, torch.Generator().manual_seed(1))
    places = torch.rand(20, dtype=torch.float64)
    found = krige("f", field, places, field.values(truth, places)[0])
    torch.testing.assert_close(found.coefficients, truth[0], atol=1e-6, rtol=1e-5)
    assert found.unknown < 1e-4
    assert not found.doubts("f")


def test_the_posterior_is_that_of_a_gaussian_process() -> None:
    """Mean by the dense formula K* (K + s^2)^-1 y. Kills: noise as a variance, a jitter on top."""
    field, noise = bound(), 0.3
    places = torch.rand(6, dtype=torch.float64)
    values = torch.randn(6, dtype=torch.float64)
    x = torch.linspace(0, 1, 5, dtype=torch.float64)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (field.basis.matrix(a) * field.sizes**2) @ field.basis.matrix(b).mT

    gram = kernel(places, places) + noise**2 * torch.eye(6, dtype=torch.float64)
    wanted = kernel(x, places) @ torch.linalg.solve(gram, values)
    found = krige("f", field, places, values, noise)
    torch.testing.assert_close(field.values(found.coefficients[None], x)[0], wanted)
    grid = torch.linspace(0, 1, 65, dtype=torch.float64)
    left = kernel(grid, grid) - kernel(grid, places) @ torch.linalg.solve(
        gram, kernel(places, grid)
    )
    share = left.trace() / kernel(grid, grid).trace()
    assert found.unknown == pytest.approx(float(share.sqrt()), rel=1e-6)


def test_what_is_unlike_the_distribution_is_said() -> None:
    field = bound()
    x = torch.arange(32, dtype=torch.float64) / 32
    few = krige("f", field, x[:3], torch.zeros(3))
    assert any("unknown" in doubt for doubt in few.doubts("f"))
    rough = krige("f", field, x, 0.2 * torch.sign(x - 0.5))
    assert any("misses the readings" in doubt for doubt in rough.doubts("f"))
    large = krige("f", field, x, 8 * torch.sin(2 * math.pi * x))
    assert any("lies outside" in doubt for doubt in large.doubts("f"))


def test_members_themselves_are_hardly_ever_doubted() -> None:
    """Kills: degrees of freedom that count readings and not what they determine."""
    field = bound()
    truth = field.draw(200, torch.Generator().manual_seed(2))
    x = torch.arange(40, dtype=torch.float64) / 40
    values = field.values(truth, x)
    doubted = sum(bool(krige("f", field, x, row).doubts("f")) for row in values)
    assert doubted <= 3


@pytest.mark.parametrize(
    ("places", "values", "words"),
    [
        ([], [], "at least one"),
        ([0.1, 0.2], [1.0], "as many places"),
        ([0.1], [math.nan], "not finite"),
        ([1.5], [1.0], "outside of"),
    ],
)
@pytest.mark.parametrize("periodic", [True, False])
def test_bad_readings_are_refused(
    places: list[float], values: list[float], words: str, periodic: bool
) -> None:
    """Kills: places in another unit that are folded into the period without a word."""
    with pytest.raises(DataError, match=words):
        krige("f", bound(periodic=periodic), torch.tensor(places), torch.tensor(values))
