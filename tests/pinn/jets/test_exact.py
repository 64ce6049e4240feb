"""Jets against nested automatic differentiation, and Jacobian rows against row-by-row passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pinn import networks
from pinn.jets import Jet, Operators, fallback_jacobian, residual_jacobian
from sciformer.hardware import DEVICES, PROCESSOR
from tests.oracles.nested_autograd import all_derivatives, row_jacobian
from tests.pinn.jets.networks import Transformer, Wavelet, draw, perceptron, ready

SETS = [
    ("xt", ("1", "t", "x", "xx")),
    ("xt", ("xt", "tt")),
    ("xyt", ("1", "t", "x", "y", "xx+yy")),
    ("xyt", ("x", "y", "xt", "yt", "xx", "xy", "yy", "xxx+xyy", "xxy+yyy")),
    ("x", ("xxx",)),
    ("x", ("xxxx",)),
]
ACTIVATIONS = [nn.Tanh, Wavelet, networks.Wavelet, nn.GELU, nn.SiLU, nn.Softplus, nn.Sigmoid]
TOLERANCE = 1e-12  # global norm, float64; the slowest sums have 1e3 terms of eps = 2e-16


def relative(found: Tensor, wanted: Tensor) -> float:
    return float(((found - wanted).norm() / wanted.norm()).detach())


def check(network: nn.Module, coordinates: str, names: tuple[str, ...], points: int) -> None:
    operators = Operators(coordinates, names)
    x = draw(points, len(coordinates), points)
    jet = network(Jet.coordinates(x, operators))
    found = torch.stack([jet.derivative(name) for name in operators.names])
    wanted = all_derivatives(network, x, coordinates, operators.names)
    assert relative(found, wanted) < TOLERANCE
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1)).double()
    parameters = list(network.parameters())
    grads = [
        torch.autograd.grad((weights * y * y).sum(), parameters, materialize_grads=True)
        for y in (found, wanted)
    ]
    flat = [torch.cat([g.flatten() for g in grad]) for grad in grads]
    assert relative(*flat) < TOLERANCE


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(SETS),
    st.sampled_from(ACTIVATIONS),
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(0, 999),
)
def test_perceptron_equals_nested_autograd(
    operators: tuple[str, tuple[str, ...]],
    activation: Callable[[], nn.Module],
    points: int,
    outputs: int,
    seed: int,
) -> None:
    """Kills: a wrong factor in any power of delta, in a derivative of any activation, or in its
    reverse pass; a bias added to a derivative channel."""
    coordinates, names = operators
    network = ready(perceptron(len(coordinates), outputs, activation), seed)
    check(network, coordinates, names, points)


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from(SETS[:4]),
    st.sampled_from([nn.Tanh, Wavelet]),
    st.integers(1, 4),
    st.integers(0, 999),
)
def test_transformer_equals_nested_autograd(
    operators: tuple[str, tuple[str, ...]],
    activation: Callable[[], nn.Module],
    points: int,
    seed: int,
) -> None:
    """Kills: a missing cross term of the product rule in attention, softmax or normalisation."""
    coordinates, names = operators
    network = ready(Transformer(len(coordinates), 2, activation), seed)
    check(network, coordinates, names, points)


OPERATORS = Operators("xt", ("1", "t", "x", "xx"))


def burgers(network: nn.Module, coefficient: Tensor) -> Callable[[Tensor], Tensor]:
    """Two equations with a coefficient that is a parameter."""

    def residual(points: Tensor) -> Tensor:
        u = network(Jet.coordinates(points, OPERATORS))[:, 0]
        first = u.derivative("t") + u.value * u.derivative("x")
        return torch.stack(
            [first - coefficient * u.derivative("xx"), u.value**2 - 3 * u.derivative("x")], 1
        )

    return residual


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([nn.Tanh, Wavelet, networks.Wavelet, nn.GELU]),
    st.booleans(),
    st.integers(1, 7),
    st.booleans(),
)
def test_rows_equal_row_by_row_passes(
    activation: Callable[[], nn.Module], attention: bool, points: int, scalar: bool
) -> None:
    """Kills: a token or channel left out of a row, rows of one equation leaking into the next,
    weights applied to only one result, a coefficient of shape (1,) taken for a point axis."""
    network = ready((Transformer if attention else perceptron)(2, 1, activation), points)
    coefficient = nn.Parameter(torch.tensor(0.3 if scalar else [0.3], dtype=torch.float64))
    parameters = [*network.parameters(), coefficient]
    residual, x = burgers(network, coefficient), draw(points, 2, 3)
    weights = torch.linspace(0.5, 2.0, points, dtype=torch.float64)
    r, jacobian = residual_jacobian(residual, x, parameters, weights=weights)
    wanted = row_jacobian(residual(x) * weights[:, None], parameters).view(jacobian.shape)
    torch.testing.assert_close(r, (residual(x) * weights[:, None]).detach(), rtol=1e-13, atol=0)
    assert relative(jacobian, wanted) < TOLERANCE
    slow, fallback = fallback_jacobian(residual, x, parameters, weights=weights)
    torch.testing.assert_close(slow, r, rtol=1e-13, atol=0)
    assert relative(fallback, wanted) < TOLERANCE


@pytest.mark.parametrize("activation", [nn.Tanh, networks.Wavelet])
@pytest.mark.parametrize("block", [1, 5, 16])
def test_blocks_do_not_show(
    activation: Callable[[], nn.Module], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a block left out or done twice, also where its size does not divide the tensor."""
    monkeypatch.setitem(DEVICES, "cpu", replace(PROCESSOR, block_entries=block))
    network = ready(Transformer(2, 1, activation), 3)
    check(network, "xt", ("1", "t", "x", "xx"), 5)
    parameters, x = list(network.parameters()), draw(5, 2, 3)
    residual = burgers(network, torch.tensor(0.3))
    _, jacobian = residual_jacobian(residual, x, parameters)
    wanted = row_jacobian(residual(x), parameters).view(jacobian.shape)
    assert relative(jacobian, wanted) < TOLERANCE


