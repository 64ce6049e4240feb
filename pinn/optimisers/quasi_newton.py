"""Quasi-Newton methods: one loop with a strong Wolfe search, two models of the inverse Hessian."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor

from pinn.optimisers.protocol import StepReport
from pinn.sampling.schedule import GRADIENT, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.optimisers.protocol import Objective


class InverseHessian(Protocol):
    """A model H of the inverse Hessian that learns from steps s and gradient changes y."""

    def times(self, gradient: Tensor) -> Tensor:
        """H g."""
        ...

    def learn(self, s: Tensor, y: Tensor, gradient: Tensor, length: float) -> None:
        """Takes in s = length * (-H g) and y, with s.y > 0."""
        ...

    def reset(self) -> None:
        """Forgets everything."""
        ...

    def state(self) -> dict[str, Any]:
        """Tensors that make up the model."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        ...


class QuasiNewton:
    """x - a H g with a step length a that satisfies the strong Wolfe conditions.

    A failed search is never a silent stop: the model is reset, the report says so, and the next
    step starts along the gradient.

    Args:
        model: of the inverse Hessian.
        curvature: c2 of the Wolfe conditions; c1 is 1e-4.
        evaluations: most function evaluations in one search.

    Source: Nocedal, Wright 2006, algorithms 3.5 and 3.6, by `scipy.optimize.line_search`.
    """

    needs_jacobian: ClassVar[bool] = False
    schedule: ClassVar[Schedule] = GRADIENT

    def __init__(
        self, model: InverseHessian, curvature: float = 0.9, evaluations: int = 25
    ) -> None:
        self._model, self._curvature, self._evaluations = model, curvature, evaluations

    def step(self, objective: Objective) -> StepReport:
        """One line search along -H g, or along -g after a failure."""
        search = _Search(objective)
        before, gradient = search.at(0.0)
        if not float(gradient.norm()) > 0:
            return StepReport(before, before, False, search.evaluations, {}, "gradient is zero")
        direction = -self._model.times(gradient)
        if not float(direction @ gradient) < 0:
            self._model.reset()
            direction = -gradient / gradient.abs().sum().clamp_min(1.0)
        length = search.strong_wolfe(direction, self._curvature, self._evaluations)
        if length is None:
            self._model.reset()
            objective.parameters.write(search.start)
            note = "line search failed, curvature forgotten"
            return StepReport(before, before, False, search.evaluations, {}, note)
        s = length * direction
        after, end = search.at(length, direction)
        objective.parameters.write(search.start + s)
        if float((end - gradient) @ s) > 0:
            self._model.learn(s, end - gradient, gradient, length)
        return StepReport(before, after, True, search.evaluations, {"length": length})

    def points_changed(self) -> None:
        """Keeps the model: curvature changes little from one sample to the next."""

    def state(self) -> dict[str, Any]:
        """The state of the model."""
        return self._model.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._model.restore(state)


