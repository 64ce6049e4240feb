"""A count of what reaches a device, so that tests on a CPU see what an accelerator would do."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

# Operations whose result the host waits for.
WAITING = ("aten._local_scalar_dense.default", "aten.equal.default", "aten.allclose.default")


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
