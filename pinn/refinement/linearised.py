"""Residuals of a problem, linearised in the output weights of a wide layer."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from pinn.jets import Jet
from pinn.loss import terms
from pinn.sampling.samplers import Sample
from pinn.trial.trial_solution import TrialSolution
from sciformer.hardware import free_memory, hardware
from sciformer.runs.processes import ALONE, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinn.loss.terms import Term
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem
    from pinn.refinement.correction import Correction
    from sciformer.runs.processes import Processes

# Tensors of the size of the neurons' derivatives that are alive at a time: a tanh on jets takes
# products of several of them.
ALIVE = 16
# Fewer points than these at a time are slower, whatever the memory.
FEWEST_POINTS = 64


@dataclass(frozen=True)
class Imposed:
    """Samples of all terms of a problem, and the weights of the terms.

    Attributes:
        samples: for the equations, each soft condition, and each cloud of data, in this order.
        weights: of the terms, by name; 1 where none is given.
    """

    samples: Sequence[Sample]
    weights: Mapping[str, float]


class Linearised:
    """Weighted rows r of all terms and their derivatives in the output weights of a layer.

    A residual depends on the output weights C only through the fields N = N_0 + C tanh(...) and
    their derivatives, linearly. So one backward pass through the equation, not the network, gives

        d r / d C_fk = sum_D (d r / d D N_f) D tanh_k

    with D N_f the channels of the jets that enter the hard conditions.

    Args:
        problem: its equations, soft conditions and data are imposed.
        trial: what was trained.
        layer: stands on its network: random neurons, or polynomials.
        coefficients: names and values of unknown parameters of the equations, which join the
            columns; the values change with `move`.
        processes: who shares the points.
    """

    def __init__(
        self,
        problem: Problem,
        trial: TrialSolution,
        layer: Correction,
        coefficients: Mapping[str, float] | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self.layer, self.coefficients = layer, dict(coefficients or {})
        self._processes, self._share = processes, share(processes)
        self._parameters: dict[str, Any] = dict(problem.parameter_values)
        self._probe = _Probe(layer)
        probed = TrialSolution(self._probe, trial.constraint)
        like = next(trial.parameters())
        self._like = like
        self._terms = all_terms(problem, probed, self._parameters if self.coefficients else None)

    @property
    def columns(self) -> int:
        """Number of unknowns: output weights, field by field, then coefficients."""
        return self.layer.output.numel() + len(self.coefficients)

    def blocks(self, imposed: Imposed) -> Iterator[Local]:
        """The terms on this process's points, a block of points at a time."""
        for term, sample in zip(self._terms, imposed.samples, strict=True):
            weight = imposed.weights.get(term.name, 1.0)
            factors = (weight * sample.weights / len(sample)).sqrt()[self._share]
            points = sample.points[self._share]
            start = 0
            while start < len(points):
                size = self._block_size(len(points))
                part = slice(start, start + size)
                yield self._linearise(
                    term, points[part].to(self._like.device), factors[part].to(self._like.device)
                )
                start += size

    def value(self, imposed: Imposed) -> float:
        """|r|^2 over all terms, points and processes."""
        return self._total(block.rows.square().sum() for block in self.blocks(imposed))

    def linear_value(self, imposed: Imposed, change: Tensor) -> float:
        """|r + J change|^2: how well the layer can represent the correction.

        The residual after a first step does not tell layers apart, it still has the square of the
        step in it.
        """
        return self._total(block.after(change).square().sum() for block in self.blocks(imposed))

    def move(self, change: Tensor) -> None:
        """Adds a change (columns,) to the unknowns."""
        count = self.layer.output.numel()
        with torch.no_grad():
            self.layer.output.add_(change[:count].view_as(self.layer.output))
        for name, step in zip(self.coefficients, change[count:].tolist(), strict=True):
            self.coefficients[name] += step

    def _total(self, parts: Iterator[Tensor]) -> float:
        own = torch.stack([self._like.new_zeros(()), *parts]).sum()
        [value] = self._processes.total(own)
        return float(value)

    def _block_size(self, points: int) -> int:
        """Points whose neurons are alive at a time; known better once a jet has been seen."""
        device, each = self._like.device, self._probe.operators * self.layer.features
        bytes_each = ALIVE * each * self._like.element_size()
        return max(
            FEWEST_POINTS,
            hardware(device).neurons(points, each, bytes_each, free_memory(device)),
        )

    def _linearise(self, term: Term, points: Tensor, factors: Tensor) -> Local:
        given = {
            name: points.new_full((len(points),), value, requires_grad=True)
            for name, value in self.coefficients.items()
        }
        self._parameters.update(given)
        self._probe.calls.clear()
        slopes: list[list[Tensor]] = []
        theirs = []
        with torch.enable_grad():
            rows = (term.residual(points) * factors[:, None]).T  # (e, p)
            outputs = [call.output for call in self._probe.calls]
            for row in rows:
                found = torch.autograd.grad(
                    row.sum(),
                    [*outputs, *given.values()],
                    retain_graph=True,
                    materialize_grads=True,
                )
                slopes.append(list(found[: len(outputs)]))
                theirs.append(torch.stack([points.new_zeros(len(points)), *found[len(outputs) :]]))
        return Local(
            rows.detach(),
            [torch.stack(of_call) for of_call in zip(*slopes, strict=True)],
            [call.neurons for call in self._probe.calls],
            torch.stack(theirs, dim=1)[1:],
        )


