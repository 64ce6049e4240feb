"""Viscous Burgers' equation as one head of softmax cross-attention, and its inviscid limit."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention
from sciformer.errors import DomainError, ShapeError


class ColeHopfHead(nn.Module):
    """u_t + u u_x = nu u_xx, periodic with period 1, for any start, place, time and viscosity.

    u(x, t) = (x - sum_j w_j y_j) / t,   w = softmax_j(q . k_j)
    q = (x / (2 nu t), -1 / (4 nu t), -1 / (2 nu)),   k_j = (y_j, y_j^2, P(y_j))

    P is the integral of the start from 0. Tokens are m uniform sensors and their periodic images;
    P comes from the readings by their Fourier series, so the only error is the trapezoid sum of an
    analytic function; it is small where the spacing of the tokens is below sqrt(2 nu t).

    Args:
        sensors: m >= 3, readings of the start at y = j / m.
        tokens: M >= m places at which the series is summed; more resolve earlier times. A head
            needs a spacing of about the kernel's width: M >= 1 / sqrt(2 nu t) and better 1.5 times.
        images: periods on each side whose sensors are tokens; the weights of a start with
            |u| <= A reach A t + sqrt(4 nu t 36) from x, and what lies beyond weighs e^{-36}.

    Raises:
        DomainError: fewer than three sensors, fewer tokens than sensors, or no image.

    Accuracy: relative L2 over 100 functions of a rough family (nu in [.005, .1], t >= .1):
        median 2e-14 from 64 sensors. Rounding of the start is amplified by about 1 / (2 nu).
    Source: Cole 1951; Hopf 1950. That the formula is one attention head is our own remark.
    """

    def __init__(self, sensors: int, tokens: int | None = None, images: int = 4) -> None:
        super().__init__()
        tokens = sensors if tokens is None else tokens
        if sensors < 3 or tokens < sensors or images < 1:
            raise DomainError(
                "ColeHopfHead: needs three sensors, as many tokens as sensors and one image per "
                f"side; got {sensors}, {tokens} and {images}."
            )
        self.sensors, self.images = sensors, images
        self.potential = nn.Linear(sensors, tokens, bias=False).double()
        self.attention = MultiheadAttention(3, 1, head_width=3, bias=False).double()
        eye = torch.eye(3, dtype=torch.float64)
        with torch.no_grad():
            self.potential.weight.copy_(integration_matrix(sensors, tokens))
            # attend divides logits by sqrt(3)
            self.attention.query.weight.copy_(eye * math.sqrt(3))
            for layer in (self.attention.key, self.attention.value, self.attention.output):
                layer.weight.copy_(eye)
        self.requires_grad_(False)

    def forward(self, readings: Tensor, viscosity: Tensor, points: Tensor) -> Tensor:
        """The solution at points.

        Args:
            readings: the start at y = j / m, shape (..., m).
            viscosity: nu > 0, shape (...).
            points: (x, t) with t > 0, shape (p, 2) or (..., p, 2).

        Returns:
            Shape (..., p).

        Raises:
            ShapeError: readings of another number of sensors or another batch than viscosities.
        """
        if readings.shape != (*viscosity.shape, self.sensors):
            raise ShapeError(
                f"{type(self).__name__}: needs readings of {self.sensors} sensors and one "
                f"viscosity for each start; got readings of shape {tuple(readings.shape)} and "
                f"viscosities of shape {tuple(viscosity.shape)}."
            )
        x, t = points[..., 0], points[..., 1]
        nu = viscosity[..., None]
        query = torch.stack([x / (2 * nu * t), -1 / (4 * nu * t), -1 / (2 * nu) + 0 * t], -1)
        found = self.attention(query, self.keys(readings))
        solution: Tensor = (x - found[..., 0]) / t
        return solution

    def keys(self, readings: Tensor) -> Tensor:
        """Tokens (y, y^2, P) of all images, shape (..., (2 images + 1) M, 3)."""
        tokens = self.potential.out_features
        place = torch.arange(tokens, dtype=readings.dtype, device=readings.device) / tokens
        shifts = range(-self.images, self.images + 1)
        potential, mean = self.potential(readings), readings.mean(-1, keepdim=True)
        y = torch.cat([place + s for s in shifts])
        rise = torch.cat([potential + mean * (place + s) for s in shifts], -1)
        return torch.stack([y.expand_as(rise), (y**2).expand_as(rise), rise], -1)


def integration_matrix(sensors: int, tokens: int) -> Tensor:
    """Readings to the integral of their Fourier series without its mean, (tokens, sensors).

    P(y) = sum_{0 < |k| < m/2} c_k e^{2 pi i k y} / (2 pi i k),   at y = j / tokens; mean 0
    """
    spectrum = torch.fft.rfft(torch.eye(sensors, dtype=torch.float64), dim=-1)
    k = torch.arange(spectrum.shape[-1], dtype=torch.float64)
    # The integral of the highest wave of an even m is a sine that no sensor sees.
    inside = (k > 0) & (2 * k < sensors)
    integrated = torch.where(inside, spectrum / (2j * math.pi * k.clamp(min=1)), 0 * spectrum)
    matrix: Tensor = torch.fft.irfft(integrated, tokens, dim=-1).mT * (tokens / sensors)
    return matrix


def from_scattered(places: Tensor, readings: Tensor, sensors: int, waves: int) -> Tensor:
    """Readings at uniform sensors of the trigonometric polynomial that fits scattered ones best.

    Args:
        places: shape (m,), in [0, 1).
        readings: shape (..., m).
        sensors: how many uniform sensors.
        waves: degree of the polynomial, with 2 waves + 1 <= m.

    Returns:
        Shape (..., sensors).

    Raises:
        DomainError: more coefficients than readings.

    Accuracy: exact for starts of this degree, times the condition of the places.
    """
    if 2 * waves + 1 > len(places):
        raise DomainError(
            f"from_scattered: {waves} waves have {2 * waves + 1} coefficients, more than "
            f"{len(places)} readings determine; ask for fewer waves."
        )
    uniform = torch.arange(sensors, dtype=places.dtype) / sensors
    columns = readings.reshape(-1, len(places)).mT
    fit = torch.linalg.lstsq(_waves(places, waves), columns, driver="gelsd").solution
    fitted: Tensor = _waves(uniform, waves) @ fit
    return fitted.mT.reshape(*readings.shape[:-1], sensors)


def _waves(places: Tensor, waves: int) -> Tensor:
    phase = 2 * math.pi * places[:, None] * torch.arange(1, waves + 1, dtype=places.dtype)
    return torch.cat([torch.ones_like(places)[:, None], phase.cos(), phase.sin()], -1)


class HopfLaxHead(ColeHopfHead):
    """The inviscid limit: hard attention to the token that minimises (x - y)^2 / (2 t) + P(y).

    u(x, t) = (x - y*) / t. Off the shocks it differs from the viscous solution by O(nu), and from
    the exact minimiser by half the spacing over t.

    Source: Hopf 1950; Lax 1957.
    """

    def forward(self, readings: Tensor, viscosity: Tensor, points: Tensor) -> Tensor:
        x, t = points[..., 0], points[..., 1]
        tokens = self.keys(readings)
        y, rise = tokens[..., 0], tokens[..., 2]
        cost = (x[..., None] - y[..., None, :]) ** 2 / (2 * t[..., None]) + rise[..., None, :]
        nearest = torch.gather(y, -1, cost.argmin(-1))
        solution: Tensor = (x - nearest) / t
        return solution
