"""The Jacobian of residuals with respect to parameters, one row per point."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pinn.jets.jacobian.recorder import Recorder
from sciformer.errors import ShapeError

Residual = Callable[[Tensor], Tensor]

_SEEDS = 64  # reverse passes of the fallback that run at a time
_SIGNS = 16  # numbers of points whose signs are kept: those of the terms of a loss


def residual_jacobian(
    residual: Residual,
    points: Tensor,
    parameters: Sequence[Tensor],
    *,
    weights: Tensor | None = None,
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Residuals at points, and their exact Jacobian from one backward pass per equation.

    J[i, :] = d r_i / d theta

    Args:
        residual: maps points (p, c) to residuals (p,) or (p, e); points never mix in it.
        points: shape (p, c).
        parameters: leaf tensors that require gradients, P entries in all.
        weights: shape (p,); row i of both results is multiplied by entry i.
        out: memory for J, shape (P, e, p), e = 1 for residuals (p,), neighbouring points side by
            side; it is overwritten. A solver that gives the same memory every time saves the
            system a fresh one, and a part of a larger matrix is filled without a copy.

    Returns:
        The residuals r, shape (p,) or (p, e), and J of shape (*r.shape, P), both detached. J is
        stored with the points innermost, so that J.T of a (p, P) Jacobian is contiguous.

    Raises:
        ShapeError: the residual has another shape.

    Accuracy: equal to row-by-row reverse mode up to rounding.
    Cost: about three forward passes and one write of J. Where a parameter meets the points in a
        place that has no rule, the whole Jacobian comes from `fallback_jacobian`.

    Examples:
        >>> import torch
        >>> from pinn.jets import Jet, Operators, residual_jacobian
        >>> net = torch.nn.Linear(1, 1, bias=False)  # u = w x, so u_x - 2 = w - 2
        >>> def residual(points):
        ...     x = Jet.coordinates(points, Operators("x", ["x"]))
        ...     return net(x).derivative("x")[:, 0] - 2
        >>> _, jacobian = residual_jacobian(residual, torch.rand(3, 1), list(net.parameters()))
        >>> jacobian
        tensor([[1.],
                [1.],
                [1.]])
    """
    recorder = Recorder(parameters, len(points))
    try:
        with recorder.recording(), torch.enable_grad():
            r = residual(points).as_subclass(Tensor)
        _check(r, points, weights)
        rows = _recorded_rows(recorder, parameters, r, out)
    finally:
        recorder.release()
    if rows is None:
        r, jacobian = fallback_jacobian(residual, points, parameters, weights=weights)
        if out is None:
            return r, jacobian
        return r, _by_row(out, r).copy_(jacobian)
    scaled = r.detach()
    if weights is not None:
        scaled = scaled * (weights if r.ndim == 1 else weights[:, None])
        rows *= weights
    return scaled, _by_row(rows, r)


