"""The claim that a solution makes: its equation, conditions, formulas and weights, exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch
from torch import nn

from pinn.bounds.normal_form import VALUE, normal_form
from pinn.bounds.walls import boundary_of
from pinn.certificates.claim import Claim, Wide
from pinn.geometry.box import Face
from pinn.networks.mlp import MLP
from pinn.refinement.polynomials import PolynomialLayer
from pinn.refinement.saved_layers import trunk
from pinn.refinement.wide_layer import WideLayer
from pinn.trial.face_conditions import exact_number, read_condition
from pinn.trial.inputs import Rescale
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.bounds.normal_form import NormalForm
    from pinn.problem.problem import Problem
    from pinn.trial.trial_solution import TrialSolution

_HEADS = {sympy.sin: "sin", sympy.cos: "cos", sympy.exp: "exp"}


def claim_of(problem: Problem, trial: TrialSolution) -> Claim:
    """The claim to be proven of a trial solution; its boxes are empty, its bound infinite.

    Args:
        problem: u_t + f(u)_x = a u_xx + source on an interval of x with values at both ends.
        trial: an MLP of tanh units in float64, with hard conditions.

    Raises:
        UsageError: an equation, condition or network that no proof is known for.
    """
    form = normal_form(problem)
    names = problem.domain.coordinates
    if len(names) != 2 or form.time is None or names.index(str(form.time)) != 1:
        raise _refusal(problem, "coordinates must be x and t, in this order")
    x, t = problem.coordinates
    flux, diffusion = _constants(problem, form, x)
    boundary = boundary_of(problem, trial)
    if boundary.start is not None or boundary.missed or boundary.free or boundary.periodic:
        raise _refusal(problem, "initial values and the values at both ends of x must be hard")
    if not all(w.is_value for w in boundary.walls.values()):
        raise _refusal(problem, "values, not slopes, must be given at both ends of x")
    constraint = trial.constraint
    assert constraint is not None, "its conditions hold by its form"
    numbers = {s: exact_number(problem.parameter_values[str(s)]) for s in problem.symbols}

    def formula(expression: Any) -> Any:
        return _spelled(problem, sympy.sympify(expression).subs(numbers), (x, t))

    conditions = [read_condition(problem, c) for c in problem.conditions]
    given = {c.face.name: c.value for c in conditions if not isinstance(c, str) and c.order == 0}
    faces = {
        (f.coordinate, f.outward): f.name for f in problem.domain.parts() if isinstance(f, Face)
    }
    origin, unit, weights, biases = _layers(problem, trunk(trial.network))
    ends = list(problem.domain.intervals.values())
    low, high = (tuple(_fraction(exact_number(end[k])) for end in ends) for k in (0, 1))
    empty = np.zeros(0, np.int64)
    return Claim(
        low=(low[0], low[1]),
        high=(high[0], high[1]),
        flux=flux,
        diffusion=diffusion,
        source=formula(form.reaction),
        start=formula(given[faces[str(t), -1]]),
        walls=(formula(given[faces[str(x), -1]]), formula(given[faces[str(x), 1]])),
        offset=formula(constraint.offset[0]),
        factor=formula(constraint.factor[0]),
        origin=origin,
        unit=unit,
        weights=weights,
        biases=biases,
        wide=_wide(problem, trial.network),
        codes=empty,
        orders=empty,
        ellipses=empty,
    )


def _constants(problem: Problem, form: NormalForm, x: Any) -> tuple[tuple[Fraction, ...], Fraction]:
    """Coefficients of the flux, and the diffusion."""
    drift, diffusion = sympy.expand(form.drift[x]), form.diffusion[x]
    if form.inertia or not diffusion.is_Rational or diffusion < 0:
        raise _refusal(problem, "diffusion must be a constant >= 0")
    if not drift.is_polynomial(VALUE) or drift.free_symbols - {VALUE} or form.reaction.has(VALUE):
        raise _refusal(problem, "it must be u_t + f(u)_x = a u_xx + source with a polynomial f")
    coefficients = sympy.Poly(drift, VALUE).all_coeffs()[::-1]
    if not all(c.is_Rational for c in coefficients):
        raise _refusal(problem, "coefficients must be rational numbers")
    flux = (Fraction(0), *(_fraction(c) / (k + 1) for k, c in enumerate(coefficients)))
    return flux, _fraction(diffusion)


def _layers(
    problem: Problem, network: nn.Module
) -> tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]:
    """Origin and unit of the inputs, weights and biases."""
    if not isinstance(network, MLP):
        raise _refusal(problem, "the network must be an MLP: --model mlp")
    modules = list(network.layers)
    linear = [m for m in modules if isinstance(m, nn.Linear)]
    others = [m for m in modules if not isinstance(m, nn.Linear)]
    if not all(isinstance(m, nn.Tanh) for m in others):
        raise _refusal(problem, "its activations must be tanh")
    inputs: Any = network.inputs
    scale = None if inputs is None else inputs.scale
    if not isinstance(scale, Rescale) or inputs.appended is not None:
        raise _refusal(problem, "inputs of the network must be scaled coordinates")
    if linear[0].weight.dtype != torch.float64:
        raise _refusal(problem, "the network must be float64")
    arrays = [
        (m.weight.detach().cpu().numpy().copy(), m.bias.detach().cpu().numpy().copy())
        for m in linear
    ]
    weights, biases = zip(*arrays, strict=True)
    return scale.origin.cpu().numpy(), scale.unit.cpu().numpy(), weights, biases


def _wide(problem: Problem, network: nn.Module) -> tuple[Wide, ...]:
    """The wide layers on a network, innermost first."""
    if isinstance(network, PolynomialLayer):
        raise _refusal(
            problem, "polynomials are not enclosed; solve with --set digits.polynomials=0"
        )
    if not isinstance(network, WideLayer):
        return ()
    arrays = (network.weights, network.bias, network.output)
    weights, bias, output = (a.detach().cpu().numpy().copy() for a in arrays)
    one = Wide(tuple(sorted(network.layers.tolist())), weights, bias, output)
    return (*_wide(problem, network.network), one)


def _spelled(problem: Problem, expression: Any, symbols: tuple[Any, Any]) -> Any:
    """An expression as data."""
    x, _ = symbols
    if expression in symbols:
        return "x" if expression == x else "t"
    if expression == sympy.pi:
        return "pi"
    if expression.is_Float:
        expression = exact_number(float(expression))
    if expression.is_Rational:
        return f"{expression.p}/{expression.q}"
    if expression.is_Add or expression.is_Mul:
        head = "add" if expression.is_Add else "mul"
        return [head, *(_spelled(problem, e, symbols) for e in expression.args)]
    if expression.is_Pow and expression.exp.is_Integer and expression.exp >= 2:
        return ["pow", _spelled(problem, expression.base, symbols), int(expression.exp)]
    if expression.func in _HEADS:
        return [_HEADS[expression.func], _spelled(problem, expression.args[0], symbols)]
    raise _refusal(problem, f"formulas with {expression.func} are not enclosed")


def _fraction(value: Any) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def _refusal(problem: Problem, why: str) -> UsageError:
    return UsageError(f"{problem.name}: no proof of its error is known here: {why}.")
