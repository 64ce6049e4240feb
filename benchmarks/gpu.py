"""What an accelerator gains: jets, Gauss-Newton, a whole solve, universal attention.

    python -m benchmarks.gpu [--json] [--device cuda] [--points 50000]

One run of under five minutes; every ratio is taken side by side on one card, medians over turns.
Targets are those that the documentation states. What only CUDA tells, peaks of memory and counts
of kernels, is left out on other devices. Without a CUDA device nothing is measured, and a sentence
says that.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import torch
import torch.nn.functional as functional
from torch import nn

import pinn
from benchmarks.jets import CASES, gradient, jacobian, nested, on_jets, perceptron
from pinn.assembly import build_trial
from pinn.loss import terms
from pinn.loss.least_squares import LeastSquares, Weighted
from pinn.optimisers import FlatParameters, LevenbergMarquardt, Linearisation
from pinn.problem.registry import find_problem
from pinn.sampling.samplers import Sample
from sciformer.attention import Core, RelativeTable, Universal, attend
from sciformer.attention.cores import Automatic, Flex, ToeplitzRows
from sciformer.attention.toeplitz import toeplitz
from sciformer.cli.console import print_table
from sciformer.runs.processes import ALONE

TURNS = 7
# By the beginning of a case's name: least speed and memory ratio to nested differentiation.
JET_TARGETS = {"PINNsFormer": 3.0, "32/32/32 wavelet": 2.5, "MLP 4x50": 1.2}
# P and n of the Gauss-Newton step, and its limit in milliseconds in double precision.
STEP_PARAMETERS, STEP_ROWS, STEP_LIMIT_MS = 7851, 20_000, 200.0
# Points and width of a step whose Jacobian has 49 GB, of P = 30,701 parameters, and its limit.
LARGE_ROWS, LARGE_WIDTH, LARGE_LIMIT_GB = 200_000, 100, 80.0
# Kernels of a loss gradient, whatever the number of points.
MOST_LAUNCHES = 1500
# Seconds of `sciformer solve burgers`, and its relative L2 error.
SOLVE_SECONDS, SOLVE_ERROR = 30.0, 1e-7
# Heads, width of a head, tokens; most times the fused attention, forward and with backward.
ATTENTION = (4, 8, 64, 2048)
ATTENTION_TARGETS = (2.0, 3.0)


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        work: what was done.
        reference: what it is compared with; None where the target is a number.
        ours: what was measured.
        unit: of both.
        memory: peak memory of the reference over ours; None where it was not measured.
        target: what has to hold, in words.
        holds: whether it does.
    """

    work: str
    reference: float | None
    ours: float
    unit: str
    memory: float | None
    target: str
    holds: bool


class Card:
    """A device whose work is waited for before the clock is read."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def wait(self) -> None:
        """Waits until the device has nothing left to do."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def medians(self, *functions: Callable[[], object]) -> list[float]:
        """Median milliseconds of each, in turns, after one run that does not count."""
        for function in functions:
            function()
        times: list[list[float]] = [[] for _ in functions]
        for _ in range(TURNS):
            for function, kept in zip(functions, times, strict=True):
                self.wait()
                start = time.perf_counter()
                function()
                self.wait()
                kept.append(1e3 * (time.perf_counter() - start))
        return [statistics.median(kept) for kept in times]

    def peak(self, function: Callable[[], object]) -> int | None:
        """Bytes allocated at most while a function runs; None where torch cannot tell."""
        if self.device.type != "cuda":
            return None
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        function()
        return int(torch.cuda.max_memory_allocated(self.device)) - before

    def launches(self, function: Callable[[], object]) -> int | None:
        """Kernels and copies of a function that has run before; None where torch cannot tell."""
        if self.device.type != "cuda":
            return None
        self.wait()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            function()
            self.wait()
        on_card = torch.autograd.DeviceType.CUDA
        return sum(event.device_type == on_card for event in profile.events())


def jet_rows(card: Card, points: int) -> list[Row]:
    """Residual and gradient of Burgers' equation, nested and by jets."""
    rows = []
    for case in CASES:
        target = next((t for name, t in JET_TARGETS.items() if case.name.startswith(name)), None)
        if target is None:
            continue
        torch.manual_seed(0)
        network = case.network().to(card.device, case.dtype)
        where = torch.rand(points, 2, dtype=case.dtype, device=card.device)
        ways = [partial(_step, gradient(way), network, where) for way in (nested, on_jets)]
        slow, fast = card.medians(*ways)
        peaks = [card.peak(way) for way in ways]
        memory = peaks[0] / peaks[1] if peaks[0] and peaks[1] else None
        rows.append(
            Row(
                f"residual and gradient, {case.name}, {points} points",
                slow,
                fast,
                "ms",
                memory,
                f">= {target}x nested",
                slow / fast >= target,
            )
        )
        counts = [card.launches(way) for way in ways]
        if counts[1] is not None:
            work = f"kernels of a gradient, {case.name}, {points} points"
            holds = counts[1] <= MOST_LAUNCHES
            rows.append(Row(work, counts[0], counts[1], "", None, f"<= {MOST_LAUNCHES}", holds))
    return rows


def _step(way: Callable[..., None], network: nn.Module, points: torch.Tensor) -> None:
    way(network, points.clone())