def test_the_fallback_is_the_same_with_and_without_vectorised_passes() -> None:
    """Kills: rows out of order where there are more than fit in one pass, a parameter that no
    residual reads, weights left out."""
    network = ready(perceptron(2, 2, nn.Tanh), 3)
    idle = nn.Parameter(torch.ones(3, dtype=torch.float64))
    parameters, x = [idle, *network.parameters()], draw(70, 2, 3)
    weights = torch.linspace(0.5, 2.0, 70, dtype=torch.float64)
    plain = fallback_jacobian(network, x, parameters, weights=weights)
    operators = Operators("xt", ("1",))
    jets = fallback_jacobian(
        lambda points: network(Jet.coordinates(points, operators)).value,
        x,
        parameters,
        weights=weights,
    )
    wanted = row_jacobian(network(x) * weights[:, None], parameters).view(70, 2, -1)
    for r, jacobian in (plain, jets):
        torch.testing.assert_close(r, network(x).detach() * weights[:, None], rtol=1e-13, atol=0)
        assert relative(jacobian, wanted) < TOLERANCE


class Scaled(nn.Module):
    """A parameter that reaches the data through another computation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 4), nn.Linear(4, 1)
        self.log_scale = nn.Parameter(torch.linspace(-0.5, 0.5, 4))
        self.matrix = nn.Parameter(torch.linspace(-1, 1, 12).view(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.first(x)) * self.log_scale.exp()
        y = y @ (self.matrix @ self.matrix.T)
        return torch.cat([self.second(y), y[:, :1]], -1).sum(-1, keepdim=True)


class Repeated(Scaled):
    """Parameters copied for every point by the module itself: no rule, so the slow way."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * self.log_scale.exp().repeat(x.shape[0], 1)[:, :2])


@pytest.mark.parametrize("network", [Scaled(), Repeated()], ids=["derived", "repeated"])
def test_parameters_behind_other_computations(network: nn.Module) -> None:
    """Kills: rows of a derived tensor not carried on; an unclaimed parameter passed over."""
    network = ready(network, 4)
    parameters, x = list(network.parameters()), draw(9, 2, 5)
    residual = burgers(network, torch.tensor(0.4))
    _, jacobian = residual_jacobian(residual, x, parameters)
    wanted = row_jacobian(residual(x), parameters).view(jacobian.shape)
    assert relative(jacobian, wanted) < TOLERANCE


def test_a_residual_that_mixes_points_takes_the_slow_way() -> None:
    """Kills: the test of signs, without which rows would be silently wrong."""
    network = ready(perceptron(2, 1, nn.Tanh), 2)
    parameters, x = list(network.parameters()), draw(6, 2, 5)

    def residual(points: Tensor) -> Tensor:
        u = network(Jet.coordinates(points, OPERATORS))[:, 0]
        return u.derivative("xx") - u.value.mean()

    _, jacobian = residual_jacobian(residual, x, parameters)
    assert relative(jacobian, row_jacobian(residual(x), parameters)) < TOLERANCE
