"""Recorder of the places where the parameters of a network meet its points while a residual is
computed.

Points never mix, so one backward pass of the sum of the residuals brings every place where a
parameter meets data the cotangent of each point by itself. A place that knows its parameter writes
the product into the rows of that parameter and passes nothing on. What still arrives at a parameter
in the ordinary way came through a place without a rule, so nothing can be lost unseen.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

_LOCAL = threading.local()


def active() -> Recorder | None:
    """The recorder of this thread, if a residual is being recorded in it."""
    return getattr(_LOCAL, "recorder", None)


class Place:
    """The rows of one tensor that depends on parameters only; shape (numel, p) each.

    Attributes:
        leaf: what meets the points in the tensor's place. No graph lies behind it, so the reverse
            pass of the points ends there.
    """

    def __init__(self, tensor: Tensor, recorder: Recorder, offset: int | None) -> None:
        self.tensor = tensor
        self.leaf = tensor if tensor.is_leaf else tensor.detach().requires_grad_()
        self.recorder = recorder
        self.offset = offset
        self.own: Tensor | None = None

    @property
    def rows(self) -> Tensor | None:
        """The buffer to which d residual / d tensor is added, shape (*tensor.shape, p); None: do
        not write now.
        """
        storage = self.recorder.storage
        if storage is None:
            return None
        shape = (*self.tensor.shape, self.recorder.points)
        if self.offset is not None:
            return storage[self.offset : self.offset + self.tensor.numel()].view(shape)
        if self.own is None:
            self.own = storage.new_zeros(shape)
        return self.own

    def add(self, cotangents: Tensor) -> None:
        """Adds cotangents, which broadcast to (*tensor.shape, p), to rows that are written."""
        rows = self.rows
        if rows is not None:
            rows += cotangents


class Recorder:
    """One recording: the parameters, the places they were met at, and the rows being written.

    Args:
        parameters: leaf tensors that require gradients.
        points: p, the number of points.
    """

    def __init__(self, parameters: Sequence[Tensor], points: int) -> None:
        self.points = points
        self.storage: Tensor | None = None
        self.noted: list[Tensor] = []
        self._places: dict[int, Place] = {}
        offset = 0
        for parameter in parameters:
            self._places[id(parameter)] = Place(parameter, self, offset)
            offset += parameter.numel()
        self._derived: list[Place] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Make this the active recorder of the thread."""
        before = active()
        _LOCAL.recorder = self
        try:
            yield
        finally:
            _LOCAL.recorder = before

    def release(self) -> None:
        """Let go of every tensor. The graph knows the recorder, so it would otherwise outlive its
        use until the next garbage collection, and each Jacobian would need fresh memory."""
        self.storage = None
        self.noted.clear()
        self._places.clear()
        self._derived.clear()

    def place(self, tensor: Tensor, points: int) -> Place | None:
        """The place of a parameter, or of a tensor computed from parameters alone; else None."""
        if points != self.points or not tensor.requires_grad:
            return None
        known = self._places.get(id(tensor))
        if known is not None or tensor.grad_fn is None or _depends_on_data(tensor):
            return known
        derived = Place(tensor, self, None)  # keeps the tensor alive, and so its id
        self._places[id(tensor)] = derived
        self._derived.append(derived)
        return derived

    def leaves(self) -> list[Tensor]:
        """Leaves that stand for derived tensors; a reverse pass reaches them only if asked to."""
        return [place.leaf for place in self._derived]

    def note(self, channel: Tensor) -> Tensor:
        """Mark a tensor that left the jets, so that the arithmetic after it can be followed."""
        if not channel.requires_grad or channel.shape[0] != self.points:
            return channel
        noted: Tensor = _Note.apply(channel)  # type: ignore[no-untyped-call]
        self.noted.append(noted)
        return noted.as_subclass(Tail)

    def chain(self, parameters: Sequence[Tensor]) -> None:
        """Carry the rows of derived tensors on to their parameters.

        Cost: one small reverse pass for each entry of the derived tensor.
        """
        for place in self._derived:
            if place.own is None:
                continue
            own = place.own.reshape(-1, self.points)
            entries = place.tensor.reshape(-1).unbind()
            grads = [
                torch.autograd.grad(entry, parameters, retain_graph=True, allow_unused=True)
                for entry in entries
            ]
            for parameter, columns in zip(parameters, zip(*grads, strict=True), strict=True):
                if any(column is not None for column in columns):
                    jacobian = torch.stack(
                        [torch.zeros_like(parameter) if c is None else c for c in columns], -1
                    )
                    target = self._places[id(parameter)].rows
                    assert target is not None
                    target.view(-1, self.points).addmm_(jacobian.view(-1, len(entries)), own)
            place.own = None


