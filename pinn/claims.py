"""Claims of the PhysicsFormer paper, and the commands that measure them.

Only the abstracts and a short public summary of the paper were available to us. A limit that no
published number gives is ours; its claim says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sciformer.reproduce import (
    AtLeast,
    AtMost,
    Claim,
    Command,
    Effort,
    Experiment,
    Paper,
    Untestable,
)

OURS = "No number of the paper is known to us; the limit is our choice."
WEAK = (
    "By the weak form from every velocity of the grid of the embedded wake, never the pressure; "
    "the paper trains a network on 5,000 samples. The size of the error is compared."
)
NETWORK = (
    "By a network from 5,000 velocity samples of the embedded wake, never the pressure, from "
    "lambda = (0, 0). The phase of a wave that is found in the samples is one of its inputs. The "
    "size of the error is compared. At 1 % noise the Cramer-Rao bound of this fit is some 0.2 % "
    "of lambda_2: the command prints it."
)
# What was published for lambda_1 and lambda_2, and the most that rounds to it.
CLEAN = (("lambda_1", "0 %", 0.005), ("lambda_2", "0 %", 0.05))
NOISY = (("lambda_1", "0.07 %", 0.07), ("lambda_2", "0 %", 0.05))
SAMPLES = "From 5,000 velocity samples of the embedded wake; the pressure is never seen."


def physicsformer() -> Paper:
    """PhysicsFormer: Burgers, ablations, attention, and the coefficients of a wake."""
    return Paper(
        "physicsformer",
        "PhysicsFormer, an attention-based physics-informed network",
        "arXiv 2601.03613",
        (
            *_on_burgers(),
            *_reconstructions(),
            *_coefficients(_network("clean"), NETWORK, "network, clean data", CLEAN),
            *_coefficients(
                _network("noisy", "--noise", "0.01"), NETWORK, "network, 1 % noise", NOISY
            ),
            *_coefficients(_weak("clean", seeds=1), WEAK, "weak form, clean data", CLEAN),
            *_coefficients(
                _weak("noisy", "--noise", "0.01", seeds=10), WEAK, "weak form, 1 % noise", NOISY
            ),
            Untestable(
                "cylinder wake at Re = 3900",
                "abstract of version 2",
                "-",
                "No data of that flow are available here, and simulating it takes a cluster.",
            ),
        ),
    )


def _on_burgers() -> tuple[Claim, ...]:
    """The error of Burgers' equation, and whether sequence and attention are what helps."""
    former, one_token, mlp = _burgers(), _burgers("--steps", "1"), _burgers("--model", "mlp")
    return (
        Claim(
            "Burgers' equation: mean squared error of the order 1e-6",
            "abstract",
            "~1e-6",
            former,
            "mse",
            AtMost(1e-6, better=1e-7),
        ),
        Claim(
            "the same network with one token: the sequence is what helps",
            "design",
            "-",
            one_token,
            "relative_l2",
            AtLeast(1e-4),
            f"{OURS} Twice the worst error of five tokens would show a benefit.",
        ),
        Claim(
            "an MLP with as many parameters: attention is what helps",
            "design",
            "-",
            mlp,
            "relative_l2",
            AtLeast(1e-4),
            f"{OURS} Twice the worst error of five tokens would show a benefit.",
        ),
        Claim(
            "attention selects among the tokens (largest entropy of the weights over log k)",
            "design",
            "-",
            former,
            "entropy",
            AtMost(0.9),
            f"{OURS} 1 is uniform attention.",
        ),
        Claim(
            "the sequence is used (change of the solution when it is cut to one token)",
            "design",
            "-",
            former,
            "attention.cut_to_one",
            AtLeast(0.01),
            OURS,
        ),
    )


def _reconstructions() -> tuple[Claim, ...]:
    """The velocities of the cylinder wake."""
    wake = Command(("solve", "cylinder-wake")).experiment(
        "cylinder-wake", full=Effort(3, 2.8, {"budget": 150}), quick=Effort(1, 0.9, {"budget": 45})
    )
    return tuple(
        Claim(
            f"reconstruction of the cylinder wake: mean squared error of {name}",
            "abstract",
            "~1e-6",
            wake,
            f"mse_by_field.{name}",
            AtMost(1e-6),
            SAMPLES,
        )
        for name in ("u", "v")
    )


def _burgers(*options: str) -> Experiment:
    name = "-".join(["burgers", *(option.strip("-") for option in options)])
    return Command(("solve", "burgers", *options), read=_solved).experiment(
        name, full=Effort(5, 0.6), quick=Effort(1, 0.6)
    )


def _solved(result: Mapping[str, Any]) -> dict[str, float]:
    from sciformer.reproduce.command import flat

    entropies = (result.get("attention") or {}).get("entropy", {})
    return {**flat(result), **({"entropy": max(entropies.values())} if entropies else {})}


def _weak(name: str, *options: str, seeds: int) -> Experiment:
    command = Command(
        ("identify", "navier-stokes", "--method", "weak", *options),
        read=_sizes_of_errors,
        out=None,
    )
    return command.experiment(f"weak-form-{name}", full=Effort(seeds, 0.15), quick=Effort(1, 0.15))


def _network(name: str, *options: str) -> Experiment:
    words = ("identify", "navier-stokes", "--method", "network")
    command = Command((*words, *options), read=_sizes_of_errors, out=None)
    return command.experiment(
        f"network-{name}",
        full=Effort(5, 4.2, {"budget": 240}),
        quick=Effort(1, 0.65, {"budget": 30}),
    )


def _sizes_of_errors(result: Mapping[str, Any]) -> dict[str, float]:
    names = ("lambda_1_error_percent", "lambda_2_error_percent")
    return {name: abs(float(result[name])) for name in names}


def _coefficients(
    experiment: Experiment,
    note: str,
    data: str,
    published: tuple[tuple[str, str, float], ...],
) -> list[Claim]:
    return [
        Claim(
            f"error of {name} in %, {data}",
            "abstract",
            number,
            experiment,
            f"{name}_error_percent",
            AtMost(limit),
            note,
        )
        for name, number, limit in published
    ]