class _Search:
    """The objective along a line, each point evaluated once; the host sees two numbers a point."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.start = objective.parameters.read()
        self.evaluations = 0
        self._found: dict[float, tuple[float, Tensor]] = {}

    def at(self, length: float, direction: Tensor | None = None) -> tuple[float, Tensor]:
        """Value and gradient at start + length * direction; no direction is needed at 0."""
        if length not in self._found:
            moved = self.start if direction is None else self.start + length * direction
            self._objective.parameters.write(moved)
            # Of the points of a search only the first and the latest are asked for again.
            self._found = {0.0: self._found[0.0]} if 0.0 in self._found else {}
            self._found[length] = self._objective.value_and_gradient()
            self.evaluations += 1
        return self._found[length]

    def strong_wolfe(self, direction: Tensor, curvature: float, most: int) -> float | None:
        """The step length, by scipy's search on the function of one number that the line is."""
        import warnings

        import numpy as np
        from scipy.optimize import line_search

        def slope(length: float) -> Any:
            return np.array([float(self.at(length, direction)[1] @ direction)])

        value, _ = self.at(0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # failure is told by the result
            length = line_search(
                lambda x: self.at(float(x[0]), direction)[0],
                lambda x: slope(float(x[0])),
                np.zeros(1),
                np.ones(1),
                gfk=slope(0.0),
                old_fval=value,
                c2=curvature,
                maxiter=most,
            )[0]
        return None if length is None else float(length)


class _LimitedMemory:
    """The last pairs (s, y) and the two-loop recursion."""

    def __init__(self, history: int) -> None:
        self._history = history
        self._pairs: list[tuple[Tensor, Tensor]] = []

    def times(self, gradient: Tensor) -> Tensor:
        if self._pairs and self._pairs[0][0].device != gradient.device:  # as read from a file
            self._pairs = [(s.to(gradient.device), y.to(gradient.device)) for s, y in self._pairs]
        result = gradient.clone()
        shares = []
        for s, y in reversed(self._pairs):
            share = (s @ result) / (y @ s)
            shares.append(share)
            result -= share * y
        if self._pairs:
            s, y = self._pairs[-1]
            result *= (s @ y) / (y @ y)
        else:
            result /= gradient.abs().sum().clamp_min(1.0)
        for (s, y), share in zip(self._pairs, reversed(shares), strict=True):
            result += (share - (y @ result) / (y @ s)) * s
        return result

    def learn(self, s: Tensor, y: Tensor, gradient: Tensor, length: float) -> None:
        self._pairs = [*self._pairs, (s, y)][-self._history :]

    def reset(self) -> None:
        self._pairs = []

    def state(self) -> dict[str, Any]:
        return {"pairs": [torch.stack(pair) for pair in self._pairs]}

    def restore(self, state: Mapping[str, Any]) -> None:
        # Copies, because where a tensor lies in memory can change the last bit of its products.
        self._pairs = [(pair[0].clone(), pair[1].clone()) for pair in state["pairs"]]


class _SelfScaled:
    """The dense inverse Hessian with the self-scaled Broyden update."""

    def __init__(self) -> None:
        self._matrix: Tensor | None = None

    def times(self, gradient: Tensor) -> Tensor:
        if self._matrix is None:
            return gradient / gradient.abs().sum().clamp_min(1.0)
        self._matrix = self._matrix.to(gradient.device)  # it may have been read from a file
        return self._matrix @ gradient

    def learn(self, s: Tensor, y: Tensor, gradient: Tensor, length: float) -> None:
        sy = float(s @ y)
        if self._matrix is None:
            self._matrix = torch.eye(len(s), dtype=s.dtype, device=s.device) * (sy / float(y @ y))
            bs = float(s @ s) * float(y @ y) / sy
        else:
            bs = -length * float(s @ gradient)
        hy = self._matrix @ y
        yhy = float(y @ hy)
        tau, phi = _scaling(bs / sy, yhy / sy, len(s))
        v = math.sqrt(yhy) * (s / sy - hy / yhy)
        self._matrix.addr_(hy, hy, alpha=-1 / yhy)
        self._matrix.addr_(v, v, alpha=phi)
        self._matrix.div_(tau)
        self._matrix.addr_(s, s, alpha=1 / sy)

    def reset(self) -> None:
        self._matrix = None

    def state(self) -> dict[str, Any]:
        return {} if self._matrix is None else {"matrix": self._matrix.clone()}

    def restore(self, state: Mapping[str, Any]) -> None:
        matrix = state.get("matrix")
        self._matrix = None if matrix is None else matrix.clone()


def _scaling(b: float, h: float, size: int) -> tuple[float, float]:
    """Self-scaling factor tau and Broyden parameter phi, from b = s.Bs/s.y and h = y.Hy/s.y."""
    a = h * b - 1
    if a <= 1e-12:
        return min(1.0, 1 / b), 1.0
    c = math.sqrt(a / (a + 1))
    rho = min(1.0, h * (1 - c))
    theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b))
    sigma = 1 + a * theta
    root = sigma ** (1 / (1 - size)) if size > 1 else 1.0
    least = min(1.0, 1 / b)
    tau = least * min(root, 1 / theta) if theta > 0 else min(least * root, sigma)
    return tau, (1 - theta) / sigma


@dataclass(eq=False)
class LBFGS(QuasiNewton):
    """Limited-memory BFGS.

    Args:
        history: number of pairs kept.
        curvature: c2 of the Wolfe conditions.
        evaluations: most function evaluations in one search.

    Source: Nocedal 1980; Nocedal, Wright 2006, algorithm 7.4.

    Examples:
        >>> import pinn
        >>> pinn.Settings(optimiser=pinn.LBFGS(history=20)).optimiser.history
        20
    """

    history: int = 50
    curvature: float = 0.9
    evaluations: int = 25

    def __post_init__(self) -> None:
        super().__init__(_LimitedMemory(self.history), self.curvature, self.evaluations)


@dataclass(eq=False)
class SelfScaledBroyden(QuasiNewton):
    """Dense self-scaled Broyden, the method that took networks for equations to high accuracy.

    Args:
        curvature: c2 of the Wolfe conditions.
        evaluations: most function evaluations in one search.

    Memory: P^2 numbers.
    Source: the self-scaled Broyden method of Urban, Stefanou, Pons 2025, after Al-Baali.

    Examples:
        >>> import pinn
        >>> pinn.Settings(optimiser=pinn.SelfScaledBroyden()).optimiser.curvature
        0.9
    """

    curvature: float = 0.9
    evaluations: int = 25

    def __post_init__(self) -> None:
        super().__init__(_SelfScaled(), self.curvature, self.evaluations)
