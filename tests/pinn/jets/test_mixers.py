"""Jets through every position scheme of the attention core and every smooth token mixer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pinn.jets import residual_jacobian
from pinn.jets.jacobian import jacobian
from sciformer.attention import (
    ALiBi,
    LearnedAbsolute,
    MultiheadAttention,
    NoPosition,
    Position,
    RelativeTable,
    Rotary,
    ShawKey,
    ShawKeyValue,
    Sinusoidal,
    T5Buckets,
    Universal,
)
from sciformer.attention.cores import LearnedMass, Regions, RowBlocks, SplitKeys
from sciformer.mixers import (
    LMU,
    Attention,
    CausalConvolution,
    Convolution,
    Dense,
    Latents,
    LinearAttention,
    Parallel,
    Pipeline,
    Residual,
    Slices,
    TokenMixer,
    TrainableLMU,
    Window,
    WindowAttention,
)
from tests.oracles.nested_autograd import row_jacobian
from tests.pinn.jets.networks import draw, ready
from tests.pinn.jets.test_exact import TOLERANCE, burgers, check, relative

WIDTH, HEADS, TOKENS = 4, 2, 3


class Sequence(nn.Module):
    """A pseudo-sequence, a map of its tokens, and a read-out of the last and the first."""

    def __init__(self, tokens_to_tokens: nn.Module) -> None:
        super().__init__()
        self.start, self.end = nn.Linear(2, WIDTH), nn.Linear(WIDTH, 1)
        self.mixer = tokens_to_tokens
        shift = torch.arange(TOKENS)[:, None] * torch.tensor([0.0, 0.2])
        self.register_buffer("shift", shift)

    def forward(self, points: Tensor) -> Tensor:
        mixed = self.mixer(torch.tanh(self.start(points.unsqueeze(1) + self.shift)))
        return self.end(mixed[:, -1] + 0.5 * mixed[:, 0])


@pytest.fixture(autouse=True)
def no_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows must come from one pass."""
    monkeypatch.setattr(jacobian, "fallback_jacobian", None)


def check_with_rows(tokens_to_tokens: nn.Module) -> None:
    network = ready(Sequence(tokens_to_tokens), 5)
    check(network, "xt", ("1", "t", "x", "xx"), 4)
    parameters, points = list(network.parameters()), draw(4, 2, 2)
    residual = burgers(network, torch.tensor(0.3))
    _, found = residual_jacobian(residual, points, parameters)
    wanted = row_jacobian(residual(points), parameters).view(found.shape)
    assert relative(found, wanted) < TOLERANCE


POSITIONS: list[Callable[[], Position]] = [
    NoPosition,
    lambda: LearnedAbsolute(WIDTH, TOKENS),
    Sinusoidal,
    lambda: T5Buckets(HEADS, 8, 16),
    lambda: ALiBi(HEADS),
    lambda: RelativeTable(HEADS, TOKENS),
    lambda: ShawKey(WIDTH // HEADS, 1),
    lambda: ShawKeyValue(WIDTH // HEADS, 1),
    Rotary,
    lambda: Universal(NoPosition(), HEADS, TOKENS),
    lambda: Universal(Rotary(), HEADS, TOKENS + 2),
    lambda: Universal(T5Buckets(HEADS, 8, 16), HEADS, TOKENS),
]


@pytest.mark.parametrize("position", POSITIONS, ids=lambda make: type(make()).__name__)
def test_every_position_scheme(position: Callable[[], Position]) -> None:
    """Kills: a hook of a scheme that loses derivatives, or the rows of its own parameters."""
    check_with_rows(MultiheadAttention(WIDTH, HEADS, position=position()))


MIXERS: list[Callable[[], TokenMixer]] = [
    lambda: Attention(WIDTH, HEADS),
    lambda: Attention(WIDTH, HEADS, causal=False, position=Universal(ALiBi(HEADS), HEADS, TOKENS)),
    lambda: LMU(WIDTH, Window(3, 2.5, 2), evaluation=Dense(), **smooth()),
    lambda: TrainableLMU(WIDTH, Window(3, 2.5), evaluation=Dense(), **smooth()),
    lambda: CausalConvolution(WIDTH, WIDTH, 2),
    lambda: Convolution(WIDTH, WIDTH, 3, lookahead=1),
    lambda: LinearAttention(WIDTH, HEADS),
    lambda: LinearAttention(WIDTH, HEADS, causal=False),
    lambda: Latents(WIDTH, HEADS, 2),
    lambda: Slices(WIDTH, HEADS, 2),
    lambda: Attention(WIDTH, HEADS, causal=False, core=SplitKeys(2)),
    lambda: Attention(WIDTH, HEADS, causal=False, core=Regions(2, LearnedMass(HEADS))),
    lambda: Attention(WIDTH, HEADS, core=RowBlocks(2)),
    lambda: WindowAttention(WIDTH, HEADS, 1),
    lambda: Residual(
        convolution=CausalConvolution(WIDTH, WIDTH, 2),
        activation=nn.Tanh(),
        memory=Pipeline(inner=LMU(WIDTH, Window(2, 3.0), evaluation=Dense(), **smooth())),
    ),
]


def smooth() -> dict[str, nn.Module]:
    return {"signal_activation": nn.Tanh(), "activation": nn.Tanh()}


@pytest.mark.parametrize("mixer", MIXERS, ids=lambda make: type(make()).__name__)
def test_every_smooth_mixer(mixer: Callable[[], TokenMixer]) -> None:
    """Kills: flip or pad along the wrong axis, a cache or memory without its derivatives."""
    check_with_rows(Parallel(mixer()))
