"""Values of functionals of a trial solution: at other places, and by quadrature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pinn.jets import Jet, Operators
from pinn.problem.expressions import Expressions
from pinn.problem.functionals import PANELS, on_unit, unit_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.problem.functionals import Functional, Rule, Sample


class Quadrature:
    """Values of a functional at points, sum_q w_q g(fields at the q-th node of each point).

    The network is asked once for each node, always at as many points as there are rows: points
    never mix, so that rows of a Jacobian belong to one point each.

    Args:
        functional: what is evaluated.
        parameters: symbols of parameters in it.
        letters: one for each coordinate, by which operators of jets are spelled.
        rule: of quadrature.
    """

    def __init__(
        self,
        functional: Functional,
        parameters: Sequence[Any],
        letters: Sequence[str],
        rule: Rule = PANELS,
    ) -> None:
        read = functional.reading
        symbols, at, element = on_unit(read.limits)
        samples = read.samples
        places = list(dict.fromkeys(sample.place for sample in samples.values()))
        words = {symbol: _word(sample, letters) for symbol, sample in samples.items()}
        self._values = [(places.index(s.place), words[k], s.field) for k, s in samples.items()]
        self._operators = [
            Operators(
                tuple(letters),
                ["1", *sorted({words[k] for k, s in samples.items() if s.place == place} - {"1"})],
            )
            for place in places
        ]
        arguments = (*functional.coordinates, *symbols)
        who = str(functional)
        flat = [part.xreplace(at) for place in places for part in place]
        self._places = Expressions(flat, arguments, (), parameters, who=who)
        self._part = Expressions(
            [element * read.integrand.xreplace(at)], (*arguments, *samples), (), parameters, who=who
        )
        self._nodes = unit_nodes(len(read.limits), rule)

    def __call__(self, trial: nn.Module, points: Tensor, parameters: Mapping[str, Any]) -> Tensor:
        """Values (p,) at points (p, c), with gradients."""
        total = points.new_zeros(len(points))
        for places, weight in self._nodes:
            units = [points.new_full((len(points),), place) for place in places]
            columns = [*points.unbind(-1), *units]
            moved = torch.stack(self._places(columns, parameters=parameters), -1)
            jets = [
                trial(Jet.coordinates(place.contiguous(), operators))
                for place, operators in zip(
                    moved.tensor_split(len(self._operators), dim=-1), self._operators, strict=True
                )
            ]
            values = [jets[n].derivative(word)[:, field] for n, word, field in self._values]
            [part] = self._part([*columns, *values], parameters=parameters)
            total = total + weight * part
        return total


def _word(sample: Sample, letters: Sequence[str]) -> str:
    return "".join(x * n for x, n in zip(letters, sample.orders, strict=True)) or "1"
