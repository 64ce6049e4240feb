"""Heat between cold walls as a task for every position scheme: floor, training, constructions."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sciformer.errors import DomainError
from theory.expressivity.blindness import Layers, examine, randomise
from theory.expressivity.schemes import Sizes, mechanism
from theory.expressivity.training import Recipe
from theory.flows.walls import KilledWalk, blind_error, cold_profile, cold_wall_head

# Sine waves of the random starts; their sizes fall like 1/k.
_WAVES = 5
# Layers of the constructed walk.
_DEPTH = 64


@dataclass(frozen=True)
class ColdWall:
    """u_t = u_xx on n places of [0, 1], walls at 0 included, from a start at the places.

    Starts are constants (hot everywhere at once) or sums of sines. From the constant 1 the solution
    is a profile; what is blind to positions answers with one number.

    Args:
        length: n >= 3 places i / (n - 1).
        time: diffusivity times time, in squared lengths of the interval; > 0.

    Raises:
        DomainError: fewer than three places or no time.
    """

    length: int = 16
    time: float = 0.01

    def __post_init__(self) -> None:
        if self.length < 3 or not self.time > 0:
            raise DomainError(
                "ColdWall: needs three places, two of which are the walls, and a time > 0; got "
                f"{self.length} and {self.time:g}."
            )

    @property
    def profile(self) -> Tensor:
        """The solution from the constant 1, float64 (n,)."""
        places = np.linspace(0, 1, self.length)
        return torch.from_numpy(cold_profile(places, 1.0, self.time))

    def floor(self, *, is_blind: bool) -> float:
        """The least sup error from the constant 1: half the profile's spread if blind, else 0."""
        return blind_error(self.profile.numpy()) if is_blind else 0.0

    def constants(self, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Starts (b, n, 1) that are constant, and their solutions."""
        starts = sizes[:, None, None] * torch.ones(self.length, 1, dtype=sizes.dtype)
        return starts, starts * self.profile[:, None]

    def sines(self, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Random starts (b, n, 1) of a few waves with |u| about 1, and their solutions."""
        k = math.pi * torch.arange(1, _WAVES + 1, dtype=torch.float64)
        sizes = torch.randn(batch, _WAVES, generator=generator, dtype=torch.float64) / k * math.pi
        waves = torch.sin(k[:, None] * torch.linspace(0, 1, self.length, dtype=torch.float64))
        cooled = sizes * torch.exp(-(k**2) * self.time)
        return (sizes @ waves)[..., None], (cooled @ waves)[..., None]


@dataclass(frozen=True)
class ColdRow:
    """One line of the survey.

    scheme: its name, or what was constructed. is_blind: whether constants stay constant. floor: the
    least sup error from the constant 1 that the theorem allows. constant: what was reached there.
    random: the same on sums of sines, the mean over starts; None where the scheme has no answer to
    them. steps: of training; 0 if constructed.
    """

    scheme: str
    is_blind: bool
    floor: float
    constant: float
    random: float | None
    steps: int
    seconds: float


class _Regressor(nn.Module):
    """Numbers to tokens, layers around given mixers, tokens to numbers."""

    def __init__(self, layers: Layers, width: int) -> None:
        super().__init__()
        self.embedding, self.readout = nn.Linear(1, width), nn.Linear(width, 1)
        self.layers, self.norm = layers, nn.LayerNorm(width)

    def forward(self, starts: Tensor) -> Tensor:
        """Starts (b, n, 1) to solutions (b, n, 1)."""
        solutions: Tensor = self.readout(self.norm(self.layers(self.embedding(starts))))
        return solutions


Report = Callable[[int, float, float], None]


def trained_row(
    name: str, task: ColdWall, recipe: Recipe, *, seed: int = 0, report: Report | None = None
) -> ColdRow:
    """Trains one scheme, by name, half on constants and half on sums of sines.

    Raises:
        UnknownNameError: no such scheme.
    """
    start = time.perf_counter()
    found = mechanism(name, "sciformer expressivity")
    sizes = Sizes(recipe.width, recipe.heads, task.length)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = Layers([found.make(sizes) for _ in range(recipe.layers)], recipe.width)
        network = _Regressor(layers, recipe.width)
    generator = torch.Generator().manual_seed(seed)
    is_blind = _is_blind(copy.deepcopy(layers), task, generator, recipe.width)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    warm = recipe.warm_up_steps
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / warm, max(0.02, 2 * (1 - step / recipe.steps))),
    )
    for step in range(1, recipe.steps + 1):
        half = recipe.batch // 2
        constants = task.constants(2 * torch.rand(half, generator=generator).double() - 1)
        starts, wanted = (
            torch.cat(pair).float()
            for pair in zip(constants, task.sines(half, generator), strict=True)
        )
        loss = (network(starts) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if report is not None and step % recipe.check_every == 0:
            report(step, *_errors(network, task))
    errors = _errors(network, task)
    floor = task.floor(is_blind=is_blind)
    return ColdRow(name, is_blind, floor, *errors, recipe.steps, time.perf_counter() - start)


def constructed_rows(task: ColdWall) -> list[ColdRow]:
    """Rows of weights that are written down: the best constant, killed walks, odd images.

    The best constant is what relative positions can do at any depth; it answers constant starts
    only. The walk is one URPE head a layer, of order 1/2 in the step; its steps are no shorter than
    the spacing, below which a head sticks to its token. Odd images are one RPE head over twice as
    many tokens; they lie half a spacing inside the walls.
    """
    profile, n = task.profile, task.length
    middle = float(profile.max() + profile.min()) / 2
    best = float((profile - middle).abs().max())
    floor = task.floor(is_blind=True)
    rows = [ColdRow("relative, best constant", True, floor, best, None, 0, 0.0)]
    depth = max(1, min(_DEPTH, math.floor(2 * task.time * (n - 1) ** 2)))
    walk = KilledWalk(n, 1.0, task.time, 1.0, depth)
    rows.append(
        ColdRow(f"urpe, {depth} killed steps", False, 0.0, *_errors(walk.double(), task), 0, 0.0)
    )
    head = cold_wall_head(n, 1.0, task.time, 1.0)
    x = head.line.places()
    exact = torch.from_numpy(cold_profile(x.numpy(), 1.0, task.time))
    constant = float((head(torch.ones(n, 1).double())[:, 0] - exact).abs().max())
    k = math.pi * torch.arange(1, _WAVES + 1, dtype=torch.float64)
    waves = torch.sin(k * x[:, None])
    gap = head(waves.mT[..., None])[..., 0] - (waves * torch.exp(-(k**2) * task.time)).mT
    random = float(gap.abs().amax(-1).mean())
    rows.append(ColdRow("relative, odd images as tokens", False, 0.0, constant, random, 0, 0.0))
    return rows


def _is_blind(layers: Layers, task: ColdWall, generator: torch.Generator, width: int) -> bool:
    token = torch.randn(width, generator=generator, dtype=torch.float64)
    network = randomise(layers, generator)
    return examine(network, token.expand(1, task.length, -1)).is_blind


@torch.no_grad()
def _errors(network: nn.Module, task: ColdWall) -> tuple[float, float]:
    """Sup errors: from the constant 1, and the mean over 64 sums of sines."""
    kind = next(network.parameters()).dtype
    found = []
    ones = task.constants(torch.ones(1, dtype=torch.float64))
    for starts, wanted in (ones, task.sines(64, torch.Generator().manual_seed(1))):
        gap = network(starts.to(kind)).double() - wanted
        found.append(float(gap.abs().amax((-2, -1)).mean()))
    return found[0], found[1]
