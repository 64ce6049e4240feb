"""Jet: a value together with its derivatives, which any nn.Module carries along unchanged."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinn.jets.algebra import Operators
from pinn.jets.jacobian.recorder import active
from pinn.jets.registry import MissingRuleError, find
from sciformer.errors import ShapeError


class Jet:
    """The value of a function at p points and its derivatives there, under one set of operators.

    A Jet behaves like a tensor of shape (p, ...): torch functions and tensor methods dispatch to
    the rules of this package and give Jets. Axis 0 is the point axis; points never mix.

    Args:
        channels: shape (operators, ..., p): one channel an operator, the value first. The point
            axis is last in memory, because then every operation of a narrow network runs along
            long contiguous vectors.
        operators: what the channels mean.

    Source: truncated multivariate Taylor arithmetic, Griewank & Walther 2008, chapter 13.

    Examples:
        >>> import torch
        >>> from pinn.jets import Jet, Operators
        >>> points = torch.tensor([[0.5, 2.0]])
        >>> xt = Jet.coordinates(points, Operators("xt", ["t", "xx"]))
        >>> u = xt[:, 0] ** 3 * xt[:, 1]  # x^3 t
        >>> u.value, u.derivative("t"), u.derivative("xx")
        (tensor([0.2500]), tensor([0.1250]), tensor([6.]))
    """

    __slots__ = ("channels", "operators")
    # numpy leaves `array * jet` to the Jet instead of walking over its points.
    __array_ufunc__ = None

    def __init__(self, channels: Tensor, operators: Operators) -> None:
        self.channels = channels
        self.operators = operators

    @classmethod
    def coordinates(cls, points: Tensor, operators: Operators) -> Jet:
        """The coordinates themselves, as functions of the point.

        Args:
            points: shape (p, c), floating point; the columns are the operators' coordinates.
            operators: the derivatives to carry.

        Returns:
            A Jet of shape (p, c).

        Raises:
            ShapeError: points are not of that shape.
        """
        wanted = len(operators.coordinates)
        if points.ndim != 2 or points.shape[1] != wanted:
            raise ShapeError(
                f"Jet.coordinates: points must have shape (p, {wanted}), one column for each of "
                f"{operators.coordinates}; got {tuple(points.shape)}."
            )
        channels = points.new_zeros(len(operators), wanted, len(points))
        for channel, slopes in zip(channels[1:], operators.slopes()[1:], strict=True):
            for row, slope in zip(channel, slopes, strict=True):
                if slope:
                    row.fill_(slope)  # nothing is copied to a device
        channels[0] = points.T
        return cls(channels, operators)

    @property
    def value(self) -> Tensor:
        """The value, shape (p, ...)."""
        return self.derivative("1")

    def derivative(self, name: str) -> Tensor:
        """One derivative.

        Args:
            name: an operator of the set, such as "xx".

        Returns:
            Shape of the value.

        Raises:
            UnknownNameError: the operator is not in the set.
        """
        channel = self.channels[self.operators.index(name)].movedim(-1, 0)
        recorder = active()
        return channel if recorder is None else recorder.note(channel)

    @property
    def shape(self) -> torch.Size:
        sizes = self.channels.shape
        return torch.Size((sizes[-1], *sizes[1:-1]))

    @property
    def ndim(self) -> int:
        return self.channels.ndim - 1

    @property
    def dtype(self) -> torch.dtype:
        return self.channels.dtype

    @property
    def device(self) -> torch.device:
        return self.channels.device

    @property
    def requires_grad(self) -> bool:
        return self.channels.requires_grad

    @property
    def mT(self) -> Jet:
        return self._call(torch.transpose, -2, -1)

    def dim(self) -> int:
        return self.ndim

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        return math.prod(self.shape)

    def detach(self) -> Jet:
        return Jet(self.channels.detach(), self.operators)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Jet]:
        raise ShapeError("Jet: points cannot be iterated over; index other axes as in jet[:, 0].")

    def __bool__(self) -> bool:
        raise ShapeError("Jet: a Jet has no truth value; compare jet.value, or use torch.where.")

    def __repr__(self) -> str:
        return (
            f"Jet(shape={tuple(self.shape)}, dtype={self.dtype}, operators={self.operators.names})"
        )

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return find(function)(*args, **(kwargs or {}))

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Jet:
        given = (torch.as_tensor(a) if isinstance(a, np.ndarray) else a for a in args)
        result: Jet = find(function)(self, *given, **kwargs)
        return result

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Tensor methods, answered by the rules."""
        method = getattr(torch.Tensor, name, None)
        if method is None or name.startswith("__"):
            raise AttributeError(f"'Jet' object has no attribute {name!r}")
        if not callable(method):
            raise MissingRuleError(f"Jet: the tensor attribute {name!r} has no meaning for a Jet.")
        return functools.partial(self._call, method)

    def __add__(self, other: Any) -> Jet:
        return self._call(torch.add, other)

    def __radd__(self, other: Any) -> Jet:
        return self._call(torch.add, other)

    def __sub__(self, other: Any) -> Jet:
        return self._call(torch.sub, other)

    def __rsub__(self, other: Any) -> Jet:
        return self._call(torch.rsub, other)

    def __mul__(self, other: Any) -> Jet:
        return self._call(torch.mul, other)

    def __rmul__(self, other: Any) -> Jet:
        return self._call(torch.mul, other)

    def __truediv__(self, other: Any) -> Jet:
        return self._call(torch.div, other)

    def __rtruediv__(self, other: Any) -> Jet:
        return self._call(torch.Tensor.__rdiv__, other)

    def __pow__(self, other: Any) -> Jet:
        return self._call(torch.pow, other)

    def __rpow__(self, other: Any) -> Jet:
        return self._call(torch.Tensor.__rpow__, other)

    def __gt__(self, other: Any) -> Tensor:
        result: Tensor = find(torch.gt)(self, other)
        return result

    def __lt__(self, other: Any) -> Tensor:
        result: Tensor = find(torch.lt)(self, other)
        return result

    def __ge__(self, other: Any) -> Tensor:
        result: Tensor = find(torch.ge)(self, other)
        return result

    def __le__(self, other: Any) -> Tensor:
        result: Tensor = find(torch.le)(self, other)
        return result

    def __mod__(self, other: Any) -> Jet:
        return self._call(torch.remainder, other)

    def __floordiv__(self, other: Any) -> Jet:
        return self._call(torch.floor_divide, other)

    def __abs__(self) -> Jet:
        return self._call(torch.abs)

    def __neg__(self) -> Jet:
        return self._call(torch.neg)

    def __matmul__(self, other: Any) -> Jet:
        return self._call(torch.matmul, other)

    def __rmatmul__(self, other: Any) -> Jet:
        given = torch.as_tensor(other) if isinstance(other, np.ndarray) else other
        result: Jet = find(torch.matmul)(given, self)
        return result

    def __getitem__(self, index: Any) -> Jet:
        return self._call(torch.Tensor.__getitem__, index)
