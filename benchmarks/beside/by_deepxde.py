"""The problems stated for DeepXDE as its documentation advises: half Adam, half L-BFGS.

Imported only in a process of its own: DeepXDE chooses its backend when it is imported.
"""

from __future__ import annotations

import time
from typing import Any

import deepxde as dde
import numpy as np
import torch

from benchmarks.beside.cases import FISHER_RATE, fisher_wave, heat_samples

DOMAIN, BOUNDARY, INITIAL = 2540, 160, 160  # points, about as in DeepXDE's own examples
LAYERS = [2, 32, 32, 32, 1]
OFTEN = 20  # steps of L-BFGS between two looks at the clock; 1,000 by default
NEVER = 1_000_000

dde.config.set_default_float("float64")
dde.config.set_random_seed(0)


class Until(dde.callbacks.Callback):  # type: ignore[misc]
    """Ends a training when the process has used so many CPU seconds."""

    def __init__(self, end: float) -> None:
        super().__init__()
        self.end = end

    def on_epoch_end(self) -> None:
        if time.process_time() > self.end:
            self.model.stop_training = True


def _in_time(length: float, low: float, high: float) -> Any:
    ends = dde.geometry.Interval(low, high)
    return dde.geometry.GeometryXTime(ends, dde.geometry.TimeDomain(0, length))


def trained(data: Any, network: Any, seconds: float) -> Any:
    """A model after half of the seconds by Adam and half by L-BFGS."""
    begun = time.process_time()
    model = dde.Model(data, network)
    model.compile("adam", lr=1e-3)
    model.train(NEVER, callbacks=[Until(begun + seconds / 2)], display_every=NEVER, verbose=0)
    dde.optimizers.set_LBFGS_options(maxiter=NEVER)
    dde.optimizers.config.LBFGS_options.update(iter_per_step=OFTEN, fun_per_step=OFTEN * 2)
    model.compile("L-BFGS")
    model.train(callbacks=[Until(begun + seconds)], display_every=NEVER, verbose=0)
    return model.predict


def burgers(seconds: float) -> Any:
    """u_t + u u_x = 0.01 / pi u_xx from -sin(pi x), 0 at both ends."""

    def residual(x: Any, u: Any) -> Any:
        du_x, du_t = (dde.grad.jacobian(u, x, i=0, j=j) for j in (0, 1))
        return du_t + u * du_x - 0.01 / np.pi * dde.grad.hessian(u, x, i=0, j=0)

    domain = _in_time(1, -1, 1)
    sides = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on: on)
    start = dde.icbc.IC(domain, lambda x: -np.sin(np.pi * x[:, :1]), lambda _, on: on)
    conditions = [sides, start]
    data = dde.data.TimePDE(domain, residual, conditions, DOMAIN, BOUNDARY, num_initial=INITIAL)
    return trained(data, dde.nn.FNN(LAYERS, "tanh", "Glorot normal"), seconds)


def wave(seconds: float) -> Any:
    """u_tt = 4 u_xx from sin(pi x) + sin(3 pi x) / 2 at rest, 0 at both ends."""

    def residual(x: Any, u: Any) -> Any:
        return dde.grad.hessian(u, x, i=1, j=1) - 4 * dde.grad.hessian(u, x, i=0, j=0)

    def tones(x: Any) -> Any:
        return np.sin(np.pi * x[:, :1]) + np.sin(3 * np.pi * x[:, :1]) / 2

    domain = _in_time(1, 0, 1)
    sides = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on: on)
    start = dde.icbc.IC(domain, tones, lambda _, on: on)
    rest = dde.icbc.OperatorBC(
        domain,
        lambda x, u, _: dde.grad.jacobian(u, x, i=0, j=1),
        lambda x, _: bool(np.isclose(x[1], 0)),
    )
    conditions = [sides, start, rest]
    data = dde.data.TimePDE(domain, residual, conditions, DOMAIN, BOUNDARY, num_initial=INITIAL)
    return trained(data, dde.nn.FNN(LAYERS, "tanh", "Glorot normal"), seconds)


def poisson(seconds: float) -> Any:
    """-(u_xx + u_yy) = f in the unit square, 0 on its boundary."""

    def residual(points: Any, u: Any) -> Any:
        x, y = points[:, :1], points[:, 1:]
        waves = 5 * np.pi**2 * torch.sin(np.pi * x) * torch.sin(2 * np.pi * y)
        source = waves + torch.exp(x) * (x * (x + 3) * y * (1 - y) + 2 * x * (1 - x))
        second = [dde.grad.hessian(u, points, i=k, j=k) for k in (0, 1)]
        return -second[0] - second[1] - source

    domain = dde.geometry.Rectangle([0, 0], [1, 1])
    walls = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on: on)
    data = dde.data.PDE(domain, residual, [walls], DOMAIN, BOUNDARY)
    return trained(data, dde.nn.FNN(LAYERS, "tanh", "Glorot normal"), seconds)


def fisher(seconds: float) -> Any:
    """u_t = u_xx + 6 u (1 - u), a wave that travels."""

    def residual(x: Any, u: Any) -> Any:
        spread = dde.grad.hessian(u, x, i=0, j=0)
        return dde.grad.jacobian(u, x, i=0, j=1) - spread - FISHER_RATE * u * (1 - u)

    domain = _in_time(1, -5, 10)
    sides = dde.icbc.DirichletBC(domain, fisher_wave, lambda _, on: on)
    start = dde.icbc.IC(domain, fisher_wave, lambda _, on: on)
    conditions = [sides, start]
    data = dde.data.TimePDE(domain, residual, conditions, DOMAIN, BOUNDARY, num_initial=INITIAL)
    return trained(data, dde.nn.FNN(LAYERS, "tanh", "Glorot normal"), seconds)


def van_der_pol(seconds: float) -> Any:
    """q' = p, p' = (1 - q^2) p - q from (2, 0), to time 10; the start is built in."""

    def residual(t: Any, state: Any) -> Any:
        q, p = state[:, :1], state[:, 1:]
        dq, dp = (dde.grad.jacobian(state, t, i=i) for i in (0, 1))
        return [dq - p, dp - (1 - q**2) * p + q]

    data = dde.data.PDE(dde.geometry.TimeDomain(0, 10), residual, [], DOMAIN, num_boundary=2)
    network = dde.nn.FNN([1, *LAYERS[1:-1], 2], "tanh", "Glorot normal")
    network.apply_output_transform(
        lambda t, state: torch.cat([2 + t * state[:, :1], t * state[:, 1:]], 1)
    )
    return trained(data, network, seconds)


def inverse_heat(seconds: float) -> tuple[float, None]:
    """The diffusivity a of u_t = a u_xx from 200 noisy samples; no interval."""
    points, values = heat_samples()
    a = dde.Variable(0.1)

    def residual(x: Any, u: Any) -> Any:
        return dde.grad.jacobian(u, x, i=0, j=1) - a * dde.grad.hessian(u, x, i=0, j=0)

    begun = time.process_time()
    domain = _in_time(1, 0, 1)
    sides = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on: on)
    seen = dde.icbc.PointSetBC(points, values)
    data = dde.data.TimePDE(domain, residual, [sides, seen], 500, 60, anchors=points)
    model = dde.Model(data, dde.nn.FNN(LAYERS, "tanh", "Glorot normal"))
    model.compile("adam", lr=1e-3, external_trainable_variables=a)
    model.train(NEVER, callbacks=[Until(begun + seconds)], display_every=NEVER, verbose=0)
    return float(a.detach()), None
