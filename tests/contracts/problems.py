"""Laws every problem keeps. A subclass gives its name and parameters unlike 1 and each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import ClassVar

import numpy as np
import sympy
import torch
from matplotlib.mathtext import MathTextParser
from torch import Tensor

import pinn
from pinn.assembly import build_trial
from pinn.loss import terms
from pinn.networks import PhysicsFormer
from pinn.problem.expressions import FieldDerivative
from pinn.problem.problem import Problem
from pinn.references.exact import substitute
from pinn.settings import Settings
from pinn.training.trainer import Limits

REACH = 4  # points to each side of a central difference


class ProblemContract:
    """The laws; parameters must be distinct, not 1, and change the solution."""

    name = ""
    parameters: ClassVar[dict[str, float]] = {}
    step = 0.02
    """Of the central differences, as a share of each interval."""
    tolerance = 1e-6
    """Of residuals by differences, relative to the largest term."""
    is_exact = True
    in_source: ClassVar[set[str]] = set()
    """Parameters that the source of a manufactured solution follows."""
    network = PhysicsFormer.Sizes(steps=2, width=4, feed_forward=4)

    def make(self, **changes: float) -> Problem:
        return _made(self.name, tuple(sorted({**self.parameters, **changes}.items())))

    def test_the_equations_vanish_on_the_exact_solution(self) -> None:
        """By 40 digits at random rational points, where an analytic function is 0 by identity.

        Kills: any wrong sign or factor in an equation or a formula.
        """
        problem = self.make()
        assert bool(problem.exact) == self.is_exact
        generator = np.random.default_rng(5)
        for equation in problem.equations if self.is_exact else ():
            gap = substitute(equation.lhs - equation.rhs, problem.exact, {})
            for _ in range(2):
                numbers = {
                    s: sympy.Rational(int(generator.integers(11, 97)), 101)
                    for s in gap.free_symbols
                }
                assert abs(gap.evalf(40, subs=numbers)) < 1e-30

    def test_the_equations_vanish_on_the_reference(self) -> None:
        """Derivatives by ninth-point differences of the reference's numbers alone."""
        problem = self.make()
        assert self.residual(problem, problem.parameter_values) < self.tolerance

    def test_every_parameter_counts(self) -> None:
        """Kills: a parameter that an equation does not use."""
        problem = self.make()
        for name in set(problem.parameter_values) - self.in_source:
            changed = {**problem.parameter_values, name: 1.5 * problem.parameter_values[name]}
            assert self.residual(problem, changed) > 10 * self.tolerance

    def residual(self, problem: Problem, parameters: dict[str, float]) -> float:
        """Largest residual over the equations, relative to the derivatives that occur."""
        low, high = np.array(problem.domain.low), np.array(problem.domain.high)
        margin = (REACH + 0.5) * self.step * (high - low)
        unit = problem.domain.sample(200).numpy()
        points = low + margin + (unit - low) / (high - low) * (high - low - 2 * margin)
        unknown = self.by_differences(problem, points)
        columns = torch.from_numpy(points).unbind(-1)
        values = problem.residual(columns, unknown, parameters)
        sizes = [float(unknown(u).abs().max()) for u in problem.residual.unknowns]
        return max(float(value.abs().max()) for value in values) / max(sizes)

    def by_differences(
        self, problem: Problem, points: np.ndarray
    ) -> Callable[[FieldDerivative], Tensor]:
        """Fields and derivatives of the reference at points by central differences."""
        assert problem.reference is not None
        names = problem.domain.coordinates
        offsets = np.arange(-REACH, REACH + 1)

        @cache
        def unknown(u: FieldDerivative) -> Tensor:
            assert problem.reference is not None
            field = problem.field_names[u.field]
            if u.operator == "1":
                return torch.from_numpy(problem.reference(points)[field].copy())
            axis, order = names.index(u.operator[0]), len(u.operator)
            assert u.operator == u.operator[0] * order, "no mixed derivative occurs"
            low, high = problem.domain.intervals[names[axis]]
            h = self.step * (high - low)
            shifted = np.repeat(points[None], len(offsets), axis=0)
            shifted[:, :, axis] += h * offsets[:, None]
            flat = problem.reference(shifted.reshape(-1, points.shape[1]))[field]
            weights = _weights(order) / h**order
            return torch.from_numpy(weights @ flat.reshape(len(offsets), -1))

        return unknown

    def test_the_reference_satisfies_the_conditions(self) -> None:
        problem = self.make()
        for condition in problem.conditions:
            points = problem.domain.part(condition.on).sample(50)
            unknown = self.by_differences(problem, points.numpy())
            expressions = problem.condition_residual(condition)
            columns = torch.cat([points, torch.zeros_like(points)], -1).unbind(-1)
            [gap] = expressions(columns, unknown, problem.parameter_values)
            assert float(gap.square().mean().sqrt()) < self.tolerance

    def test_the_reference_is_periodic_where_the_problem_is(self) -> None:
        problem = self.make()
        points = problem.domain.sample(40).numpy()
        assert problem.reference is not None
        for name in problem.periodic:
            axis = problem.domain.coordinates.index(name)
            ends = []
            for end in problem.domain.intervals[name]:
                points[:, axis] = end
                ends.append(problem.reference(points))
            for field in problem.field_names:
                assert np.allclose(ends[0][field], ends[1][field], atol=1e-11)

    def test_the_reference_has_one_number_a_field_and_point(self) -> None:
        problem = self.make()
        points = problem.domain.sample(17).numpy()
        assert problem.reference is not None
        fields = problem.reference(points)
        assert set(fields) >= set(problem.field_names)
        for name in problem.field_names:
            assert fields[name].shape == (17,)
            assert fields[name].dtype == np.float64
            assert np.isfinite(fields[name]).all()

    def test_latex_renders(self) -> None:
        parser = MathTextParser("path")
        problem = self.make()
        for equation in problem.equations:
            parser.parse(f"${sympy.latex(equation)}$")
        assert problem.latex().count("\n") == len(problem.equations) + len(problem.conditions) - 1

    def test_any_network_satisfies_the_conditions_that_are_built_in(self) -> None:
        """Kills: an offset, factor or embedding that misses a condition."""
        problem = self.make()
        trial = build_trial(problem, Settings(network=self.network, seed=3))
        built_in = trial.constraint.conditions if trial.constraint is not None else ()
        for condition in built_in:
            points = problem.domain.part(condition.on).sample(30)
            gap = terms.boundary(problem, trial, condition).residual(points)
            assert float(gap.detach().abs().max()) < 1e-11
        for name in problem.periodic:
            axis = problem.domain.coordinates.index(name)
            inputs = trial.network.inputs
            points = problem.domain.sample(20)
            low, high = problem.domain.intervals[name]
            left, right = points.clone(), points.clone()
            left[:, axis], right[:, axis] = low, high
            assert torch.allclose(inputs(left), inputs(right), atol=1e-12)

    def test_a_short_solve_comes_to_an_end(self) -> None:
        settings = Settings(network=self.network, points=0.1)
        solved = pinn.solve(self.make(), settings, Limits(iterations=self.iterations))
        assert solved.stopped == f"{self.iterations} iterations done"
        assert np.isfinite(solved.validation)
        assert solved.errors is not None
        assert solved.errors.relative_l2 < 5  # 1 is that of nothing

    iterations = 5


@cache
def _made(name: str, parameters: tuple[tuple[str, float], ...]) -> Problem:
    return pinn.find_problem(name, dict(parameters))


@cache
def _weights(order: int) -> np.ndarray:
    """Weights of the central difference for a derivative, exact for degrees up to 2 REACH."""
    offsets = np.arange(-REACH, REACH + 1, dtype=np.float64)
    powers = np.vander(offsets, increasing=True).T
    right = np.zeros(len(offsets))
    right[order] = float(sympy.factorial(order))
    return np.linalg.solve(powers, right)


def registered() -> set[str]:
    """Names of the problems that come with the package."""
    from sciformer.cli.registry import entries

    return {n for n, e in entries("problems").items() if e.distribution == "sciformer"}
