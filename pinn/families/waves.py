"""Trigonometric series along one coordinate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Waves:
    """1, cos k_n (x - low), sin k_n (x - low) with k_n = 2 pi n / period, n = 1 to count.

    Args:
        low: where the phases are 0.
        period: of the first wave.
        count: number of waves.
        constant: whether 1 is among the functions.
    """

    low: float
    period: float
    count: int
    constant: bool

    @property
    def numbers(self) -> Tensor:
        """k_n of the cosines, the constant's 0 among them."""
        return self.numbers_on(torch.device("cpu"))

    def numbers_on(self, device: torch.device) -> Tensor:
        """The same on a device."""
        first = 0 if self.constant else 1
        n = torch.arange(first, self.count + 1, dtype=torch.float64, device=device)
        return 2 * math.pi * n / self.period

    def matrix(self, places: Tensor, order: int = 0) -> Tensor:
        """The functions' derivatives of an order at places (...): (..., k), float64."""
        k = self.numbers_on(places.device)
        phase = (places.double()[..., None] - self.low) * k + order * math.pi / 2
        inner = phase[..., 1:] if self.constant else phase
        power = k**order  # 0^0 = 1 keeps the constant itself
        cosines, sines = phase.cos() * power, inner.sin() * power[-self.count :]
        return torch.cat([cosines, sines], -1)

    def moved(self, coefficients: Tensor, shift: Tensor) -> Tensor:
        """Coefficients (b, k) of f(x + shift) from those of f(x), one shift (b,) each."""
        split = coefficients.shape[-1] - self.count
        first = split - self.count  # 1 with a constant, else 0
        cosine, sine = coefficients[:, first:split], coefficients[:, split:]
        angle = shift[:, None] * self.numbers_on(shift.device)[-self.count :]
        c, s = angle.cos(), angle.sin()
        return torch.cat(
            [coefficients[:, :first], cosine * c + sine * s, sine * c - cosine * s], -1
        )

    def formula(self, coefficients: Tensor, symbol: Any) -> Any:
        """The series of one row of coefficients (k,) as a sympy expression."""
        import sympy

        split = len(coefficients) - self.count
        cosine = zip(coefficients[:split].tolist(), self.numbers.tolist(), strict=True)
        inner = self.numbers[-self.count :].tolist()
        sine = zip(coefficients[split:].tolist(), inner, strict=True)
        where = symbol - sympy.Float(self.low, 17) if self.low else symbol
        terms = [sympy.Float(a, 17) * sympy.cos(sympy.Float(k, 17) * where) for a, k in cosine]
        terms += [sympy.Float(b, 17) * sympy.sin(sympy.Float(k, 17) * where) for b, k in sine]
        return sympy.Add(*terms)