@dataclass(frozen=True)
class Local:
    """Rows on a block of p points, and the factors of their derivatives.

    A hard form may ask the network at the points and at their projections onto the boundary; all
    calls share the output weights.

    Attributes:
        rows: weighted residuals (e, p).
        slopes: for each call, their derivatives in the channels of the network's output,
            (e, operators, f, p).
        neurons: for each call, the channels of the neurons, (operators, m, p).
        theirs: their derivatives in the coefficients, (t, e, p).
    """

    rows: Tensor
    slopes: Sequence[Tensor]
    neurons: Sequence[Tensor]
    theirs: Tensor

    @property
    def right(self) -> Tensor:
        """-r, (e p,)."""
        return (-self.rows).reshape(-1)

    def transposed_jacobian(self) -> Tensor:
        """J^T, (f m + t, e p), contiguous."""
        fields, count = self.slopes[0].shape[2], self.neurons[0].shape[1]
        block = self.rows.new_zeros(fields * count + len(self.theirs), *self.rows.shape)
        ours = block[: fields * count].view(fields, count, *self.rows.shape)  # (f, m, e, p)
        is_whole = hardware(block.device).prefers_few_launches
        for slopes, neurons in zip(self.slopes, self.neurons, strict=True):
            (_add_channels if is_whole else _add_slopes)(ours, slopes, neurons)
        block[fields * count :] = self.theirs
        return block.flatten(1)

    def after(self, change: Tensor) -> Tensor:
        """r + J change, (e, p)."""
        fields, count = self.slopes[0].shape[2], self.neurons[0].shape[1]
        weights = change[: fields * count].view(fields, count)
        rows: Tensor = self.rows + torch.tensordot(change[fields * count :], self.theirs, dims=1)
        for slopes, neurons in zip(self.slopes, self.neurons, strict=True):
            moved = torch.stack([weights @ channel for channel in neurons])
            rows = rows + (slopes * moved).sum((1, 2))
        return rows


def _add_slopes(block: Tensor, slopes: Tensor, neurons: Tensor) -> None:
    """Adds sum_D slopes (e, D, f, p) neurons (D, m, p) to (f, m, e, p), slope by slope.

    Most slopes are 0: an equation has few of the derivatives of few of the fields.
    """
    for e, c, f in itertools.product(*map(range, slopes.shape[:3])):
        slope = slopes[e, c, f]
        if bool(slope.any()):
            block[f, :, e].addcmul_(neurons[c], slope)


def _add_channels(block: Tensor, slopes: Tensor, neurons: Tensor) -> None:
    """The same in one launch a derivative, without a wait to see which slopes are 0."""
    for slope, channel in zip(slopes.unbind(1), neurons, strict=True):
        block.addcmul_(slope.transpose(0, 1)[:, None], channel[None, :, None])


def all_terms(
    problem: Problem, trial: TrialSolution, parameters: Mapping[str, Any] | None = None
) -> list[Term]:
    """Equations, soft conditions and data of a problem, imposed on a trial solution.

    Args:
        problem: what is imposed.
        trial: on what; the conditions built into it are left out.
        parameters: values that may change; the problem's own by default.
    """
    found: list[Term] = [terms.interior(problem, trial, parameters)]
    for condition in soft_conditions(problem, trial):
        found.append(terms.boundary(problem, trial, condition, parameters))
    return [*found, *_data_terms(problem, trial)]


def soft_conditions(problem: Problem, trial: TrialSolution) -> list[Condition]:
    """The conditions that the trial solution does not satisfy by itself."""
    built_in = () if trial.constraint is None else trial.constraint.conditions
    return [condition for condition in problem.conditions if condition not in built_in]


def data_samples(problem: Problem, trial: TrialSolution) -> list[Sample]:
    """All measurements, equally weighted; a point is followed by its measured values."""
    data = [term.points for term in _data_terms(problem, trial)]
    return [Sample(points, torch.ones_like(points[:, 0])) for points in data]


def _data_terms(problem: Problem, trial: TrialSolution) -> list[terms.DataTerm]:
    like = next(trial.parameters())
    return [terms.DataTerm(trial, problem, cloud, like) for cloud in problem.data]


class _Call(NamedTuple):
    """A network's output at some points as a leaf of the graph, and its neurons."""

    output: Tensor
    neurons: Tensor


class _Probe(nn.Module):
    """A network whose outputs are leaves of the graph; it keeps the neurons that made them."""

    def __init__(self, layer: Correction) -> None:
        super().__init__()
        self._layer = layer
        self.calls: list[_Call] = []
        self.operators = 1

    def forward(self, points: Jet) -> Jet:
        with torch.no_grad():
            fields, neurons = self._layer.parts(points)
            fields = fields + nn.functional.linear(neurons, self._layer.output)
        self.operators = len(fields.operators)
        output = fields.channels.detach().clone().requires_grad_()
        self.calls.append(_Call(output, neurons.channels))
        return Jet(output, fields.operators)