class LinearObjective:
    """Fixed rows and Jacobian: what is left of a step is the linear algebra and the trials."""

    processes = ALONE

    def __init__(self, card: Card, rows: int, parameters: int) -> None:
        generator = torch.Generator(card.device).manual_seed(0)
        options = {"generator": generator, "dtype": torch.float64, "device": card.device}
        self._jacobian = torch.randn(parameters, rows, **options).T
        self._target = torch.randn(rows, **options)
        start = torch.zeros(parameters, dtype=torch.float64, device=card.device)
        self.parameters = FlatParameters([nn.Parameter(start)])

    def rows(self) -> torch.Tensor:
        """Rows at the present parameters."""
        return self._jacobian @ self.parameters.read() - self._target

    def linearise(self) -> Linearisation:
        """Rows and Jacobian."""
        return Linearisation(self.rows(), self._jacobian)


def step_row(card: Card, rows: int, parameters: int) -> Row:
    """A step of Levenberg-Marquardt on an MLP: its Jacobian, and the equations of a full system."""
    objective = LinearObjective(card, rows, parameters)
    torch.manual_seed(0)
    network = perceptron(2, 50, 50, 50, 50, 1).to(card.device, torch.float64)
    where = torch.rand(rows, 2, dtype=torch.float64, device=card.device)

    def step() -> None:
        jacobian(network, where)
        LevenbergMarquardt().step(objective)  # type: ignore[arg-type]

    [taken] = card.medians(step)
    work = f"Levenberg-Marquardt step, P = {parameters}, n = {rows}, float64"
    return Row(work, None, taken, "ms", None, f"<= {STEP_LIMIT_MS:g} ms", taken <= STEP_LIMIT_MS)


def large_step_rows(card: Card, rows: int) -> list[Row]:
    """The memory of a step whose Jacobian may have to go in parts."""
    problem = find_problem("burgers")
    settings = pinn.Settings(network=pinn.MLP.Sizes(width=LARGE_WIDTH), device=str(card.device))
    trial = build_trial(problem, settings)
    points = problem.domain.sample(rows).to(card.device)
    sample = Sample(points, torch.ones_like(points[:, 0]))
    parameters = FlatParameters(list(trial.parameters()))
    objective = LeastSquares(parameters, [Weighted(terms.interior(problem, trial), sample)])
    peak = card.peak(lambda: LevenbergMarquardt(trials=1).step(objective))
    if peak is None:
        return []
    work = f"memory of a Levenberg-Marquardt step, P = {len(parameters)}, n = {rows}, float64"
    holds = peak <= 1e9 * LARGE_LIMIT_GB
    return [Row(work, None, peak / 1e9, "GB", None, f"<= {LARGE_LIMIT_GB:g} GB", holds)]


def solve_row(card: Card, seconds: float) -> Row:
    """The error of the default solve of Burgers' equation."""
    solved = pinn.solve("burgers", budget=seconds, device=str(card.device), progress=False)
    error = solved.errors.relative_l2
    work = f"relative L2 error of `sciformer solve burgers`, {seconds:g} s"
    return Row(work, None, error, "", None, f"<= {SOLVE_ERROR:g}", error <= SOLVE_ERROR)


def attention_rows(card: Card, sizes: Sequence[int]) -> list[Row]:
    """Universal attention beside fused attention with a bias."""
    batch, heads, width, n = sizes
    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.randn(batch, heads, n, width, generator=generator).to(card.device).requires_grad_()
        for _ in range(3)
    ]
    position = Universal(RelativeTable(heads, n), heads, n).to(card.device)
    bias = toeplitz(position.base.table, n, n)[None].contiguous()

    def fused() -> torch.Tensor:
        return functional.scaled_dot_product_attention(*inputs, attn_mask=bias)

    # What `attend` chooses, and both cores that it may choose from; a target is for the choice.
    cores: dict[str, Core] = {"chosen": Automatic(), "flex": Flex(), "rows": ToeplitzRows()}

    def forward(way: Callable[[], torch.Tensor]) -> None:
        with torch.no_grad():
            way()

    def both(way: Callable[[], torch.Tensor]) -> None:
        torch.autograd.grad(way().sum(), inputs, retain_graph=False)

    rows = []
    for label, run, limit in zip(
        ("forward", "forward and backward"), (forward, both), ATTENTION_TARGETS, strict=True
    ):
        for name, core in cores.items():
            ours_by_core = partial(attend, *inputs, position=position, core=core)
            slow, ours = card.medians(partial(run, fused), partial(run, ours_by_core))
            work = f"universal attention, {name}, {label}, n = {n}"
            rows.append(
                Row(work, slow, ours, "ms", None, f"<= {limit}x fused", ours <= limit * slow)
            )
    return rows


def main() -> None:
    """Measures all rows and prints them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="device (default cuda)")
    parser.add_argument("--points", type=int, default=50_000, help="collocation points")
    parser.add_argument("--rows", type=int, default=STEP_ROWS, help="rows of the step")
    parser.add_argument("--large", type=int, default=LARGE_ROWS, help="rows of the large step")
    parser.add_argument("--seconds", type=float, default=SOLVE_SECONDS, help="of the solve")
    parser.add_argument("--tokens", type=int, default=ATTENTION[-1], help="tokens of attention")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("benchmarks.gpu: this machine has no CUDA device, so nothing was measured.")
        return
    card = Card(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    rows = jet_rows(card, given.points)
    rows.append(step_row(card, given.rows, min(STEP_PARAMETERS, given.rows)))
    rows += large_step_rows(card, given.large)
    rows.append(solve_row(card, given.seconds))
    rows += attention_rows(card, (*ATTENTION[:-1], given.tokens))
    if given.json:
        found = {"device": name, "torch": torch.__version__, "rows": [asdict(row) for row in rows]}
        print(json.dumps(found, indent=1))
        return
    print(f"{name}, torch {torch.__version__}")
    print_table([list(asdict(row).values()) for row in rows], list(asdict(rows[0])))


if __name__ == "__main__":
    main()
