"""Families learned in a fixed number of CPU seconds: errors over 100 members never seen.

    python -m benchmarks.families reaction      # random source between walls, 40 s
    python -m benchmarks.families burgers       # PI-DeepONet's family, no data, 75 s a network
    python -m benchmarks.families forced        # rough starts, force and viscosity: 150 s a network
    python -m benchmarks.families advection     # variable coefficient, nothing in closed form
    python -m benchmarks.families coverage      # bands of 90 %, 50 splits of 300 members

One thread; seconds are those of this process, so that other work on the machine costs wall time
only. `--seeds 3` repeats with other seeds, `--share 0.1` takes a tenth of the seconds, and
`--network SpectralBranch` runs the lines of that network alone, `--sensors 64` reads members at 64
uniform places in place of their exact functions.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

import torch

from pinn.families.learned import Learned
from pinn.families.learning import Sizes, learn
from pinn.families.networks.former import FamilyFormer
from pinn.families.networks.shared_trunk import DeepONet, PooledTokens, SpectralBranch
from pinn.families.registry import find_family
from pinn.families.starts import find_start
from pinn.families.training import Schedule
from sciformer.cli.console import print_table

# Family, seconds, and for each run: network (None takes the start alone), start, schedule.
Row = tuple[str, float, list[tuple[Sizes | None, str, Schedule]]]
PLAIN = Schedule()
OWN = Schedule(members=16, points=64)  # a decoder that attends affords fewer residuals
ROWS: dict[str, Row] = {
    "reaction": (
        "diffusion-reaction-family",
        40,
        [
            (None, "linear-flow", PLAIN),
            (SpectralBranch(), "linear-flow", PLAIN),
            (DeepONet(), "faded", PLAIN),
        ],
    ),
    "burgers": (
        "burgers-family",
        75,
        [
            (None, "cole-hopf", PLAIN),
            (SpectralBranch(), "linear-flow", PLAIN),
            (PooledTokens(), "linear-flow", PLAIN),
            (DeepONet(), "faded", PLAIN),
            (FamilyFormer(), "linear-flow", OWN),
        ],
    ),
    "forced": (
        "forced-burgers-family",
        150,
        [
            (None, "cole-hopf-layers", PLAIN),
            (SpectralBranch(), "cole-hopf-layers", Schedule(members=16)),
            (SpectralBranch(), "linear-flow", PLAIN),
            (SpectralBranch(), "faded", PLAIN),
            (DeepONet(), "faded", PLAIN),
        ],
    ),
    "advection": ("advection-family", 60, [(SpectralBranch(), "faded", PLAIN)]),
}


def run(row: Row, seeds: int, share: float, sensors: int | None) -> None:
    """One line for each network and seed."""
    name, seconds, runs = row
    found = []
    for network, start, schedule in runs:
        for seed in range(seeds if network is not None else 1):
            learned = _learned(name, network, start, schedule, share * seconds, seed)
            errors = asdict(learned.errors(100, sensors=sensors))
            label = "none" if network is None else type(network).__name__
            metrics = [errors[key] for key in ("median", "mean", "q95", "worst", "milliseconds")]
            spent = learned.about.get("train_seconds", 0.0)
            steps = learned.about.get("steps")
            found.append((label, start, seed, learned.parameter_count, steps, spent, *metrics))
            print(*found[-1], flush=True)
    headers = ("network", "start", "seed", "parameters", "steps", "CPU s")
    print_table(found, (*headers, "median", "mean", "95 %", "worst", "ms"))


def _learned(
    name: str, network: Sizes | None, start: str, schedule: Schedule, seconds: float, seed: int
) -> Learned:
    from pinn.families.answer import Answer

    family = find_family(name)
    if network is None:
        return Learned(Answer(family, find_start(start, family), None), False, {})
    return learn(
        family,
        network=network,
        start=find_start(start, family),
        schedule=schedule,
        budget=seconds,
        seed=seed,
    )


def coverage(share: float) -> None:
    """Measured coverage of the bands, beside what calibration itself allows."""
    family = find_family("diffusion-reaction-family")
    learned = learn(family, network=SpectralBranch(), budget=20 * share)
    calibration = learned.calibrate(300)
    mean, least, most = calibration.measured(0.9, splits=50)
    width = float(calibration.quantile(0.9).max())
    rows = [("mean", mean), ("least", least), ("most", most), ("half width over rms", width)]
    print_table(rows, ("coverage at 90 %", ""))


def main() -> None:
    """Runs the rows that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", choices=[*ROWS, "coverage"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the seconds")
    parser.add_argument("--sensors", type=int, help="uniform readings; else functions are known")
    parser.add_argument("--network", help="only the lines of this class")
    parser.add_argument("--start", help="only the lines that start so")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.row == "coverage":
        coverage(arguments.share)
    else:
        name, seconds, runs = ROWS[arguments.row]
        chosen = [
            (network, start, schedule)
            for network, start, schedule in runs
            if arguments.network in (None, type(network).__name__)
            and arguments.start in (None, start)
        ]
        run((name, seconds, chosen), arguments.seeds, arguments.share, arguments.sensors)


if __name__ == "__main__":
    main()
