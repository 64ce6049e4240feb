"""Three of the problems stated for PINA: half of the seconds by Adam, half by L-BFGS.

Imported only in a process of its own.
"""

from __future__ import annotations

import logging
import time
import warnings
from typing import Any

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from pina import Condition, LabelTensor, Trainer
from pina.domain import CartesianDomain
from pina.equation import Equation, FixedValue
from pina.model import FeedForward
from pina.operator import grad, laplacian
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem, TimeDependentProblem
from pina.solver import PINN

DOMAIN, BOUNDARY = 2540, 160  # points, as for DeepXDE
NEVER = 1_000_000
OFTEN = 20  # steps of L-BFGS between two looks at the clock

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")  # of lightning: loggers, workers and devices that are not used


class Until(Callback):  # type: ignore[misc]
    """Ends a training when the process has used so many CPU seconds."""

    def __init__(self, end: float) -> None:
        super().__init__()
        self.end = end

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        trainer.should_stop = time.process_time() > self.end


def trained(problem: Any, seconds: float) -> Any:
    """A network after half of the seconds by Adam and half by L-BFGS."""
    begun = time.process_time()
    for domain in problem.domains:
        problem.discretise_domain(DOMAIN if domain == "D" else BOUNDARY, "random", domain)
    model = FeedForward(2, 1, layers=[32, 32, 32], func=torch.nn.Tanh)
    first = TorchOptimizer(torch.optim.Adam, lr=1e-3)
    second = TorchOptimizer(
        torch.optim.LBFGS, max_iter=OFTEN, history_size=100, line_search_fn="strong_wolfe"
    )
    for optimiser, end in ((first, begun + seconds / 2), (second, begun + seconds)):
        Trainer(
            PINN(problem, model, optimizer=optimiser),
            accelerator="cpu",
            max_epochs=NEVER,
            callbacks=[Until(end)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).train()
    names = problem.input_variables

    def answer(points: Any) -> Any:
        with torch.no_grad():
            found = model(LabelTensor(torch.from_numpy(np.asarray(points)), names))
        return found.as_subclass(torch.Tensor).numpy()

    return answer


def burgers(seconds: float) -> Any:
    """u_t + u u_x = 0.01 / pi u_xx from -sin(pi x), 0 at both ends."""

    def residual(points: Any, u: Any) -> Any:
        slopes = grad(u, points)
        spread = laplacian(u, points, d=["x"])
        return slopes["dudt"] + u * slopes["dudx"] - 0.01 / np.pi * spread

    def start(points: Any, u: Any) -> Any:
        return u + torch.sin(np.pi * points["x"])

    class Burgers(TimeDependentProblem, SpatialProblem):  # type: ignore[misc]
        output_variables = ["u"]  # noqa: RUF012
        spatial_domain = CartesianDomain({"x": [-1, 1]})
        temporal_domain = CartesianDomain({"t": [0, 1]})
        domains = {  # noqa: RUF012
            "D": spatial_domain.update(temporal_domain),
            "t0": spatial_domain.update(CartesianDomain({"t": 0})),
            "sides": spatial_domain.partial().update(temporal_domain),
        }
        conditions = {  # noqa: RUF012
            "D": Condition(domain="D", equation=Equation(residual)),
            "t0": Condition(domain="t0", equation=Equation(start)),
            "sides": Condition(domain="sides", equation=FixedValue(0.0)),
        }

    return trained(Burgers(), seconds)


def wave(seconds: float) -> Any:
    """u_tt = 4 u_xx from sin(pi x) + sin(3 pi x) / 2 at rest, 0 at both ends."""

    def residual(points: Any, u: Any) -> Any:
        return laplacian(u, points, d=["t"]) - 4 * laplacian(u, points, d=["x"])

    def start(points: Any, u: Any) -> Any:
        x = points["x"]
        return u - torch.sin(np.pi * x) - torch.sin(3 * np.pi * x) / 2

    def rest(points: Any, u: Any) -> Any:
        return grad(u, points, d=["t"])

    class Wave(TimeDependentProblem, SpatialProblem):  # type: ignore[misc]
        output_variables = ["u"]  # noqa: RUF012
        spatial_domain = CartesianDomain({"x": [0, 1]})
        temporal_domain = CartesianDomain({"t": [0, 1]})
        domains = {  # noqa: RUF012
            "D": spatial_domain.update(temporal_domain),
            "t0": spatial_domain.update(CartesianDomain({"t": 0})),
            "sides": spatial_domain.partial().update(temporal_domain),
        }
        conditions = {  # noqa: RUF012
            "D": Condition(domain="D", equation=Equation(residual)),
            "t0": Condition(domain="t0", equation=Equation(start)),
            "rest": Condition(domain="t0", equation=Equation(rest)),
            "sides": Condition(domain="sides", equation=FixedValue(0.0)),
        }

    return trained(Wave(), seconds)


def poisson(seconds: float) -> Any:
    """-(u_xx + u_yy) = f in the unit square, 0 on its boundary."""

    def residual(points: Any, u: Any) -> Any:
        x, y = points["x"], points["y"]
        waves = 5 * np.pi**2 * torch.sin(np.pi * x) * torch.sin(2 * np.pi * y)
        source = waves + torch.exp(x) * (x * (x + 3) * y * (1 - y) + 2 * x * (1 - x))
        return -laplacian(u, points) - source

    class Poisson(SpatialProblem):  # type: ignore[misc]
        output_variables = ["u"]  # noqa: RUF012
        spatial_domain = CartesianDomain({"x": [0, 1], "y": [0, 1]})
        domains = {"D": spatial_domain, "walls": spatial_domain.partial()}  # noqa: RUF012
        conditions = {  # noqa: RUF012
            "D": Condition(domain="D", equation=Equation(residual)),
            "walls": Condition(domain="walls", equation=FixedValue(0.0)),
        }

    return trained(Poisson(), seconds)
