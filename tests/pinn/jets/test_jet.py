"""How a Jet behaves inside modules: dispatch, refusals, threads, memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pinn.jets import Jet, MissingRuleError, Operators, residual_jacobian
from sciformer.errors import ShapeError
from tests.oracles.nested_autograd import all_derivatives
from tests.pinn.jets.networks import LayerNorm, Transformer, draw, perceptron, ready

OPERATORS = Operators("xt", ("1", "t", "x", "xx"))


def derivatives(jet: Jet) -> Tensor:
    return torch.stack([jet.derivative(name) for name in jet.operators.names])


def residual_of(network: nn.Module) -> Callable[[Tensor], Tensor]:
    def residual(points: Tensor) -> Tensor:
        u = network(Jet.coordinates(points, OPERATORS))[:, 0]
        return u.derivative("t") + u.value * u.derivative("x") - 0.3 * u.derivative("xx")

    return residual


def test_missing_rule_names_the_function() -> None:
    jet = Jet.coordinates(draw(3, 2, 0), OPERATORS)
    with pytest.raises(MissingRuleError, match=r"'(special_)?bessel_j0'.*pinn\.jets\.rule"):
        torch.special.bessel_j0(jet)
    with pytest.raises(MissingRuleError, match="function 'cumsum'"):
        jet.cumsum(-1)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x.sum(),
        lambda x: x.mean(0),
        lambda x: x.transpose(0, 1),
        lambda x: x[0],
        lambda x: x.reshape(-1),
        lambda x: torch.softmax(x, 0),
        lambda x: torch.cat([x, x]),
        lambda x: x.unsqueeze(0),
    ],
)
def test_points_never_mix(mix: Callable[[Any], Any]) -> None:
    with pytest.raises(ShapeError, match="axis 0 of a Jet is the point axis"):
        mix(Jet.coordinates(draw(3, 2, 0), OPERATORS))


SHAPES: list[Callable[[Any], Any]] = [
    lambda x: torch.stack([x, x * x, torch.sin(x)], 1).permute(0, 2, 1).flatten(1),
    lambda x: torch.cat([x[:, 1:], torch.exp(x)], -1).unflatten(1, (3, 1)).squeeze(-1),
    lambda x: torch.where(x > 0.5, x**3, 1 / (x + 2.0)).expand(-1, 2).chunk(2, -1)[1],
    lambda x: torch.einsum("pi,pj->pij", x, torch.cos(x)).sum((1, 2), keepdim=False)[:, None],
    lambda x: (x.unsqueeze(-1) @ torch.log(x + 2).unsqueeze(1)).view(-1, 4)[..., [2, 0]],
    lambda x: torch.linspace(1, 2, 2).double() - x / torch.sqrt(x + 1.5),
    lambda x: x @ torch.tensor([[1.0, 2.0, 3.0], [5.0, 7.0, 11.0]]).double() - torch.erf(-x[:, :1]),
    lambda x: torch.log_softmax(x.repeat(1, 2), -1),
    lambda x: torch.split(2.0**x, 1, -1)[0] + x.narrow(1, 1, 1),
    lambda x: torch.nn.functional.pad(x**2, (1, 2)).flip(-1) * x[:, :1],
]


@pytest.mark.parametrize("function", SHAPES)
def test_shapes_and_values_follow_torch(function: Callable[[Any], Any]) -> None:
    """Kills: an axis off by one between the value and its memory."""
    x = draw(5, 2, 7)
    found = derivatives(function(Jet.coordinates(x, OPERATORS)))
    wanted = all_derivatives(function, x, "xt", OPERATORS.names)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_torch_layer_norm_is_its_formula() -> None:
    """Compared with the formula, because torch's own third derivatives of layer_norm are wrong."""
    points, mine = draw(5, 2, 1), LayerNorm(4).double()
    theirs = nn.LayerNorm(4).double()
    theirs.load_state_dict(mine.state_dict())
    start = ready(nn.Linear(2, 4), 3)
    jet = derivatives(theirs(start(Jet.coordinates(points, OPERATORS))))
    wanted = all_derivatives(lambda x: mine(start(x)), points, "xt", OPERATORS.names)
    torch.testing.assert_close(jet, wanted, rtol=1e-12, atol=1e-12)


def test_two_threads_give_what_one_gives() -> None:
    """Kills: recording state shared between threads."""
    network = ready(Transformer(2, 1), 8)
    parameters, residual, points = list(network.parameters()), residual_of(network), draw(64, 2, 9)
    whole = residual_jacobian(residual, points, parameters)
    with ThreadPoolExecutor(2) as pool:
        halves = list(
            pool.map(lambda x: residual_jacobian(residual, x, parameters), points.split(32))
        )
    for one, parts in zip(whole, zip(*halves, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(parts), one, rtol=1e-12, atol=1e-13)


def test_memory_given_is_the_memory_used_and_nothing_stays() -> None:
    """Kills: a graph kept alive by a cycle until the garbage collector runs."""
    network, points = ready(perceptron(2, 1, nn.Tanh), 1), draw(8, 2, 1)
    parameters = list(network.parameters())
    size = sum(p.numel() for p in parameters)
    out = torch.full((size, 1, 8), 7.0, dtype=torch.float64)
    gc.collect()
    gc.disable()
    try:
        before = sum(issubclass(type(x), Tensor) for x in gc.get_objects())
        _, jacobian = residual_jacobian(residual_of(network), points, parameters, out=out)
        assert jacobian.data_ptr() == out.data_ptr()
        assert sum(issubclass(type(x), Tensor) for x in gc.get_objects()) <= before + 4
    finally:
        gc.enable()
    wanted = residual_jacobian(residual_of(network), points, parameters)[1]
    torch.testing.assert_close(jacobian, wanted, rtol=0, atol=0)
    wide = torch.full((size, 20), 7.0, dtype=torch.float64)
    residual_jacobian(residual_of(network), points, parameters, out=wide[:, None, 5:13])
    torch.testing.assert_close(wide[:, 5:13].T, wanted, rtol=0, atol=0)
    assert bool((wide[:, :5] == 7).all() and (wide[:, 13:] == 7).all())
    with pytest.raises(ShapeError, match="out must have the shape"):
        residual_jacobian(residual_of(network), points, parameters, out=out[:-1])


def test_arrays_of_numpy_are_taken_as_tensors_on_either_side() -> None:
    """Kills: an array that walks over the channels, a scalar of numpy that walks over points."""
    operators = Operators("xt", ("xx", "xt"))
    jet = Jet.coordinates(torch.rand(5, 2, dtype=torch.float64), operators)
    array = np.linspace(1, 2, 10).reshape(5, 2)
    tensor = torch.from_numpy(array)
    pairs = [
        (jet * array, jet * tensor),
        (array * jet, tensor * jet),
        (array - jet, tensor - jet),
        (array / jet, tensor / jet),
        (np.float64(3) - jet, 3 - jet),
        (jet @ array[:2], jet @ tensor[:2]),
    ]
    for found, wanted in pairs:
        assert torch.equal(found.channels, wanted.channels)


def test_what_has_no_derivative_is_refused_by_name() -> None:
    """Kills: a rounded quotient with the derivatives of one that is not."""
    jet = Jet.coordinates(torch.rand(5, 2, dtype=torch.float64), Operators("xt", ("xx",)))
    for call in (
        lambda: torch.div(jet, 2, rounding_mode="floor"),
        lambda: jet // 2,
        lambda: jet % 2,
        lambda: abs(jet),
    ):
        with pytest.raises(MissingRuleError):
            call()
