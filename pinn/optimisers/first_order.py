"""First-order optimisers, from torch and from pytorch_optimizer, behind the step protocol."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from pinn.optimisers.protocol import StepReport
from pinn.optimisers.resumable import resumes_exactly
from pinn.sampling.schedule import GRADIENT, Schedule
from sciformer.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pinn.optimisers.protocol import Objective

BY_COLUMNS = "by columns"  # mark of a matrix in a saved state that is stored transposed
Maker = Callable[[Sequence[nn.Parameter], float], torch.optim.Optimizer]


class FirstOrder:
    """Any torch optimiser with a linear warm-up over 50 steps and cosine decay to a hundredth.

    It sees the parameters in their own shapes, which methods with matrix moments need.

    Args:
        make: makes the optimiser from parameters and a learning rate.
        learning_rate: the largest rate.
        horizon: steps over which the rate decays.
    """

    needs_jacobian: ClassVar[bool] = False
    schedule: ClassVar[Schedule] = GRADIENT

    def __init__(self, make: Maker, learning_rate: float = 3e-3, horizon: int = 10_000) -> None:
        self._make, self._learning_rate, self._horizon = make, learning_rate, horizon
        self._steps = 0
        self._optimiser: torch.optim.Optimizer | None = None
        self._saved: Mapping[str, Any] | None = None

    def step(self, objective: Objective) -> StepReport:
        """One update from one gradient; the value may rise."""
        value, gradient = objective.value_and_gradient()
        tensors = objective.parameters.tensors
        for parameter, part in zip(
            tensors, torch.split(gradient, [p.numel() for p in tensors]), strict=True
        ):
            parameter.grad = part.view_as(parameter)
        optimiser = self._prepared(tensors)
        rate = self._rate()
        for group in optimiser.param_groups:
            group["lr"] = rate
        if self._steps:
            optimiser.step()
        else:
            self._first_step(optimiser)
        optimiser.zero_grad(set_to_none=True)
        self._steps += 1
        return StepReport(value, value, True, 1, {"learning_rate": rate})

    def points_changed(self) -> None:
        """Does nothing: the moments are averages over samples anyhow."""

    def state(self) -> dict[str, Any]:
        """Number of steps, and what the optimiser keeps if it can go on from that exactly."""
        if not self.resumes:
            return {"steps": self._steps, "resumes": False}
        return {**self.full_state(), "resumes": True}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state.

        Raises:
            UsageError: the method keeps what its state does not hold.
        """
        if state["resumes"] is not True or not self.resumes:
            raise UsageError(
                "solve: this optimiser keeps more than its state dictionary holds and would not "
                "continue with the same numbers, so --resume does not support it; start a new run."
            )
        self.restore_full(state)

    @cached_property
    def resumes(self) -> bool:
        """Whether it goes on from its state bit for bit, which is tried out once."""
        return resumes_exactly(lambda: FirstOrder(self._make, self._learning_rate, self._horizon))

    def full_state(self) -> dict[str, Any]:
        """Number of steps, and all that the optimiser keeps for each parameter and in common."""
        if self._optimiser is None:
            return {"steps": self._steps, "parameters": {}, "common": {}}
        state = self._optimiser.state_dict()
        return {
            "steps": self._steps,
            "parameters": {str(key): _kept(kept) for key, kept in state["state"].items()},
            "common": _common(state["param_groups"][0]),
        }

    def restore_full(self, state: Mapping[str, Any]) -> None:
        """Continues from a full state."""
        self._steps, self._optimiser = int(state["steps"]), None
        self._saved = state if state["parameters"] or state["common"] else None

    def _first_step(self, optimiser: torch.optim.Optimizer) -> None:
        """Takes the first step, at which methods of the library that want more than gradients fail,
        each in its own way.
        """
        try:
            optimiser.step()
        except Exception as error:  # the library raises as it pleases
            raise _unfit(type(optimiser).__name__, error) from error

    def _prepared(self, tensors: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
        if self._optimiser is None:
            try:
                self._optimiser = self._make(tensors, self._learning_rate)
            except Exception as error:
                raise _unfit("the one chosen", error) from error
            if self._saved is not None:
                # Not by load_state_dict, which casts float32 counters to the parameters' dtype.
                device = tensors[0].device
                for key, kept in self._saved["parameters"].items():
                    owner: Any = tensors[int(key)] if key.isdecimal() else key
                    self._optimiser.state[owner] = _given_back(kept, device)
                common = _given_back(self._saved["common"], device)
                self._optimiser.param_groups[0].update(common)
        return self._optimiser

    def _rate(self) -> float:
        warm = min(1.0, (self._steps + 1) / 50)
        done = min(1.0, self._steps / self._horizon)
        return self._learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


@dataclass(eq=False)
class Adam(FirstOrder):
    """Adam (Kingma, Ba 2015) with the warm-up and decay of `FirstOrder`.

    Args:
        learning_rate: the largest rate.
        horizon: steps over which the rate decays.

    Source: Kingma, Ba 2015, by `torch.optim.Adam`.

    Examples:
        >>> import pinn
        >>> pinn.Settings(optimiser=pinn.Adam(learning_rate=1e-3)).optimiser.learning_rate
        0.001
    """

    learning_rate: float = 3e-3
    horizon: int = 10_000

    def __post_init__(self) -> None:
        super().__init__(_adam, self.learning_rate, self.horizon)


@dataclass(eq=False)
class FromLibrary(FirstOrder):
    """An optimiser of the package pytorch_optimizer, such as SOAP, without weight decay.

    Args:
        method: what the package calls it, in small letters.
        learning_rate: the largest rate.
        horizon: steps over which the rate decays.

    Raises:
        UsageError: the package is not installed.
        UnknownNameError: it has no such optimiser.

    Source: pytorch_optimizer (Kim 2021); SOAP is of Vyas et al. 2024 (arXiv 2409.11321).
    """

    method: str
    learning_rate: float = 3e-3
    horizon: int = 10_000

    def __post_init__(self) -> None:
        kind = find_in_library(self.method)
        make = partial(_from_library, kind)
        super().__init__(make, self.learning_rate, self.horizon)


def _adam(parameters: Sequence[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=rate)


def _from_library(
    kind: Any, parameters: Sequence[nn.Parameter], rate: float
) -> torch.optim.Optimizer:
    made: torch.optim.Optimizer = kind(parameters, lr=rate, weight_decay=0.0)
    return made


def find_in_library(name: str, ours: Sequence[str] = ()) -> Any:
    """The class of an optimiser in pytorch_optimizer.

    Args:
        name: what the package calls it, in small letters.
        ours: names that need no package, for the sentence about an unknown one.

    Raises:
        UsageError: the package is not installed.
        UnknownNameError: it has no such optimiser.
    """
    try:
        import pytorch_optimizer
    except ModuleNotFoundError as error:
        raise UsageError(
            f"solve: the optimiser {name!r} is none of {', '.join(ours) or 'ours'}; others need "
            f"pip install 'sciformer[optimisers]'."
        ) from error
    known = pytorch_optimizer.get_supported_optimizers()
    if name not in known:
        raise unknown_name("solve", "optimiser", name, {*ours, *known})
    return pytorch_optimizer.load_optimizer(name)


def _unfit(name: str, error: Exception) -> UsageError:
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return UsageError(
        f"solve: the optimiser {name} needs more than parameters and their gradients ({first}); "
        "choose another."
    )


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(inner) for inner in value]
    return value


def _kept(value: Any) -> Any:
    """A copy that records how matrices lie in memory, on which the rounding of their products
    depends.

    Orthogonal factors come column by column, and files hold rows.
    """
    if isinstance(value, torch.Tensor):
        if value.ndim > 1 and not value.is_contiguous() and value.mT.is_contiguous():
            return {BY_COLUMNS: value.mT.clone()}
        return value.clone()
    if isinstance(value, Mapping):
        return {key: _kept(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_kept(inner) for inner in value]
    return value


def _given_back(value: Any, device: torch.device) -> Any:
    """The state from which `_kept` was made, on a device; numbers stay where they are, as torch
    keeps its counters on the host."""
    if isinstance(value, torch.Tensor):
        return value.clone() if value.ndim == 0 else value.to(device, copy=True)
    if isinstance(value, Mapping):
        if set(value) == {BY_COLUMNS}:
            return value[BY_COLUMNS].to(device, copy=True).mT
        return {key: _given_back(inner, device) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_given_back(inner, device) for inner in value]
    return value


def _common(group: Mapping[str, Any]) -> dict[str, Any]:
    """Values that a group keeps beside its parameters and the rate, norms of earlier steps among
    them.
    """
    kinds = (bool, int, float, str, torch.Tensor, list, tuple)
    found = {k: v for k, v in group.items() if isinstance(v, kinds) and k not in ("params", "lr")}
    return {key: _copied(value) for key, value in found.items()}
