"""Two families by DeepXDE's physics-informed DeepONet, with the settings of its own examples.

Imported only in a process of its own: DeepXDE chooses its backend when it is imported. Settings are
those of DeepXDE's `diffusion_reaction_1d_deeponet_zcs` (float32, Adam, 1,000 functions in batches
of 50, derivatives by zero coordinate shift), and its `advection` example for periodic ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import deepxde as dde
import numpy as np
import torch

from benchmarks.beside.by_deepxde import NEVER, Until
from pinn.families.family import Family

dde.config.set_default_float("float32")

SENSORS, FUNCTIONS, BATCH, WIDTH, RATE = 64, 1000, 50, 128, 5e-4
DOMAIN, BOUNDARY, INITIAL = 200, 40, 20
Residual = Callable[[Any, Any, Any], Any]


class Drawn(dde.data.function_spaces.FunctionSpace):  # type: ignore[misc]
    """The one given function of a family, drawn as the family draws it."""

    def __init__(self, family: Family) -> None:
        self.family, (self.name,) = family, family.fields

    def random(self, size: int) -> Any:
        """Coefficients of new functions."""
        return self.family.draw(size, seed=size).coefficients[self.name].numpy()

    def eval_one(self, feature: Any, x: Any) -> Any:
        return self.eval_batch(feature[None], np.atleast_2d(x))[0]

    def eval_batch(self, features: Any, xs: Any) -> Any:
        places = torch.as_tensor(np.asarray(xs)[:, 0], dtype=torch.float64)
        field = self.family.fields[self.name]
        return field.values(torch.as_tensor(features), places).numpy().astype(np.float32)


def _burgers(shift: Any, u: Any, start: Any) -> Any:
    by = dde.zcs.LazyGrad(shift, u)
    return by.compute((0, 1)) + u * by.compute((1, 0)) - 0.01 * by.compute((2, 0))


def _reaction(shift: Any, u: Any, source: Any) -> Any:
    by = dde.zcs.LazyGrad(shift, u)
    return by.compute((0, 1)) - 0.01 * by.compute((2, 0)) + 0.01 * u**2 - source


def _periodic(points: Any) -> Any:
    angle, t = 2 * np.pi * points[:, :1], points[:, 1:]
    parts = [torch.cos(angle), torch.sin(angle), torch.cos(2 * angle), torch.sin(2 * angle), t]
    return torch.cat(parts, 1)


def operator(family: Family, seconds: float, seed: int) -> Callable[[Any, Any], Any]:
    """A network that maps members and points (p, 2) to fields (b, p), after so many CPU seconds."""
    dde.config.set_random_seed(seed)
    begun = time.process_time()
    periodic = bool(family.problem.periodic)
    ends = dde.geometry.Interval(0, 1)
    region = dde.geometry.GeometryXTime(ends, dde.geometry.TimeDomain(0, 1))

    def given(x: Any, aux: Any) -> Any:
        return aux if periodic else 0 * aux

    conditions = [dde.icbc.IC(region, given, lambda _, initial: initial)]
    if not periodic:
        conditions.append(dde.icbc.DirichletBC(region, lambda _: 0, lambda _, wall: wall))
    residual: Residual = _burgers if periodic else _reaction
    walls = 0 if periodic else BOUNDARY
    pde = dde.data.TimePDE(region, residual, conditions, DOMAIN, walls, INITIAL, num_test=DOMAIN)
    places = np.arange(SENSORS)[:, None] / SENSORS
    drawn = Drawn(family)
    data = dde.zcs.PDEOperatorCartesianProd(
        pde, drawn, places, FUNCTIONS, [0], num_test=BATCH, batch_size=BATCH
    )
    widths = [WIDTH] * 3
    sizes = [SENSORS, *widths], [5 if periodic else 2, *widths]
    network = dde.nn.DeepONetCartesianProd(*sizes, "tanh", "Glorot normal")
    if periodic:
        network.apply_feature_transform(_periodic)
    model = dde.zcs.Model(data, network)
    model.compile("adam", lr=RATE)
    stop = [Until(begun + seconds)]
    model.train(NEVER, callbacks=stop, display_every=NEVER, verbose=0)

    def answer(members: Any, points: Any) -> Any:
        readings = drawn.eval_batch(members.coefficients[drawn.name], places)
        with torch.no_grad():
            where = torch.as_tensor(points, dtype=torch.float32)
            return network((torch.as_tensor(readings), where)).numpy()

    return answer
