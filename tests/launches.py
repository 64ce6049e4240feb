"""A count of what reaches a device, so that tests on a CPU see what an accelerator would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Operations whose result the host waits for.
WAITING = (
    "aten._local_scalar_dense.default",
    "aten.is_nonzero.default",
    "aten.equal.default",
    "aten.allclose.default",
)


class Launches(TorchDispatchMode):
    """Counts operations by name; views reach no device."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if not function.is_view:
            self.names[str(function)] += 1
        return function(*args, **(kwargs or {}))

    @property
    def total(self) -> int:
        """Number of launches."""
        return sum(self.names.values())

    @property
    def waits(self) -> int:
        """Number of results that the host waits for."""
        return sum(self.names[name] for name in WAITING)


@contextmanager
def stays_on_its_device() -> Iterator[Counter[str]]:
    """Counts what would bring numbers to the host, by the name of the method of a tensor.

    On a CPU `cpu` and `numpy` cost nothing and no operation is seen; on a card each of them waits
    and copies.
    """
    found: Counter[str] = Counter()
    methods = {name: getattr(Tensor, name) for name in ("cpu", "numpy", "tolist", "item")}

    def counted(name: str) -> Any:
        def call(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
            found[name] += 1
            return methods[name](tensor, *args, **kwargs)

        return call

    for name in methods:
        setattr(Tensor, name, counted(name))
    try:
        yield found
    finally:
        for name, method in methods.items():
            setattr(Tensor, name, method)
