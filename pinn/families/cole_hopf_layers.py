"""Burgers' equation with a force: layers of heat heads and token-wise maps, nothing trained."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.families.cole_hopf import burgers_equation, integral
from pinn.families.evolution import Evolution
from pinn.families.interpolation import SpaceTime
from pinn.families.where import Formula, Where

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.members import Members

CPU = torch.device("cpu")  # its layers, and the sparse matrices by which they are interpolated
TOKENS = 256
"""Of a period: a front of width 4 nu / jump = 0.02 has five of them."""
LAYERS = 64
"""Time steps: between them cubics err by (1 / 64)^4 / 384 of a fourth derivative in time."""


class ColeHopfLayers:
    """phi <- g K g phi in each layer, u = -2 nu d(log phi) / dx at the tokens.

    phi_t = nu phi_xx - F phi / (2 nu) with F' = force: Strang's splitting. K is a softmax head with
    the relative logits -(x_i - x_j)^2 / (4 nu h) on tokens and their images, and
    g = exp(-h F / (4 nu)) a map of each token; layers share their weights. All terms are positive,
    so that phi keeps its relative digits over the e^30 that it ranges over. Between tokens and
    layers u is interpolated.

    Args:
        family: whose members start so.
        equation: as `burgers_equation` found it, with sources.

    Accuracy: O(h^2); median 3e-5 relative L2 over 40 members of forced-burgers-family. A network
        trained on the residual of this start for 40 s raised that to 2e-3, so that none is.
    Source: Cole 1951; Hopf 1950; Strang 1968. That layers of attention are this splitting is our
        own remark, see `theory.flows`.
    """

    name = "cole-hopf-layers"

    def __init__(self, family: Family, equation: Evolution) -> None:
        self._family, self._equation = family, equation
        # What residual is left is that of the interpolation: training on it makes things worse.
        self.leaves_out = ""
        self._numbers = Formula([equation.linear[2], *equation.sources.values()], family)
        domain = family.problem.domain
        self._low = domain.low[equation.space]
        self._period = domain.high[equation.space] - self._low
        self._begin = domain.low[equation.time]
        self._span = domain.high[equation.time] - self._begin
        t = family.problem.coordinates[equation.time]
        self._factor = Formula([(t - self._begin) / self._span], family)

    @classmethod
    def of(cls, family: Family) -> ColeHopfLayers | None:
        """The start of a family, if it is Burgers' equation with a force."""
        equation = burgers_equation(family)
        return None if equation is None or not equation.sources else cls(family, equation)

    def __call__(self, members: Members, where: Where) -> tuple[list[Any], list[Any]]:
        values, slopes = (found.to(members.device) for found in self._layers(members.to(CPU)))
        points = torch.stack(
            [
                (where.points[:, self._equation.space] - self._low) / self._period,
                (where.points[:, self._equation.time] - self._begin) / self._span,
            ],
            -1,
        )
        table = SpaceTime(values, slopes * self._span, points)
        space, time = self._equation.space, self._equation.time

        def derivative(word: Any) -> Tensor:
            found = table.derivative(word[space], word[time])
            scale = self._period ** int(word[space]) * self._span ** int(word[time])
            return found / float(scale)

        offset = derivative((0, 0)).mT if where.operators is None else where.jet(derivative)
        return [offset], self._factor(members, where)

    def _layers(self, members: Members) -> tuple[Tensor, Tensor]:
        """u and u_t at tokens after each layer, (b, LAYERS + 1, TOKENS)."""
        equation, family = self._equation, self._family
        grid = self._low + self._period * torch.arange(TOKENS, dtype=torch.float64) / TOKENS
        nu, *factors = (v.mT for v in self._numbers(members, Where(torch.zeros(1, 2).double())))
        sources = dict(zip(equation.sources, factors, strict=True))
        push = sum(c * integral(family, n, members, grid) for n, c in sources.items())
        force = sum(
            c * family.fields[n].values(members.coefficients[n], grid) for n, c in sources.items()
        )
        step = self._span / LAYERS
        head = self._head(nu, step)
        potential = integral(family, equation.start or "", members, grid) / (2 * nu)
        phi = torch.exp(potential.amin(-1, keepdim=True) - potential)
        local = torch.exp(-step * push / (4 * nu))
        found = [phi]
        for _ in range(LAYERS):
            phi = local * (head @ (local * phi)[..., None])[..., 0]
            phi = phi / phi.amax(-1, keepdim=True)  # a factor does not change u
            found.append(phi)
        logarithm = torch.stack(found, 1).log()
        k = (
            2j
            * math.pi
            * torch.fft.rfftfreq(TOKENS, 1 / TOKENS, dtype=torch.float64)
            / self._period
        )
        k[-1] = 0  # the derivative of the highest wave is one that no token sees
        spectrum = torch.fft.rfft(logarithm) * k * (-2 * nu[:, None])
        u, slope, curvature = (torch.fft.irfft(spectrum * k**n, TOKENS) for n in (0, 1, 2))
        return u, nu[:, None] * curvature - u * slope + torch.as_tensor(force)[:, None]

    def _head(self, nu: Tensor, step: float) -> Tensor:
        """Weights (b, TOKENS, TOKENS) of the heat kernel of a step; rows sum to 1."""
        reach = math.ceil(7 * math.sqrt(2 * float(nu.max()) * step) / self._period)
        image = torch.arange(-reach, reach + 1, dtype=torch.float64)[:, None]
        gap = self._period * (torch.arange(TOKENS, dtype=torch.float64) / TOKENS + image)
        row = torch.exp(-(gap**2) / (4 * nu[..., None] * step)).sum(-2)  # (b, TOKENS)
        row = row / row.sum(-1, keepdim=True)
        n = torch.arange(TOKENS)
        found: Tensor = row[:, (n[:, None] - n) % TOKENS]
        return found
