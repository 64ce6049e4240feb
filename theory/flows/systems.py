"""Systems of reactions with a diffusivity for each field, split into layers; without a certificate.

A commutator of two fields that diffuse at different rates has terms in u_x v_x that no bound of
this package covers, so an error is estimated here (from two depths) and not proven.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from sciformer.errors import DomainError
from theory.flows.ends import PERIODIC, Ends, Line
from theory.flows.heads import Head, KernelAttention
from theory.flows.kernels import gaussian_logits
from theory.flows.reaction import IntegratedReaction
from theory.flows.splitting import SplittingTransformer

if TYPE_CHECKING:
    from sympy import Expr, Symbol


@dataclass(frozen=True)
class System:
    """u_t = D u_xx + f(u) for several fields, D diagonal.

    Args:
        fields: sympy symbols, in the order of the channels.
        rates: f, an expression for each field.
        diffusivities: the diagonal of D, > 0, in squared length per time.
        length: of the interval.
        time: T.
        ends: periodic, or walls; odd images need odd rates, which is not checked.

    Raises:
        DomainError: numbers of fields, rates and diffusivities that differ, or one that is not > 0.
    """

    fields: tuple[Symbol, ...]
    rates: tuple[Expr, ...]
    diffusivities: tuple[float, ...]
    length: float = 1.0
    time: float = 1.0
    ends: Ends = PERIODIC

    def __post_init__(self) -> None:
        counts = {len(self.fields), len(self.rates), len(self.diffusivities)}
        numbers = (*self.diffusivities, self.length, self.time)
        if len(counts) != 1 or not all(0 < number < math.inf for number in numbers):
            raise DomainError(
                "System: needs a rate and a diffusivity > 0 for each field, and a length and a "
                f"time > 0; got {len(self.fields)} fields, {len(self.rates)} rates, diffusivities "
                f"{self.diffusivities}, length {self.length:g} and time {self.time:g}."
            )


def gray_scott(feed: float = 0.04, kill: float = 0.06) -> System:
    """u_t = 2e-5 u_xx - u v^2 + F (1 - u),  v_t = 1e-5 v_xx + u v^2 - (F + k) v, until 100.

    Source: Pearson 1993, with his diffusivities.
    """
    import sympy

    u, v = sympy.symbols("u v")
    rates = (-u * v**2 + feed * (1 - u), u * v**2 - (feed + kill) * v)
    return System((u, v), rates, (2e-5, 1e-5), time=100.0)


def split_system(system: System, tokens: int, depth: int) -> SplittingTransformer:
    """An ordinary Transformer with one head per field, whose layers are Strang's splitting.

    Args:
        system: what is solved.
        tokens: n; a spacing of at most sqrt(2 D T / depth) for the least D.
        depth: layers N, which share their weights.

    Returns:
        Maps tokens (..., n, fields) at time 0 to the same at T, float64.

    Raises:
        DomainError: heads so narrow that they would stick to their own token.

    Accuracy: order two in T / N, without a certificate: compare with twice the depth, or combine
        both by `theory.flows.splitting.Richardson`.
    Source: Strang 1968.
    """
    line, step = Line(tokens, system.length, system.ends), system.time / depth
    width = (2 * min(system.diffusivities) * step) ** 0.5
    if width < line.spacing / 2:
        raise DomainError(
            f"split_system: a head of width {width:.2g} sticks to its token, {line.spacing:.2g} "
            "from the next; take more tokens or fewer layers."
        )
    heads = []
    for channel, diffusivity in enumerate(system.diffusivities):
        mixing = torch.zeros(len(system.fields), len(system.fields), dtype=torch.float64)
        mixing[channel, channel] = 1.0
        heads.append(Head(gaussian_logits(line, 2 * diffusivity * step), mixing))
    reaction = IntegratedReaction(system.rates, system.fields, step / 2)
    return SplittingTransformer(reaction, KernelAttention(line, heads), depth)
