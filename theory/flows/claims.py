"""Claims of compiled flows, a paper of our own, and the measurements that test them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sciformer.reproduce import (
    AtMost,
    Between,
    Claim,
    Command,
    Effort,
    Experiment,
    Paper,
    Trial,
)

PAGE = "docs/tutorials/compiled_flows.md"


def compiled_flows() -> Paper:
    """Compiled flows: Transformers that are solution operators, with nothing trained."""
    return Paper(
        "compiled-flows",
        "Transformers that are solution operators",
        "this package, docs/tutorials/compiled_flows.md",
        (*_one_head(), *_certified(), *_orders(), *_cold_walls()),
    )


def _one_head() -> tuple[Claim, ...]:
    head = Experiment(
        "flows-burgers",
        _burgers,
        "python benchmarks/compiled_flows.py burgers",
        full=Effort(3, 0.2, {"functions": 100}),
        quick=Effort(1, 0.1, {"functions": 20}),
    )
    return (
        Claim(
            "one cross-attention head solves Burgers from 64 sensors: median relative L2 of "
            "unseen starts and viscosities",
            PAGE,
            "2e-14",
            head,
            "median",
            AtMost(1e-12),
        ),
        Claim("the worst of them", PAGE, "1e-10", head, "worst", AtMost(1e-9)),
    )


def _certified() -> tuple[Claim, ...]:
    certified = Command(
        ("compile", "--pde", "fisher-kpp", "--epsilon", "1e-3"), read=_over_bound, seed=None
    ).experiment("flows-fisher", full=Effort(1, 0.3), quick=Effort(1, 0.3))
    return (
        Claim(
            "Fisher-Kolmogorov within 1e-3 for every start with slope at most 10: certified "
            "bound over epsilon",
            PAGE,
            "proven",
            certified,
            "bound_over_epsilon",
            AtMost(1.0),
        ),
        Claim(
            "observed error over certified bound",
            PAGE,
            "at most 1",
            certified,
            "observed_over_bound",
            AtMost(1.0),
        ),
    )


def _orders() -> tuple[Claim, ...]:
    order = Experiment(
        "flows-order",
        _order,
        "python benchmarks/compiled_flows.py order",
        full=Effort(1, 0.1),
        quick=Effort(1, 0.1),
    )
    return (
        Claim("order in depth", PAGE, "2", order, "plain", Between(1.95, 2.05)),
        Claim(
            "order of two depths combined (Richardson)",
            PAGE,
            "4",
            order,
            "combined",
            Between(3.8, 4.2),
        ),
    )


def _cold_walls() -> tuple[Claim, ...]:
    walls = Experiment(
        "flows-walls",
        _walls,
        "python benchmarks/compiled_flows.py walls",
        full=Effort(1, 0.1),
        quick=Effort(1, 0.1),
    )
    return (
        Claim(
            "no RPE Transformer feels a cold wall: least error over half the spread",
            PAGE,
            "1",
            walls,
            "blind",
            Between(1.0, 1.0 + 1e-9),
        ),
        Claim(
            "layers of one URPE head do: order in the step",
            PAGE,
            "1/2",
            walls,
            "killed",
            Between(0.4, 0.6),
        ),
        Claim(
            "one head over odd images is exact: sup error",
            PAGE,
            "rounding",
            walls,
            "images",
            AtMost(1e-12),
        ),
    )


def _over_bound(result: Mapping[str, Any]) -> dict[str, float]:
    return {
        "bound_over_epsilon": result["certified_bound"] / result["epsilon"],
        "observed_over_bound": result["observed_error"] / result["certified_bound"],
    }


def _burgers(trial: Trial) -> dict[str, float]:
    import numpy as np
    import torch

    from theory.flows.cole_hopf import ColeHopfHead
    from theory.flows.reference import burgers

    generator = np.random.default_rng(trial.seed)
    k = 2 * math.pi * np.arange(1, 17)
    deviation = (k**2 + (4 * math.pi) ** 2) ** -1.25
    deviation *= 0.3 / np.linalg.norm(deviation)
    times, fine, head = np.linspace(0.1, 1, 10), np.arange(512) / 512, ColeHopfHead(64)
    t, x = np.meshgrid(times, fine[::4], indexing="ij")
    points, errors = torch.from_numpy(np.stack([x.ravel(), t.ravel()], -1)), []
    for _ in range(int(trial.options["functions"])):
        cosine, sine = generator.standard_normal((2, 16)) * deviation
        start = np.cos(fine[:, None] * k) @ cosine + np.sin(fine[:, None] * k) @ sine
        nu = math.exp(generator.uniform(math.log(0.005), math.log(0.1)))
        exact = burgers(start, nu, times, 4).ravel()
        readings = torch.from_numpy(start[::8])
        found = head(readings, torch.tensor(nu, dtype=torch.float64), points).numpy()
        errors.append(float(np.linalg.norm(found - exact) / np.linalg.norm(exact)))
    return {"median": float(np.median(errors)), "worst": max(errors)}


def _order(trial: Trial) -> dict[str, float]:
    import numpy as np
    import sympy
    import torch

    from theory.flows.ends import Line
    from theory.flows.linear_flow import heat_head
    from theory.flows.named import NAMED
    from theory.flows.reaction import IntegratedReaction
    from theory.flows.reference import solve
    from theory.flows.splitting import Richardson, SplittingTransformer

    u, line, equation = sympy.Symbol("u"), Line(128, 1.0), NAMED["fisher-kpp"][0]
    start = 0.5 + 0.4 * torch.sin(2 * math.pi * line.places())
    exact = solve(equation, start.numpy(), steps_per_rate=256)

    def flow(depth: int) -> SplittingTransformer:
        reaction = IntegratedReaction([8 * u * (1 - u)], [u], 0.5 / depth)
        return SplittingTransformer(reaction, heat_head(line, 0.005, 1 / depth), depth)

    def error(module: torch.nn.Module) -> float:
        return float(np.abs(module(start[:, None])[:, 0].numpy() - exact).max())

    plain = [error(flow(depth)) for depth in (16, 32)]
    combined = [error(Richardson(flow(depth), flow(2 * depth))) for depth in (8, 16)]
    return {
        "plain": math.log2(plain[0] / plain[1]),
        "combined": math.log2(combined[0] / combined[1]),
    }


def _walls(trial: Trial) -> dict[str, float]:
    import numpy as np
    import torch

    from theory.flows.walls import KilledWalk, blind_error, cold_profile, cold_wall_head

    nu, time, tokens = 0.05, 0.2, 401
    profile = cold_profile(np.linspace(0, 1, tokens), 1.0, nu * time)
    middle = (profile.max() + profile.min()) / 2
    ones, errors = torch.ones(tokens, 1, dtype=torch.float64), []
    for depth in (32, 128):
        walk = KilledWalk(tokens, 1.0, nu, time, depth)
        errors.append(float(np.abs(walk(ones)[:, 0].numpy() - profile).max()))
    head = cold_wall_head(128, 1.0, nu, time)
    x = head.line.places()
    found = head(torch.sin(math.pi * x)[:, None])[:, 0]
    exact = torch.sin(math.pi * x) * math.exp(-nu * time * math.pi**2)
    return {
        "blind": float(np.abs(middle - profile).max()) / blind_error(profile),
        "killed": math.log(errors[0] / errors[1], 4),
        "images": float((found - exact).abs().max()),
    }
