"""Rules one by one: every option of a function, to third order, against its formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pinn.jets import Jet, MissingRuleError, Operators
from sciformer.errors import ShapeError
from tests.oracles.nested_autograd import all_derivatives
from tests.pinn.jets.networks import draw

OPERATORS = Operators("xt", ("xxx", "xxt", "tt"))
Function = Callable[[Any], Any]


def check(function: Function, formula: Function) -> None:
    """Values and derivatives of products of the coordinates sent through a function."""
    points = draw(6, 2, 11)

    def started(rule: Function) -> Function:
        def network(x: Any) -> Any:
            first, second = x[:, :1], x[:, 1:]
            return rule(torch.cat([first * 1.5 - 0.4, first * second, second * 0.7 + 0.1], -1))

        return network

    jet = started(function)(Jet.coordinates(points, OPERATORS))
    found = torch.stack([jet.derivative(name) for name in OPERATORS.names])
    wanted = all_derivatives(started(formula), points, "xt", OPERATORS.names)
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("first", [True, False])
def test_the_gradient_of_a_product_reaches_the_only_trained_factor(first: bool) -> None:
    """Linear in the scale. Kills: one factor's gradient asked for by the other's need."""
    scale = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    fixed = Jet.coordinates(draw(6, 2, 11), OPERATORS)
    column, row = fixed.reshape(-1, 2, 1), fixed.reshape(-1, 1, 2)
    for left, right in ((fixed, fixed), (column, row)):
        product = torch.mul if left is right else torch.matmul
        jet = product(left * scale, right) if first else product(left, right * scale)
        total = sum(jet.derivative(name).sum() for name in OPERATORS.names)
        (found,) = torch.autograd.grad(total, scale)
        torch.testing.assert_close(found, (total / scale).detach(), rtol=1e-12, atol=0)


WEIGHT = torch.tensor([0.7, -1.3, 1.9], dtype=torch.float64)
BIAS = torch.tensor([0.2, 0.5, -0.3], dtype=torch.float64)


def normalised(x: Tensor, eps: float) -> Tensor:
    return x * ((x * x).mean(-1, keepdim=True) + eps).rsqrt()


def softplus(x: Tensor) -> Tensor:
    return torch.where(2.0 * x > 0.5, x, torch.log1p(torch.exp(2.0 * x)) / 2.0)


FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "cos": (torch.cos, lambda x: torch.sin(x + math.pi / 2)),
    "sin": (torch.sin, torch.sin),
    "log": (lambda x: torch.log(x + 2), lambda x: torch.log(x + 2)),
    "sqrt": (lambda x: torch.sqrt(x + 2), lambda x: (x + 2) ** 0.5),
    "rsqrt": (lambda x: torch.rsqrt(x + 2), lambda x: (x + 2) ** -0.5),
    "erf": (torch.erf, torch.erf),
    "square": (lambda x: x.square(), lambda x: x * x),
    "cube": (lambda x: (x - x + 1) * x**3, lambda x: x * x * x),
    "exponent": (lambda x: (x + 2) ** x, lambda x: torch.exp(x * torch.log(x + 2))),
    "base": (lambda x: 3.0**x, lambda x: torch.exp(x * math.log(3.0))),
    "quotient": (lambda x: 2.0 / (x + 3) / WEIGHT, lambda x: 2.0 * (x + 3) ** -1 / WEIGHT),
    "add alpha": (lambda x: torch.add(x, WEIGHT, alpha=3), lambda x: x + 3 * WEIGHT),
    "alpha of a jet": (lambda x: torch.sub(WEIGHT, x, alpha=3), lambda x: WEIGHT - 3 * x),
    "softplus, both sides": (lambda x: F.softplus(x, 2.0, 0.5), softplus),
    "gelu of tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    "layer norm": (
        lambda x: F.layer_norm(x, (3,), WEIGHT, BIAS, 0.25),
        lambda x: normalised(x - x.mean(-1, keepdim=True), 0.25) * WEIGHT + BIAS,
    ),
    "rms norm": (
        lambda x: F.rms_norm(x, (3,), WEIGHT, 0.25),
        lambda x: normalised(x, 0.25) * WEIGHT,
    ),
    "log softmax": (
        lambda x: torch.log_softmax(x, -1),
        lambda x: torch.log(torch.exp(x) / torch.exp(x).sum(-1, keepdim=True)),
    ),
    "logsumexp": (
        lambda x: torch.logsumexp(x, -1)[:, None],
        lambda x: torch.log(torch.exp(x).sum(-1, keepdim=True)),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    """Kills: a factor of any derivative, an option that is ignored, a branch taken for another."""
    check(*FUNCTIONS[name])


def attention(x: Any, allowed: Tensor, added: Tensor, scale: float) -> Any:
    """The formula, with a softmax over the allowed keys written out."""
    tokens = torch.stack([x, x * x, x - 1.0], 1)  # (p, 3, 3)
    weights = torch.exp(tokens @ tokens.transpose(-1, -2) * scale + added) * allowed
    return ((weights / weights.sum(-1, keepdim=True)) @ tokens).flatten(1)


def torch_attention(x: Any, **options: Any) -> Any:
    tokens = torch.stack([x, x * x, x - 1.0], 1)
    return F.scaled_dot_product_attention(tokens, tokens, tokens, **options).flatten(1)


ALL = torch.ones(3, 3, dtype=torch.float64)
MASK = torch.tensor([[True, False, True], [True, True, False], [False, True, False]])
ADDED = torch.arange(9, dtype=torch.float64).view(3, 3).sin()


@pytest.mark.parametrize(
    ("options", "allowed", "added", "scale"),
    [
        ({}, ALL, 0 * ALL, 3**-0.5),
        ({"scale": 0.3}, ALL, 0 * ALL, 0.3),
        ({"is_causal": True}, ALL.tril(), 0 * ALL, 3**-0.5),
        ({"attn_mask": MASK}, MASK.double(), 0 * ALL, 3**-0.5),
        ({"attn_mask": ADDED}, ALL, ADDED, 3**-0.5),
    ],
    ids=["plain", "scale", "causal", "mask", "bias"],
)
def test_fused_attention(
    options: dict[str, Any], allowed: Tensor, added: Tensor, scale: float
) -> None:
    """Kills: a mask read the wrong way round, a causal mask of the future, a scale forgotten."""
    check(
        lambda x: torch_attention(x, **options),
        lambda x: attention(x, allowed, added, scale),
    )


def test_whole_powers_end() -> None:
    """The third derivative of a square at 0 is 0. Kills: 0 times an infinite power."""
    jet = Jet.coordinates(torch.zeros(2, 2, dtype=torch.float64), OPERATORS)[:, :1] ** 2
    assert jet.derivative("xx").tolist() == [[2.0], [2.0]]
    assert jet.derivative("xxx").tolist() == [[0.0], [0.0]]


def test_pad_knows_zeros_and_leaves_the_points_alone() -> None:
    jet = Jet.coordinates(draw(3, 2, 1), OPERATORS)
    with pytest.raises(MissingRuleError, match=r"zeros only; got mode 'constant', value 1\.5"):
        F.pad(jet, (1, 0), value=1.5)
    with pytest.raises(MissingRuleError, match="mode 'replicate'"):
        F.pad(jet, (1, 0), mode="replicate")
    with pytest.raises(ShapeError, match="pad: axis 0 of a Jet is the point axis"):
        F.pad(jet, (0, 0, 1, 0))
