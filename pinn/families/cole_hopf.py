"""Burgers' equation as one head of softmax attention that carries derivatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor

from pinn.families.attention import weighted_mean
from pinn.families.evolution import Evolution, read_evolution
from pinn.families.where import Formula, Where

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.members import Members

# Tokens in a period. The softmax is a trapezoid sum, exponentially exact for kernels wider than
# the spacing: sqrt(2 nu t) >= 1.2 / TOKENS has an error of 2 e^{-2 pi^2 1.44} = 1e-12.
TOKENS = 128
WIDTHS = 1.2
# Standard deviations of the kernel beyond which no token is wanted: e^{-18} = 1.5e-8.
REACH = 6.0


def burgers_equation(family: Family) -> Evolution | None:
    """The equation of a family, if it is u_t + u u_x = nu u_xx + sources of x, periodic.

    Functions must have no mean: a mean velocity carries the whole solution along.
    """
    equation = read_evolution(family)
    if equation is None or equation.walls or equation.start is None:
        return None
    u = family.problem.fields[0]
    x = family.problem.coordinates[equation.space]
    if set(equation.linear) != {2} or sympy.expand(equation.rest + u * u.diff(x)) != 0:
        return None
    fields = [family.fields[name] for name in (equation.start, *equation.sources)]
    if any(field.basis.constant or field.mean for field in fields):
        return None
    return equation


def integral(family: Family, name: str, members: Members, places: Tensor) -> Tensor:
    """An integral of a given function without mean at places (m,), (b, m)."""
    basis, found = family.fields[name].basis, members.coefficients[name]
    cosine, sine = found[:, : basis.count], found[:, basis.count :]
    numbers = basis.numbers_on(places.device)
    return torch.cat([-sine / numbers, cosine / numbers], -1) @ basis.matrix(places).mT


class ColeHopf:
    """One head: u = (x - sum_j w_j y_j) / t with Cole's and Hopf's logits.

        w_j = softmax_j( -(x - y_j)^2 / (4 nu t) - P(y_j) / (2 nu) )

    P is the integral of the initial value. It is the solution. Tokens have a spacing, and so the
    head's time is (t^16 + t_0^16)^(1/16) with t_0 that of its narrowest kernel; before 1.5 t_0 the
    Taylor series u_0 + t u_t takes over.

    Args:
        family: whose members start so.
        equation: as `burgers_equation` found it.

    Source: Cole 1951; Hopf 1950; `theory.flows.cole_hopf` compiles the same head with a
        certificate.
    """

    name = "cole-hopf"

    def __init__(self, family: Family, equation: Evolution) -> None:
        self._family, self._equation = family, equation
        self.leaves_out = ""
        self._viscosity = Formula([equation.linear[2]], family)
        problem = family.problem
        self._low = problem.domain.low[equation.space]
        self._period = problem.domain.high[equation.space] - self._low
        self._begin = problem.domain.low[equation.time]
        self._span = problem.domain.high[equation.time] - self._begin
        t = problem.coordinates[equation.time]
        self._factor = Formula([(t - self._begin) / self._span], family)

    @classmethod
    def of(cls, family: Family) -> ColeHopf | None:
        """The start of a family, if it is Burgers' equation without a force."""
        equation = burgers_equation(family)
        return None if equation is None or equation.sources else cls(family, equation)

    def __call__(self, members: Members, where: Where) -> tuple[list[Any], list[Any]]:
        axis, name = self._equation.space, self._equation.start or ""
        x = where.columns[axis]
        t = where.columns[self._equation.time] - self._begin
        place = torch.zeros(1, 2, dtype=torch.float64, device=members.device)
        (nu,) = self._viscosity(members, Where(place))
        narrowest = (WIDTHS * self._period / TOKENS) ** 2 / (2 * nu)  # (1, b)
        ratio = t / narrowest
        later = narrowest * (1 + ratio**16) ** (1 / 16)
        y = self._tokens(members, nu)
        rise = integral(self._family, name, members, y)  # (b, m)
        # Relative to the query itself, so that nothing cancels: (x - y)^2 and not its terms.
        gap = x[..., None] - y  # (q, 1, m)
        logits = gap * gap * (-1 / (4 * nu[..., None] * later[..., None])) - rise / (2 * nu.mT)
        head = weighted_mean(logits, gap) / later
        field, found = self._family.fields[name], members.coefficients[name]
        start, slope, curvature = (where.series(field, found, axis, n) for n in (0, 1, 2))
        early = start + t * (nu * curvature - start * slope)
        fading = torch.exp(-((ratio / 1.5) ** 8))
        return [head + fading * (early - head)], self._factor(members, where)

    def _tokens(self, members: Members, nu: Tensor) -> Tensor:
        """Places of the tokens and of those images that a query can reach, (m,)."""
        n = torch.arange(TOKENS, dtype=torch.float64, device=members.device)
        grid = self._low + self._period * n / TOKENS
        name = self._equation.start or ""
        speeds = self._family.fields[name].values(members.coefficients[name], grid).abs()
        kernel = REACH * math.sqrt(2 * float(nu.max()) * self._span)
        more = math.ceil((float(speeds.max()) * self._span + kernel) / self._period * TOKENS)
        n = torch.arange(-more, TOKENS + more, dtype=torch.float64, device=members.device)
        return self._low + self._period * n / TOKENS