def fallback_jacobian(
    residual: Residual,
    points: Tensor,
    parameters: Sequence[Tensor],
    *,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Fallback: one backward pass per residual. Slow, but correct for any module.

    Args, Returns, Raises: as `residual_jacobian`.

    Cost: the passes run many at a time where torch can vectorise every function of the residual,
        else one by one; the hand-written passes of jets are among those it cannot.

    Examples:
        >>> import torch
        >>> from pinn.jets import fallback_jacobian
        >>> slope = torch.tensor([3.0], requires_grad=True)
        >>> points = torch.tensor([[1.0], [2.0]])
        >>> _, jacobian = fallback_jacobian(lambda points: slope * points[:, 0], points, [slope])
        >>> jacobian.flatten()
        tensor([1., 2.])
    """
    with torch.enable_grad():
        r = residual(points).as_subclass(Tensor)
    _check(r, points, weights)
    size = r.numel()
    pieces = [
        _seeded_rows(r, parameters, one_hot(entries, size).to(r).view(-1, *r.shape))
        for entries in torch.split(torch.arange(size, device=r.device), _SEEDS)
    ]
    r, jacobian = r.detach(), torch.cat(pieces).view(*r.shape, -1)
    if weights is not None:
        r = r * weights.view(-1, *[1] * (r.ndim - 1))
        jacobian *= weights.view(-1, *[1] * (jacobian.ndim - 1))
    return r, jacobian


def _seeded_rows(r: Tensor, parameters: Sequence[Tensor], seeds: Tensor) -> Tensor:
    """seeds (s, *r.shape) to rows (s, P), in one pass where torch can vectorise it."""
    reverse = functools.partial(
        torch.autograd.grad, r, parameters, retain_graph=True, materialize_grads=True
    )
    try:
        grads = reverse(seeds, is_grads_batched=True)
    except RuntimeError:
        grads = tuple(map(torch.stack, zip(*map(reverse, seeds), strict=True)))
    batched = [  # what no residual reads comes back once, not for each seed
        grad.expand(len(seeds), *parameter.shape)
        for grad, parameter in zip(grads, parameters, strict=True)
    ]
    return torch.cat([grad.reshape(len(seeds), -1) for grad in batched], 1)


def _recorded_rows(
    recorder: Recorder, parameters: Sequence[Tensor], r: Tensor, out: Tensor | None
) -> Tensor | None:
    """All rows, shape (P, e, p); None where they cannot be recorded."""
    equations = r.unsqueeze(1) if r.ndim == 1 else r
    size = sum(parameter.numel() for parameter in parameters)
    shape = (size, equations.shape[1], len(equations))
    rows = r.new_zeros(shape) if out is None else _emptied(out, shape)
    whole = (
        len(equations) > 2
        and not _mix(equations.unbind(1), recorder)
        and all(
            _write_rows(recorder, parameters, equation, rows[:, e])
            for e, equation in enumerate(equations.unbind(1))
        )
    )
    return rows if whole else None


def _write_rows(
    recorder: Recorder, parameters: Sequence[Tensor], equation: Tensor, rows: Tensor
) -> bool:
    """Writes one equation's rows (P, p); False where some parameter took another way."""
    if not equation.requires_grad:
        return True
    recorder.storage = rows
    try:
        unclaimed = torch.autograd.grad(
            equation.sum(),
            [*parameters, *recorder.leaves()],
            retain_graph=True,
            allow_unused=True,
        )
        recorder.chain(parameters)
    finally:
        recorder.storage = None
    return all(grad is None for grad in unclaimed)


def _mix(equations: Sequence[Tensor], recorder: Recorder) -> bool:
    """Whether a residual depends on what left the jets at another point: seeds of random sign
    must come back with the sign of their own point. One wait for all equations."""
    if not recorder.noted:
        return False
    kept = [
        is_kept
        for equation in equations
        if equation.requires_grad
        for is_kept in _signs_kept(equation, recorder.noted)
    ]
    return bool(kept) and not bool(torch.stack(kept).all())


def _signs_kept(equation: Tensor, noted: Sequence[Tensor]) -> Iterator[Tensor]:
    """For each tensor that left the jets, whether the cotangent of each point has its own sign."""
    signs = _signs(len(equation), equation.dtype, equation.device)
    seeds = (torch.ones_like(equation), signs)
    plain, signed = (
        torch.autograd.grad(equation, noted, seed, retain_graph=True, allow_unused=True)
        for seed in seeds
    )
    for one, other in zip(plain, signed, strict=True):
        if one is not None:
            axis = 0 if one.shape[0] == len(signs) else -1
            expected = one.movedim(axis, -1) * signs
            yield torch.isclose(expected, other.movedim(axis, -1), rtol=1e-9, atol=0.0).all()


@functools.lru_cache(_SIGNS)
def _signs(count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Random signs, drawn and copied to a device once."""
    generator = torch.Generator().manual_seed(0)  # of its own: torch's is not ours to move
    bits = torch.randint(0, 2, (count,), generator=generator)
    return (2 * bits - 1).to(device, dtype)


def _by_row(stored: Tensor, r: Tensor) -> Tensor:
    """A Jacobian as it is stored, (P, e, p), seen as (*r.shape, P)."""
    jacobian = stored.permute(2, 1, 0)
    return jacobian[:, 0] if r.ndim == 1 else jacobian


def _emptied(out: Tensor, shape: tuple[int, int, int]) -> Tensor:
    if out.shape != shape or out.stride(2) != 1:
        raise ShapeError(
            f"residual_jacobian: out must have the shape {shape} (parameters, equations, points) "
            f"with points side by side; got {tuple(out.shape)} with strides {out.stride()}."
        )
    return out.zero_()


def _check(r: Tensor, points: Tensor, weights: Tensor | None) -> None:
    if r.ndim not in (1, 2) or r.shape[0] != len(points):
        raise ShapeError(
            f"residual_jacobian: the residual of {len(points)} points must have shape (p,) or "
            f"(p, e); got {tuple(r.shape)}."
        )
    if weights is not None and weights.shape != (len(points),):
        raise ShapeError(
            f"residual_jacobian: weights must have shape ({len(points)},), one for each point; "
            f"got {tuple(weights.shape)}."
        )