class Tail(Tensor):
    """Plain arithmetic after the jets, such as a coefficient times a derivative.

    Behaves as the tensor it is. Where a parameter meets it elementwise, the parameter is spread
    over the points, so that its rows are recorded.
    """

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if not all(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        recorder = active()
        if recorder is not None and function in _ELEMENTWISE:
            data = next(x for x in args if isinstance(x, Tail))
            if data.ndim and data.shape[0] == recorder.points:
                args = tuple(_spread_tail(x, data.ndim, recorder) for x in args)
        return super().__torch_function__(function, types, args, kwargs or {})  # type: ignore[no-untyped-call]


def followed(column: Any) -> Any:
    """A known function of the point, such as a coordinate: while a residual is recorded, the
    arithmetic on it is followed, so that parameters that meet it are recorded."""
    recorder = active()
    is_of_points = isinstance(column, Tensor) and column.ndim > 0
    if recorder is None or not is_of_points or column.shape[0] != recorder.points:
        return column
    return column.as_subclass(Tail)


def spread(tensor: Tensor, ndim: int, recorder: Recorder, points: int) -> Tensor | None:
    """A parameter as a function of the point, shape (..., p), if its rows can be recorded.

    Args:
        tensor: what meets a value of `ndim` axes, the point axis first, under broadcasting.
        ndim: axes of that value.
        recorder: the active recorder.
        points: size of the value's point axis.

    Returns:
        A view of `tensor` without an axis that broadcasts over points, with the point axis last;
        None if the tensor is not a parameter, or differs from point to point.
    """
    if tensor.ndim == ndim and tensor.shape[0] != 1:
        if not (tensor.shape[0] == points and tensor.stride(0) == 0):
            return None
        tensor = tensor[:1]
    place = recorder.place(tensor, points)
    if place is None:
        return None
    result: Tensor = _Spread.apply(place.leaf, place, points)  # type: ignore[no-untyped-call]
    return result[0] if tensor.ndim == ndim else result


def _spread_tail(argument: Any, ndim: int, recorder: Recorder) -> Any:
    if not isinstance(argument, Tensor) or isinstance(argument, Tail) or argument.ndim > ndim:
        return argument
    found = spread(argument, ndim, recorder, recorder.points)
    if found is None:
        return argument
    recorder.noted.append(found)
    found = found.movedim(-1, 0)  # (p, ...)
    return found.reshape(found.shape[0], *[1] * (ndim - found.ndim), *found.shape[1:])


def _depends_on_data(tensor: Tensor) -> bool:
    """Whether anything but parameters flows into a tensor: its graph is searched to the leaves."""
    seen: set[Any] = set()
    stack = [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if getattr(node, "carries_data", False):
            return True
        leaf = getattr(node, "variable", None)
        if leaf is not None and not isinstance(leaf, torch.nn.Parameter):
            recorder = active()
            if recorder is None or id(leaf) not in recorder._places:
                return True
        stack.extend(following for following, _ in node.next_functions)
    return False


class _Note(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, channel: Tensor) -> Tensor:
        ctx.carries_data = True
        return channel.view_as(channel)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> Tensor:
        return cotangent


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, place: Place, points: int) -> Tensor:
        ctx.carries_data = True
        ctx.place = place
        return tensor.detach().unsqueeze(-1).expand(*tensor.shape, points)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[None, None, None]:
        ctx.place.add(cotangent)
        return None, None, None


_ELEMENTWISE = {
    getattr(home, name)
    for home in (torch, Tensor)
    for base in (
        *("add", "sub", "mul", "div", "pow", "truediv", "rsub", "rdiv", "radd", "rmul"),
        *("maximum", "minimum", "atan2"),
    )
    for name in (base, f"__{base}__", f"__r{base}__")
    if hasattr(home, name)
}
