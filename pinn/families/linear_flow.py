"""Closed-form solutions of linear equations with constant coefficients, as starts of a family."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor

from pinn.families.evolution import Evolution, read_evolution
from pinn.families.lattice import Lattice
from pinn.families.where import Formula

if TYPE_CHECKING:
    from pinn.families.distributions import BoundField
    from pinn.families.family import Family
    from pinn.families.members import Members
    from pinn.families.where import Where

# Sines between walls. What more of them would add is 3 L^2 |s| / (k^2 a) near a wall and before the
# time (L / (pi k))^2 / a only: 2e-4 of a source of size 1 at a = 0.01.
SINES = 128
# Gauss nodes for the sines' coefficients: exact beyond the sum of their and the field's waves.
NODES = 512


class LinearFlow:
    """The flow of the linear part, by uncoupled waves.

        u_t = sum_n c_n d^n u / dx^n + s(x)
        U_k' = lambda_k U_k + S_k,   lambda_k = sum_n c_n (i k)^n

    Periodic: the waves of the initial value and the source. Between walls at 0: u_t = a u_xx + s
    from u = 0, the steady solution minus sines that decay. As an attention head it is the heat
    kernel (Poisson's sum); here it is summed in the other way, by waves, as it carries derivatives.

    Args:
        family: whose members start so.
        equation: as `read_evolution` found it.
    """

    def __init__(self, family: Family, equation: Evolution) -> None:
        self.name = "linear-flow"
        self._family, self._equation = family, equation
        self.leaves_out = "" if equation.rest == 0 else str(equation.rest)
        names = [*equation.linear.values(), *equation.sources.values()]
        self._coefficients = Formula(names, family)
        t = family.problem.coordinates[equation.time]
        low = family.problem.domain.low[equation.time]
        span = family.problem.domain.high[equation.time] - low
        self._begin = low
        x = family.problem.coordinates[equation.space]
        left, right = (
            e[equation.space] for e in (family.problem.domain.low, family.problem.domain.high)
        )
        self._low, self._width = left, right - left
        share = (x - left) / self._width
        bump = 4 * share * (1 - share) if equation.walls else sympy.Integer(1)
        self._factor = Formula([(t - low) / span * bump], family)
        names_of = equation.sources if equation.walls else ()
        self._sines = {name: self._sine_amplitudes(family.fields[name]) for name in names_of}

    @classmethod
    def of(cls, family: Family) -> LinearFlow | None:
        """The start of a family, if its linear part has constant coefficients and can be summed."""
        equation = read_evolution(family)
        if equation is None or not equation.linear:
            return None
        orders = set(equation.linear)
        if equation.walls:
            fits = orders == {2} and equation.initial == 0 and len(equation.sources) > 0
        else:
            fits = equation.start is not None or (equation.initial == 0 and bool(equation.sources))
        return cls(family, equation) if fits else None

    def __call__(self, members: Members, where: Where) -> tuple[list[Any], list[Any]]:
        flow = self._between_walls if self._equation.walls else self._periodic
        return [flow(members, where)], self._factor(members, where)

    def _numbers(self, members: Members) -> tuple[dict[int, Tensor], dict[str, Tensor]]:
        """Coefficients (b, 1) of derivatives and sources, (1, 1) where all members share one."""
        from pinn.families.where import Where

        place = Where(torch.zeros(1, 2, dtype=torch.float64, device=members.device))
        if not members.numbers:
            members = members[:1]
        found = [value.mT for value in self._coefficients(members, place)]
        count = len(self._equation.linear)
        linear = dict(zip(self._equation.linear, found[:count], strict=True))
        return linear, dict(zip(self._equation.sources, found[count:], strict=True))

    def _periodic(self, members: Members, where: Where) -> Any:
        equation = self._equation
        linear, sources = self._numbers(members)
        first = next(iter(self._family.fields[n] for n in [equation.start, *sources] if n))
        waves = first.basis.numbers_on(members.device)[-first.basis.count :]
        k = torch.nn.functional.pad(waves, (1, 0))
        rates = [c * (1j * k) ** n for n, c in linear.items()]
        rate = sum(rates[1:], rates[0])  # (b or 1, k)
        begin = self._amplitudes(members, equation.start, k) if equation.start else 0j * k[None]
        source = sum(
            (c * self._amplitudes(members, name, k) for name, c in sources.items()), 0j * k[None]
        )
        lattice = self._lattice(where)
        x, t = lattice.x, lattice.t
        wave = torch.exp(1j * k * (x[:, None] - self._low))  # (x, k)
        grown = torch.exp(rate[..., None, :] * t[:, None])  # (b or 1, t, k)
        # (e^{rate t} - 1) / rate, which is t where the rate is 0
        still = rate.abs() < 1e-12
        safe = torch.where(still, torch.ones_like(rate), rate)[..., None, :]
        risen = torch.where(still[..., None, :], t[:, None] + 0j, (grown - 1) / safe)

        def derivative(word: Any) -> Tensor:
            m, n = word[equation.space], word[equation.time]
            if n:
                amplitude = begin * rate**n + source * rate ** (n - 1)
                return lattice.summed(amplitude * (1j * k) ** m, wave, grown)
            found = lattice.summed(begin * (1j * k) ** m, wave, grown)
            return found + lattice.summed(source * (1j * k) ** m, wave, risen)

        if where.operators is None:
            return derivative((0, 0)).mT
        return where.jet(derivative)

    def _amplitudes(self, members: Members, name: str | None, k: Tensor) -> Tensor:
        """Complex amplitudes (b, k) of a given function, that of the constant first."""
        assert name is not None, "a function is meant"
        field, found = self._family.fields[name], members.coefficients[name]
        count = field.basis.count
        split = found.shape[-1] - count
        waves = found[:, split - count : split] - 1j * found[:, split:]
        constant = found[:, : split - count].sum(-1, keepdim=True) + field.mean
        full = torch.cat([constant.to(waves.dtype), waves], -1)
        return (
            torch.nn.functional.pad(full, (0, len(k) - full.shape[-1]))
            if len(k) > full.shape[-1]
            else full
        )

    def _lattice(self, where: Where) -> Lattice:
        """Places and times since the beginning."""
        space, time = self._equation.space, self._equation.time
        return Lattice.of(where.points[:, space], where.points[:, time] - self._begin)

    @property
    def _walled(self) -> Tensor:
        """Wavenumbers of the sines between walls."""
        return math.pi * torch.arange(1, SINES + 1, dtype=torch.float64) / self._width

    def _sine_amplitudes(self, field: BoundField) -> Tensor:
        """Coefficients to amplitudes of sines, (k, SINES); the last row is that of the mean.

        2 / width times the integral of a function times sin k (x - low).
        """
        import numpy as np

        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        x = self._low + self._width * (torch.from_numpy(nodes) + 1) / 2
        sines = torch.sin(self._walled * (x[:, None] - self._low))
        rows = torch.cat([field.basis.matrix(x), torch.full((len(x), 1), field.mean)], -1)
        return rows.mT @ (sines * torch.from_numpy(weights)[:, None])

    def _between_walls(self, members: Members, where: Where) -> Any:
        equation = self._equation
        linear, sources = self._numbers(members)
        a = linear[2]  # (b or 1, 1)
        k = self._walled.to(members.device)
        lattice = self._lattice(where)
        x, t = lattice.x, lattice.t
        fields = [(self._family.fields[n], members.coefficients[n], c) for n, c in sources.items()]
        sines = sum(
            c * (members.coefficients[n] @ rows[:-1] + rows[-1])
            for n, c in sources.items()
            for rows in [self._sines[n].to(members.device)]
        )
        decay = torch.exp(-a[..., None] * k**2 * t[:, None])  # (b or 1, t, k)

        def derivative(word: Any) -> Tensor:
            m, n = word[equation.space], word[equation.time]
            phase = k * (x[:, None] - self._low) + m * math.pi / 2
            amplitude = sines / (a * k**2) * k**m * (-a * k**2) ** n
            found = -lattice.summed(amplitude, phase.sin(), decay)
            if n:
                return found
            steady = [c * _steady(f, coefs, x, m) for f, coefs, c in fields]
            return found + lattice.along_x(sum(steady[1:], steady[0])) / a

        if where.operators is None:
            return derivative((0, 0)).mT
        return where.jet(derivative)


def _steady(field: BoundField, coefficients: Tensor, x: Tensor, order: int) -> Tensor:
    """The derivative of an order of w at x, (b, q): w'' = -s and w = 0 at both ends."""
    if order >= 2:
        return -field.values(coefficients, x, order - 2)
    low, high = field.interval
    ends = torch.tensor([low, high], dtype=torch.float64, device=x.device)
    at_ends = _twice_integrated(field, coefficients, ends, 0)
    slope = (at_ends[:, 1:] - at_ends[:, :1]) / (high - low)
    line = slope if order else at_ends[:, :1] + slope * (x - low)
    return _twice_integrated(field, coefficients, x, order) - line


def _twice_integrated(field: BoundField, coefficients: Tensor, x: Tensor, order: int) -> Tensor:
    """Some w with w'' = -s, or its slope, at x: (b, q)."""
    basis = field.basis
    k = basis.numbers_on(x.device)
    power = torch.cat([k, k[-basis.count :]])
    scale = torch.where(power > 0, 1 / power.clamp(min=1e-300) ** 2, torch.zeros_like(power))
    found = (coefficients * scale) @ basis.matrix(x, order).mT
    constant = coefficients[:, :1] * float(basis.constant) + field.mean
    centred = x - basis.low
    return found - constant * (centred if order else centred**2 / 2)
