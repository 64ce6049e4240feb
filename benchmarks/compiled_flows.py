"""Every row of the table of compiled flows: CPU seconds on one core and errors.

python benchmarks/compiled_flows.py [burgers|scattered|linear|order|walls|certified|soundness]
python benchmarks/compiled_flows.py scaling    draws docs/figures/compiled_flows_scaling.png
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from sciformer.pictures import WIDTH, styled
from sciformer.reproduce import Trial
from tests.oracles.spectral_reaction import RoughFamily
from theory.flows import claims
from theory.flows.cole_hopf import ColeHopfHead, from_scattered
from theory.flows.compile_flow import compile_flow
from theory.flows.ends import Line, Walls
from theory.flows.kernels import airy_symbol
from theory.flows.linear_flow import (
    Axes,
    circulant_attention,
    heat_head,
    schroedinger_attention,
    wave_attention,
)
from theory.flows.named import NAMED
from theory.flows.reference import Observer

TRIAL = Trial(0, {"functions": 100}, Path())


def burgers(scattered: bool = False) -> None:
    """100 unseen functions, 5,888 points each (46 times, 128 places)."""
    family, times = RoughFamily(100, 1), np.linspace(0.1, 1.0, 46)
    t, x = np.meshgrid(times, np.arange(128) / 128, indexing="ij")
    points = torch.from_numpy(np.stack([x.ravel(), t.ravel()], -1))
    exact = family.solution(times, 128).reshape(100, -1)
    if scattered:
        places = np.sort(np.random.default_rng(0).random(128))
        readings = from_scattered(
            torch.from_numpy(places), torch.from_numpy(family.start(places)), 96, 16
        )
    else:
        readings = torch.from_numpy(family.start(np.arange(64) / 64))
    head, errors = ColeHopfHead(readings.shape[-1]), []
    begin = time.process_time()
    for k in range(100):
        nu = torch.tensor(family.viscosities[k])
        found = head(readings[k], nu, points).numpy()
        errors.append(np.linalg.norm(found - exact[k]) / np.linalg.norm(exact[k]))
    each = (time.process_time() - begin) / 100
    name = "128 scattered sensors" if scattered else "64 uniform sensors"
    print(f"Burgers, {name}: median {np.median(errors):.1e}, worst {max(errors):.1e}, ", end="")
    print(f"{1e3 * each:.0f} ms CPU for {len(points)} points")


def linear() -> None:
    """Heat in two dimensions with mixed walls and drift; decay; Airy; waves; Schroedinger."""
    across, along = Line(48, 1.0, Walls(-1, 1)), Line(40, 2.0)
    axes = Axes([heat_head(across, 0.04, 0.5), heat_head(along, 0.03, 0.5, drift=0.7)])
    y, x = across.places()[:, None], along.places()
    rate = 0.04 * (math.pi / 2) ** 2 + 0.03 * math.pi**2
    found = axes(torch.sin(math.pi * y / 2) * torch.cos(math.pi * x))
    wanted = torch.sin(math.pi * y / 2) * torch.cos(math.pi * (x - 0.35)) * math.exp(-0.5 * rate)
    print(f"heat in 2-D, mixed walls, drift: {float((found - wanted).abs().max()):.1e}")
    line = Line(64, 1.0)
    z, k = line.places(), 2 * math.pi * 3
    wave = torch.cos(k * z)[:, None]

    def row(name: str, module: torch.nn.Module, start: torch.Tensor, exact: torch.Tensor) -> None:
        print(f"{name}: {float((module(start) - exact).abs().max()):.1e}")

    decay = math.exp(-0.05 * k**2 * 0.3 - 0.9 * 0.3)
    row("decay and heat", heat_head(line, 0.05, 0.3, decay=0.9), wave, decay * wave)
    airy = circulant_attention(line, airy_symbol(0.001), 0.7)
    row("Airy", airy, wave, torch.cos(k * z + 0.001 * k**3 * 0.7)[:, None])
    pair = torch.cat([wave, 0 * wave], -1)
    moved = torch.cat([wave * math.cos(k * 0.3), -k * math.sin(k * 0.3) * wave], -1)
    row("wave", wave_attention(line, 1.0, 0.3), pair, moved)
    angle = 0.02 * k**2 * 0.3
    turned = torch.cat([wave * math.cos(angle), -wave * math.sin(angle)], -1)
    row("Schroedinger", schroedinger_attention(line, 0.02, 0.3), pair, turned)


def certified() -> None:
    """Fisher and Kolmogorov at 1e-3 and 1e-4, Allen and Cahn at 1e-2; kinks allowed."""
    for name, epsilon, starts in (
        ("fisher-kpp", 1e-3, 16),
        ("fisher-kpp", 1e-4, 8),
        ("allen-cahn", 1e-2, 2),
    ):
        equation, kind = NAMED[name]
        begin = time.process_time()
        flow = compile_flow(equation, epsilon=epsilon, starts=kind)
        seconds = time.process_time() - begin
        design, observed = flow.certificate.design, Observer(flow).random(starts).max()
        print(f"{name} {epsilon:g}: bound {flow.certificate.bound:.2e}, observed {observed:.1e}, ")
        print(f"    {seconds:.1f} s CPU, {design}, growth {flow.certificate.budget.growth:.3g}")


def soundness() -> None:
    """A thousand random starts against one certificate."""
    equation, kind = NAMED["fisher-kpp"]
    flow = compile_flow(equation, epsilon=1e-3, starts=kind)
    errors = np.concatenate([Observer(flow).random(50, seed) for seed in range(20)])
    above = int((errors > flow.certificate.bound).sum())
    print(f"{above} of {len(errors)} starts above {flow.certificate.bound:.2e}; ", end="")
    print(f"largest error {errors.max():.2e}")


EPSILONS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "compiled_flows_scaling.png"


def scaling() -> None:
    """Depth, tokens, units and errors of Fisher's and Kolmogorov's equation against epsilon."""
    equation, kinks = NAMED["fisher-kpp"]
    classes = {"kinks allowed": kinks, "8 waves": replace(kinks, waves=8)}
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in classes}
    for name, kind in classes.items():
        for epsilon in EPSILONS:
            begin = time.process_time()
            flow = compile_flow(equation, epsilon=epsilon, starts=kind)
            seconds = time.process_time() - begin
            c, observed = flow.certificate, float(Observer(flow).random(16).max())
            sizes = (c.design.depth, c.design.tokens, c.design.units, c.design.sensors)
            rows[name].append((epsilon, *sizes, c.bound, observed))
            print(f"{name}, {epsilon:g}: {sizes}, bound {c.bound:.2e}, ", end="")
            print(f"observed {observed:.1e}, {seconds:.2f} s CPU")
    _draw(rows)


@styled()
def _draw(rows: dict[str, list[tuple[float, ...]]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 4), layout="constrained")
    sizes, errors = figure.subplots(1, 2)
    epsilons = np.array(EPSILONS)
    for (name, found), line in zip(rows.items(), ("o-", "s--"), strict=True):
        table = np.array(found)
        for column, (what, colour) in enumerate(
            (("layers", "C0"), ("tokens", "C1"), ("hidden units", "C2"), ("sensors", "C3")), 1
        ):
            if what == "sensors" and name == "8 waves":
                continue  # there a sensor is a token
            sizes.loglog(
                table[:, 0], table[:, column], line, color=colour, ms=4, label=f"{what}, {name}"
            )
        errors.loglog(table[:, 0], table[:, 5], line, color="C0", ms=4, label=f"proven, {name}")
        errors.loglog(table[:, 0], table[:, 6], line, color="C1", ms=4, label=f"observed, {name}")
    guide = 0.7 * epsilons**-0.5
    sizes.loglog(epsilons, guide, ":", color="0.4", label="slope -1/2")
    errors.loglog(epsilons, epsilons, ":", color="0.4", label="epsilon")
    sizes.set(xlabel="epsilon", ylabel="count", title="what a proof of epsilon takes")
    errors.set(xlabel="epsilon", ylabel="sup error", title="proven and observed (16 starts)")
    for axes in (sizes, errors):
        axes.invert_xaxis()
        axes.legend(fontsize=7, ncols=1)
    figure.savefig(FIGURE)


ROWS = {
    "burgers": burgers,
    "scattered": lambda: burgers(scattered=True),
    "linear": linear,
    "order": lambda: print("orders", claims._order(TRIAL)),
    "walls": lambda: print("walls", claims._walls(TRIAL)),
    "certified": certified,
    "soundness": soundness,
    "scaling": scaling,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or ROWS:
        ROWS[name]()
