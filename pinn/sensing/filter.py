"""A filter that forecasts by a causal mixer and corrects by Bayes' rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn

from pinn.sensing.noise_level import NoiseLevel
from sciformer.errors import UsageError
from sciformer.mixers import MixerSizes, Pipeline, Residual, Window, find_mixer

if TYPE_CHECKING:
    from sciformer.mixers import State

FilterState: TypeAlias = "tuple[Tensor, Tensor, State]"
LEAST_LOG_VARIANCE = -14.0
"""Of a forecast in units of the modes' own: a thousandth of their size squared."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network between the frames.

    Attributes:
        mixer: a registered causal mixer: lmu, attention, window, linear, urpe, ...
        width: of its tokens.
        heads: of attention; divides the width.
        order: Legendre coefficients of a memory.
        window: frames that a memory holds, or attention of a window reaches back.
        channels: signals that a memory remembers.
        expansion: hidden width of the map of each token over its width.
    """

    mixer: str = "lmu"
    width: int = 64
    heads: int = 4
    order: int = 8
    window: int = 32
    channels: int = 16
    expansion: int = 2


class SensorFilter(nn.Module):
    """Coefficients of modes from the stream of readings y_t = H a_t + sigma e_t.

    s_t = argmin |a|^2 + |y_t - H a|^2 / sigma_t^2                       (from one frame alone)
    f_{t+1}, log v_{t+1} = mixer(s_0, ..., s_t)                          (forecast, its variance)
    a_t = argmin |a - f_t|^2 / v_t + |y_t - H a|^2 / sigma_t^2           (analysis)

    over the readings that are there, in units of the modes' standard deviations. Before training
    f = 0 and v = 1, so that a_t = s_t: the best linear estimate from one frame. As sigma -> 0 the
    analysis is the fit of the modes to the readings, whatever the forecast; without readings it
    is the forecast. The mixer reads s and not a, so that whole sequences train in parallel.

    Args:
        seen: H, (k, r).
        sizes: of the network.
        length: longest sequence in frames it is trained on.

    Raises:
        UsageError: a mixer that reads later frames.

    Source: Kalman 1960 for the analysis; Revach et al. 2022 (KalmanNet) for learning the rest.
        Deviates: they learn the gain; here it follows from forecast, variance and noise.
    """

    seen: Tensor
    products: Tensor

    def __init__(self, seen: Tensor, sizes: Sizes, length: int) -> None:
        super().__init__()
        readings, rank = seen.shape
        self.register_buffer("seen", seen, persistent=False)
        self.register_buffer(
            "products", torch.einsum("kr,ks->krs", seen, seen).reshape(readings, -1), False
        )
        self.noise = NoiseLevel(seen)
        self.sizes = sizes
        mixer = find_mixer("learn wake-sensors", sizes.mixer)(
            MixerSizes(
                sizes.width,
                sizes.heads,
                length,
                memory=Window(sizes.order, float(sizes.window), sizes.channels),
                before=sizes.window,
            )
        )
        if not mixer.causal:
            raise UsageError(
                f"learn wake-sensors: the mixer {sizes.mixer} reads later frames, and a stream has "
                "none; take lmu, attention, linear or window."
            )
        width, hidden = sizes.width, sizes.expansion * sizes.width
        self.body = Pipeline(
            embed=nn.Linear(2 * rank + 2, width),
            mix=Residual(mixer=mixer, project=nn.Linear(width, width)),
            channels=Residual(
                expand=nn.Linear(width, hidden),
                activation=nn.GELU(),
                contract=nn.Linear(hidden, width),
            ),
        )
        self.head = nn.Linear(width, 2 * rank)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.double()

    @property
    def rank(self) -> int:
        """Number r of modes."""
        return int(self.seen.shape[1])

    def init_state(self, batch: int) -> FilterState:
        """Evidence of the noise, the forecast of the first frame, and the mixer's state."""
        forecast = self.seen.new_zeros(batch, 2 * self.rank)
        return self.noise.init_state(batch), forecast, self.body.init_state(batch)

    def forward(
        self, values: Tensor, present: Tensor, state: FilterState | None = None
    ) -> tuple[Tensor, Tensor, FilterState]:
        """Analyses of whole sequences.

        Args:
            values: readings less their means in sizes of the velocities, (b, n, k).
            present: (b, n, k) bool; the values of other readings are never read.
            state: what the frames before left behind.

        Returns:
            a (b, n, r), s (b, n, r), and the state after the last frame.
        """
        evidence, first, before = self.init_state(len(values)) if state is None else state
        values = torch.where(present, values, 0.0)
        trace = self.noise.whole(evidence, self.noise.evidence(values, present))
        alone, tokens, normal = self._frame(values, present, self.noise.sigma(trace))
        mixed, after = self.body(tokens, state=before)
        ahead = self.head(mixed)
        forecast = torch.cat([first[:, None], ahead[:, :-1]], 1)
        return self._analysis(forecast, normal), alone, (trace[:, -1], ahead[:, -1], after)

    def step(
        self, values: Tensor, present: Tensor, state: FilterState
    ) -> tuple[Tensor, Tensor, FilterState]:
        """One frame (b, k): a (b, r), sigma (b,), and the new state."""
        evidence, forecast, before = state
        values = torch.where(present, values, 0.0)
        evidence = self.noise.update(evidence, self.noise.evidence(values, present))
        sigma = self.noise.sigma(evidence)
        _, token, normal = self._frame(values, present, sigma)
        mixed, after = self.body.step(token, before)
        return self._analysis(forecast, normal), sigma, (evidence, self.head(mixed), after)

    def _frame(
        self, values: Tensor, present: Tensor, sigma: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """s, the token of the mixer, and H^T H / sigma^2 and H^T y / sigma^2 of each frame."""
        precision = 1 / sigma.square().unsqueeze(-1)
        there = present.to(values.dtype)
        gram = there @ self.products * precision
        gram = gram.reshape(*gram.shape[:-1], self.rank, self.rank)
        right = values @ self.seen * precision
        with torch.no_grad():  # the readings are given
            matrix = gram + torch.eye(self.rank, dtype=gram.dtype, device=gram.device)
            inverse = torch.cholesky_inverse(_factor(matrix))
            alone = (inverse @ right.unsqueeze(-1)).squeeze(-1)
            unsure = inverse.diagonal(dim1=-2, dim2=-1).log10() / 2
            silent = 1 - there.mean(-1, keepdim=True)
            tokens = torch.cat([alone, unsure, sigma.log10().unsqueeze(-1), silent], -1)
        return alone, tokens, (gram, right)

    def _analysis(self, forecast: Tensor, normal: tuple[Tensor, Tensor]) -> Tensor:
        """The forecast corrected by the readings."""
        gram, right = normal
        mean, log_variance = forecast.chunk(2, -1)
        inverse = (-log_variance.clamp(LEAST_LOG_VARIANCE, -LEAST_LOG_VARIANCE)).exp()
        matrix = gram + torch.diag_embed(inverse)
        factor = _factor(matrix)
        gap = right - (gram @ mean.unsqueeze(-1)).squeeze(-1)
        correction: Tensor = torch.cholesky_solve(gap.unsqueeze(-1), factor).squeeze(-1)
        return mean + correction


def _factor(matrix: Tensor) -> Tensor:
    """The Cholesky factor of a matrix that is the identity or more, which has one.

    Without a look at the result, for which a device would be waited for: what is not finite is not
    finite in the loss.
    """
    found: Tensor = torch.linalg.cholesky_ex(matrix).L
    return found
