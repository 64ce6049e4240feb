"""Certification of layers made elsewhere: trained, written by hand, or read from a file."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping

import numpy as np
import torch

from sciformer.errors import ConvergenceError, DataError, DomainError, ShapeError
from theory.universal.attack import attack
from theory.universal.certificate import CompiledLayer, certificate_of
from theory.universal.certifier import certify as entries_of
from theory.universal.certifier.arithmetic import Arithmetic, arithmetic_of
from theory.universal.certifier.derivatives import DerivativeBounds, bound_derivatives
from theory.universal.certifier.rounding import forward_rounding
from theory.universal.enclosure.defined import check_defined, shown
from theory.universal.formula.domain import Domain
from theory.universal.formula.target import Formula, Target, read_target
from theory.universal.layer import (
    STATE_NAMES,
    LayerWeights,
    SingleLayer,
    weights_from_state,
    weights_of,
)

Layer = SingleLayer | LayerWeights | Mapping[str, torch.Tensor]

_MARGIN = 1.05
"""How far above the largest error seen the first attempt aims."""
# Factor from attempt to attempt: twelve of them reach 86 times the first aim.
_GROWTH = 1.5
_ATTEMPTS = 12
"""1.05 times 1.5^11 is 90 times the error seen."""

Report = Callable[[str, float], None]


def certify(
    layer: Layer,
    formula: Formula,
    *,
    domain: Domain = (-1.0, 1.0),
    epsilon: float | None = None,
    heads: int | None = None,
    most_boxes: int = entries_of.MOST_BOXES,
    report: Report | None = None,
) -> CompiledLayer:
    """Proves a bound of |layer - formula| on the whole domain, for a layer made elsewhere.

    sup over the domain of |layer(x) - formula(x)| <= certificate.bound <= epsilon

    Args:
        layer: a `SingleLayer`, its `LayerWeights`, or a state dictionary with the names and shapes
            of `SingleLayer`, all float64 or all float32: embedding.weight (w, d), positions (n, w),
            attention.{query,key,value}.weight (h k, w), attention.output.weight (w, h k),
            hidden.weight (units, w), hidden.bias (units,), readout.weight (m, units),
            readout.bias (m,).
        formula: as for `compile`, for the n tokens of width d of the layer.
        domain: ends (a, b) of every coordinate; or one pair a coordinate, in order or by name.
        epsilon: the error that shall be proven; None looks for a small one.
        heads: h, for a state dictionary.
        most_boxes: boxes per block after which there is no verdict.
        report: called with a phase and the fraction of it that is done.

    Returns:
        The layer in float64 or float32, as it was given, with a certificate for its forward pass
        in that precision; `save` writes what `verify` reads.

    Raises:
        DataError, UnknownNameError, ShapeError: a formula or layer that cannot be read.
        DomainError: a formula that is not defined on the whole domain, or epsilon <= 0.
        ConvergenceError: the error is proven to be larger, or there is no proof within the boxes.

    Examples:
        >>> import theory
        >>> layer = theory.compile("x1*x2; x1", tokens=2, epsilon=0.1).module
        >>> theory.certify(layer, "x1*x2; x1").certificate.bound <= 0.1
        True
    """
    weights, arithmetic = _read_layer(layer, heads)
    target = _target_for(weights, formula, domain)
    module = SingleLayer(weights, arithmetic.name)
    if epsilon is None:
        attempts = _attempts(module, weights, target, arithmetic)
    else:
        attempts = [_number(epsilon)]
    refused: list[entries_of.Entry] = []
    for aim in attempts:
        entries = entries_of.certify(
            weights,
            target,
            aim,
            arithmetic=arithmetic,
            most_boxes=most_boxes,
            report=None if report is None else lambda k, n: report("certify", k / n),
        )
        refused = [e for e in entries if not e.accepted]
        if not refused:
            reason = "given: the layer was made elsewhere"
            made = certificate_of(target, aim, weights, entries, reason, arithmetic.name)
            return CompiledLayer(module, made)
    raise ConvergenceError(_refusal(refused[0], target, attempts[-1]))


def derivatives(
    layer: Layer,
    formula: Formula,
    *,
    domain: Domain = (-1.0, 1.0),
    heads: int | None = None,
) -> DerivativeBounds:
    """Certified bounds of the first derivatives and of the Lipschitz constant of layer - formula.

    |e(x) - e(y)| <= lipschitz |x - y|_2 and |de / dx_j| <= derivatives_j for e = layer - formula in
    real numbers, wherever e is differentiable. The layer has kinks: its derivatives are Clarke's.

    Args:
        layer, formula, domain, heads: as for `certify`; the formula may have kinks, but no jumps
            and no infinite slopes.

    Raises:
        DomainError: a formula whose slopes are not proven to be finite on the whole domain.
        DataError, UnknownNameError, ShapeError: as for `certify`.

    Examples:
        >>> import theory
        >>> layer = theory.compile("x1*x2; x1", tokens=2, epsilon=0.1).module
        >>> theory.derivatives(layer, "x1*x2; x1").lipschitz.shape
        (2, 1)
    """
    weights, _ = _read_layer(layer, heads)
    return bound_derivatives(weights, _target_for(weights, formula, domain))


def _read_layer(layer: Layer, heads: int | None) -> tuple[LayerWeights, Arithmetic]:
    """Weights as float64 numbers, and the precision in which they were given."""
    if isinstance(layer, SingleLayer):
        arithmetic = _precision({str(p.dtype) for p in layer.parameters()})
        weights = weights_of(layer)
    elif isinstance(layer, LayerWeights):
        arithmetic = _precision(
            {str(getattr(a, "dtype", type(a))) for a in layer.arrays().values()}
        )
        # In their own precision products of weights would round as the proof does not expect.
        arrays = {k: a.astype(np.float64) for k, a in layer.arrays().items()}
        weights = LayerWeights(heads=layer.heads, **arrays)
    else:
        heads = _check_state(layer, heads)
        arithmetic = _precision({str(t.dtype) for t in layer.values()})
        state = {k: v.detach().cpu().to(torch.float64).numpy() for k, v in layer.items()}
        weights = weights_from_state(state, heads)
    _check_weights(weights)
    return weights, arithmetic


def _precision(kinds: set[str]) -> Arithmetic:
    """The arithmetic of weights of these types, of torch or numpy."""
    if len(kinds) != 1:
        raise DataError("certify: the weights are of several types; cast all to one precision.")
    return arithmetic_of(kinds.pop().removeprefix("torch."))


def _check_state(layer: Mapping[str, torch.Tensor], heads: int | None) -> int:
    """The number of heads, for a dictionary with the tensors of a layer and no others."""
    if not isinstance(layer, Mapping):
        raise DataError(
            "certify: the layer must be a SingleLayer, its LayerWeights or its state dictionary; "
            f"got {type(layer).__name__}."
        )
    missing = [name for name in STATE_NAMES.values() if name not in layer]
    if missing:
        raise DataError(
            f"certify: the tensor {missing[0]!r} is missing; give the state of a SingleLayer."
        )
    if type(heads) is not int:
        raise DataError("certify: the number of heads is missing; give it as a whole number.")
    foreign = sorted(set(layer) - set(STATE_NAMES.values()))
    if foreign:
        raise DataError(
            f"certify: a SingleLayer has no tensor {foreign[0]!r}, so the layer that it belongs to "
            "is another one; fold it into the others."
        )
    return heads


def _check_weights(weights: LayerWeights) -> None:
    """A layer that runs, of finite numbers."""
    for name, array in weights.arrays().items():
        if array.size == 0:
            raise ShapeError(f"certify: {name} has no numbers, its shape is {array.shape}.")
        if not np.isfinite(array).all():
            raise DataError(f"certify: {name} holds a number that is not finite; train again.")
    try:
        if len(weights.query) % weights.heads:
            raise ValueError(f"{len(weights.query)} queries for {weights.heads} heads")
        SingleLayer(weights)
    except (RuntimeError, ValueError, IndexError, ZeroDivisionError) as error:
        raise ShapeError(
            "certify: the shapes of the weights do not fit each other or the number of heads "
            f"({str(error).splitlines()[-1].strip()}); give those of a SingleLayer."
        ) from error


def _target_for(weights: LayerWeights, formula: Formula, domain: Domain) -> Target:
    target = read_target(formula, weights.tokens, weights.width, domain)
    check_defined(target)
    if target.outputs != weights.outputs:
        raise ShapeError(
            f"certify: the formula has {target.outputs} outputs per token and the layer "
            f"{weights.outputs}; give one entry for each, separated by commas."
        )
    return target


def _number(epsilon: float) -> float:
    """An error that can be proven: finite and above 0."""
    is_number = isinstance(epsilon, int | float | np.floating) and not isinstance(epsilon, bool)
    if not (is_number and 0 < epsilon <= sys.float_info.max):
        raise DomainError(f"certify: epsilon must be a finite number > 0; got {epsilon!r:.40}.")
    return float(epsilon)


def _attempts(
    module: SingleLayer, weights: LayerWeights, target: Target, arithmetic: Arithmetic
) -> list[float]:
    """Epsilons to be tried, from a little above the largest error seen."""
    seen = float(attack(module, target).max())
    rounding = float(forward_rounding(weights, target.limit, arithmetic).max())
    if not math.isfinite(seen + rounding):
        raise ConvergenceError(
            f"certify: no bound of the rounding of the {arithmetic.name} forward pass is known, "
            "its numbers are too large; scale the weights."
        )
    first = _MARGIN * seen + 2.0 * rounding
    return [first * _GROWTH**k for k in range(_ATTEMPTS)]


def _refusal(entry: entries_of.Entry, target: Target, epsilon: float) -> str:
    where = f"token {entry.token + 1}, output {entry.output + 1}"
    if entry.witness is not None:
        return (
            f"certify: the error of {where} is proven to be {entry.witness.error:.4g} at "
            f"{shown(target, entry.witness.point)}, above {epsilon:.4g}; raise epsilon or "
            "train further."
        )
    return (
        f"certify: no proof that {where} is within {epsilon:.4g} was found in {entry.boxes} boxes; "
        "raise epsilon or most_boxes."
    )
