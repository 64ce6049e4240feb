"""The Legendre delay line: a linear memory of the last theta steps, its kernels, its decoding."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from sciformer.errors import DomainError


def legendre_system(order: int) -> tuple[Tensor, Tensor]:
    """The pair (A, B) of the delay line over a window of length 1.

    m'(t) = A m(t) + B u(t),  A_ij = (2i+1) (-1 if i < j else (-1)^(i-j+1)),  B_i = (2i+1) (-1)^i;
    a window of theta steps has A / theta and B / theta.

    Args:
        order: number of coefficients q >= 1.

    Returns:
        A of shape (q, q) and B of shape (q,), float64, exact integers.

    Raises:
        DomainError: order < 1.

    Source: Voelker, Kajic, Eliasmith 2019, eqs. 1-2; the paper's d is `order`.
    """
    if order < 1:
        raise DomainError(f"legendre_system: order must be >= 1 coefficients; got {order}.")
    i = torch.arange(order, dtype=torch.float64)
    sign = 1.0 - 2.0 * (i % 2)  # (-1)^i
    scale = 2.0 * i + 1.0
    lower = -sign[:, None] * sign  # (-1)^(i-j+1)
    A = scale[:, None] * torch.where(i[:, None] < i, -1.0, lower)
    return A, scale * sign


def discretise(A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """Zero-order hold: m_t = A_bar m_{t-1} + B_bar u_t, exact for a u constant within each step.

    exp([[A, B], [0, 0]]) = [[A_bar, B_bar], [0, 1]]

    Args:
        A: (q, q), per step.
        B: (q,), per step.

    Returns:
        A_bar (q, q) and B_bar (q,), differentiable in A and B.

    Accuracy: 4e-12 of the largest entry against scipy's cont2discrete up to order 512 (tested).
    """
    order = A.shape[0]
    block = torch.cat([torch.cat([A, B[:, None]], 1), A.new_zeros(1, order + 1)])
    exponential: Tensor = torch.linalg.matrix_exp(block)
    return exponential[:order, :order], exponential[:order, order]


class LegendreMemory:
    """A discretised delay line and the tensors its evaluations need, each built once.

    m_t = A_bar m_{t-1} + B_bar u_t,   H_j = A_bar^j B_bar

    Args:
        order: number of coefficients q >= 1.
        theta: window length in steps, > 0; a float64 scalar Tensor to be differentiated through.
        dtype: what the tensors are cast to; they are computed in float64.
        device: where they live.

    Raises:
        DomainError: order < 1, or theta is not a finite number > 0.
    """

    def __init__(
        self, order: int, theta: float | Tensor, dtype: torch.dtype, device: torch.device
    ) -> None:
        A, B = legendre_system(order)
        window = theta if isinstance(theta, Tensor) else torch.tensor(theta, dtype=torch.float64)
        if not (0.0 < (steps := float(window.detach())) < math.inf):
            raise DomainError(f"LegendreMemory: theta must be > 0 steps; got {steps}.")
        A, B = A.to(window.device) / window, B.to(window.device) / window
        self.order, self.dtype, self.device = order, dtype, device
        transition, self._input = discretise(A, B)
        self._powers = [transition]  # A_bar^(2^i), float64
        self.transition = self._cast(transition)
        self.step = self._cast(torch.cat([transition, self._input[:, None]], 1))
        self._responses: dict[int, Tensor] = {}

    def response(self, length: int) -> Tensor:
        """The response H: the memory j steps after a unit impulse, j = 0 .. length - 1; shape
        (length, q).
        """
        if length not in self._responses:
            self._responses[length] = self._cast(self._doubled(self._input[None], length))
        return self._responses[length]

    def free(self, state: Tensor, length: int) -> Tensor:
        """The memory without input, A_bar^(t+1) m for t = 0 .. length - 1.

        Args:
            state: (..., q).

        Returns:
            (..., length, q), by doubling: about log2(length) matrix products.
        """
        trace = torch.matmul(state, self.transition.T).unsqueeze(-2)
        for level in range((length - 1).bit_length()):
            power = self._cast(self._power(level))
            missing = length - trace.shape[-2]
            later = torch.matmul(trace[..., :missing, :], power.T)
            trace = torch.cat([trace, later], -2)
        return trace

    def after(self, steps: int) -> Tensor:
        """The power A_bar^steps, of shape (q, q), for steps >= 1."""
        levels = [level for level in range(steps.bit_length()) if steps >> level & 1]
        return self._cast(functools.reduce(torch.matmul, map(self._power, levels)))

    def last(self, signal: Tensor) -> Tensor:
        """The memory at the end of a signal that began from rest.

        Args:
            signal: (b, n, c).

        Returns:
            (b, c, q).
        """
        return torch.matmul(signal.flip(1).transpose(1, 2), self.response(signal.shape[1]))

    def _doubled(self, rows: Tensor, length: int) -> Tensor:
        for level in range((length - 1).bit_length()):
            rows = torch.cat([rows, rows[: length - len(rows)] @ self._power(level).T])
        return rows

    def _power(self, level: int) -> Tensor:
        while len(self._powers) <= level:
            self._powers.append(self._powers[-1] @ self._powers[-1])
        return self._powers[level]

    def _cast(self, tensor: Tensor) -> Tensor:
        """The numbers in a dtype; those that would be subnormal there, and slow, become 0."""
        tensor = tensor.to(self.device, self.dtype)
        return torch.where(tensor.abs() < torch.finfo(self.dtype).tiny, 0.0, tensor)


@functools.lru_cache(maxsize=32)
def fixed_memory(
    order: int, theta: float, dtype: torch.dtype, device: torch.device
) -> LegendreMemory:
    """The memory of a window that is not trained, shared by all callers with the same window."""
    with torch.inference_mode(False), torch.no_grad():
        return LegendreMemory(order, theta, dtype, device)


def legendre_polynomials(order: int, points: Tensor) -> Tensor:
    """Shifted Legendre polynomials P_i(2r - 1), i = 0 .. order - 1.

    (i+1) P_{i+1}(x) = (2i+1) x P_i(x) - i P_{i-1}(x)

    Args:
        order: number of polynomials >= 1.
        points: (...), r in [0, 1].

    Returns:
        (..., order), dtype of points.

    Accuracy: 1e-14 at order 64 in float64; the explicit sum of binomials is wrong by 1 at order 23.
    """
    x = 2.0 * points - 1.0
    rows = [torch.ones_like(x), x]
    for i in range(1, order - 1):
        rows.append(((2 * i + 1) * x * rows[i] - i * rows[i - 1]) / (i + 1))
    return torch.stack(rows[:order], -1)


def decoder(order: int, theta: float, delays: Tensor) -> Tensor:
    """The weights that read the signal of k steps ago out of the memory.

    u_{t-k} ~ sum_i P_i(2 r - 1) m_i(t),  r = (k + 1/2) / theta

    Args:
        order: number of coefficients of the memory.
        theta: its window in steps, > 0.
        delays: (...), k in steps, -1/2 <= k <= theta - 1/2.

    Returns:
        (..., order), to be contracted with m; float64.

    Raises:
        DomainError: a delay outside the window.

    Accuracy: root mean square 3.3e-4 for a signal below a fiftieth of the sampling rate, order 32,
        theta 128, against 3.2e-2 without the half step.
    Source: Voelker et al. 2019, eq. 3. Deviates: the half step, because the zero-order hold takes
        u_{t-k} as constant over a whole step, whose middle lies at k + 1/2.
    """
    position = (delays.to(torch.float64) + 0.5) / theta
    if bool(((position < 0) | (position > 1)).any()):
        raise DomainError(
            f"decoder: delays must lie in -1/2 .. {theta - 0.5} steps, inside the window; "
            f"got {float(delays.min()):.6g} .. {float(delays.max()):.6g}."
        )
    return legendre_polynomials(order, position)
