"""Kernels: pairs of hand-written passes over channels of shape (operators, ..., p).

A reverse pass writes into one buffer for each argument, where automatic differentiation of the same
formulas would keep and add one tensor for each product.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def apply(kernel: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    """Run a kernel; torch leaves `Function.apply` untyped."""
    result: Tensor = kernel.apply(*arguments)  # type: ignore[no-untyped-call]
    return result
