"""Claims of the two theory papers, and the constructions, bounds and trainings that test them."""

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
    Trial,
    Untestable,
)

SMOOTH = "sin(3*x1*x2); cos(2*x1-x2**2)"
KINKS = "abs(x1-x2**2); abs(abs(x1)-abs(x2))"
PRODUCTS = "x1*x2; x2*x3; x3*x4; x4*x1"
CERTIFIED = (
    "Our bound is proven over the whole domain for the emitted float64 weights; with absolute "
    "positions, as the corrected theorem requires."
)
AUDIT = "See docs/theory/single-layer-theorem.md for the corrected statement."


def universal() -> Paper:
    """One layer of attention: certified layers, and where the statement as worded is false."""
    return Paper(
        "universal",
        "Universal approximation by a single-layer Transformer",
        "arXiv 2507.10581",
        (
            _approximates("a smooth map of two tokens", _compiled("smooth", SMOOTH, tokens=2)),
            _approximates("a map with kinks", _compiled("kinks", KINKS, tokens=2)),
            _approximates("products of four tokens", _compiled("products", PRODUCTS, tokens=4)),
            *_refuted(),
            Untestable(
                "the paper's case studies",
                "last section",
                "-",
                "Their data and settings were not available to us.",
            ),
        ),
    )


def _approximates(target: str, experiment: Experiment) -> Claim:
    return Claim(
        f"one layer approximates {target}: certified error over epsilon",
        "theorem",
        "any precision",
        experiment,
        "bound_over_epsilon",
        AtMost(1.0),
        CERTIFIED,
    )


def _refuted() -> tuple[Claim, ...]:
    """The statement as worded, beside lower bounds of the error."""
    limits = Experiment(
        "obstructions",
        _obstructions,
        "sciformer diagnose 'x1; x1+x2' --tokens 2",
        full=Effort(1, 0.1),
        quick=Effort(1, 0.1),
    )
    return (
        Claim(
            "it does so without positional encodings (least error for x1; x1+x2)",
            "theorem, as worded",
            "any precision",
            limits,
            "without_positions",
            AtMost(1e-12),
            f"A lower bound for every network without positions. {AUDIT}",
        ),
        Claim(
            "it does so with relative positions only (least error for x1; x1+x2)",
            "theorem, as worded",
            "any precision",
            limits,
            "relative_only",
            AtMost(1e-12),
            f"A lower bound at any depth and width. {AUDIT}",
        ),
        Claim(
            "one head is enough (heads that 8 tokens of width 4 need at least)",
            "theorem, as worded",
            "not stated",
            limits,
            "heads_needed",
            AtMost(1),
            f"By Borsuk and Ulam's theorem. {AUDIT}",
        ),
    )


def urpe() -> Paper:
    """URPE: what relative positions cannot tell, what a factor on the weights can."""
    return Paper(
        "urpe",
        "Your Transformer May Not be as Powerful as You Expect",
        "arXiv 2205.13401, NeurIPS 2022",
        (
            *_spreads(),
            *_synthetic_tasks(),
            Untestable(
                "perplexity of WikiText-103: 24.0 to 23.2",
                "experiments",
                "23.2",
                "Needs the corpus and days on a GPU.",
            ),
            Untestable(
                "ZINC and PCQM4M graph regression: .122 to .086, .1264 to .1238",
                "experiments",
                ".086, .1238",
                "Needs the data sets and days on a GPU.",
            ),
        ),
    )


def _spreads() -> tuple[Claim, ...]:
    """Rows on constant sequences, with relative positions and with the universal factor."""
    spread = Experiment(
        "blindness",
        _blindness,
        "sciformer expressivity --steps 1",
        full=Effort(5, 0.1),
        quick=Effort(1, 0.1),
    )
    return (
        Claim(
            "a Transformer with relative positions gives equal rows on a constant sequence "
            "(largest relative spread over the schemes)",
            "lemma",
            "0",
            spread,
            "blind",
            AtMost(1e-10),
        ),
        Claim(
            "with the universal factor it does not (relative spread)",
            "section on URPE",
            "> 0",
            spread,
            "universal",
            AtLeast(1e-6),
        ),
    )


def _synthetic_tasks() -> tuple[Claim, ...]:
    """Position identification and even-token prediction."""
    position = _survey("position", ("none", "relative", "urpe"))
    even = _survey("even", ("urpe",))
    return (
        Claim(
            "position identification with RPE, constant sequences: no better than 1/n",
            "theorem; figure of the poster",
            "~.11",
            position,
            "relative.constant",
            AtMost(1 / 16),
            "n = 16. The figure's value is read by eye; the published set-up has n = 128.",
        ),
        Claim(
            "position identification with RPE, random sequences: it fails",
            "figure of the poster",
            "~.11",
            position,
            "relative.random",
            AtMost(0.2),
            "The theorem is about constant sequences only; on others RPE counts from a change.",
        ),
        Claim(
            "position identification with URPE (least of both kinds of sequences)",
            "figure of the poster",
            "1.0",
            position,
            "urpe.least",
            AtLeast(1.0),
        ),
        Claim(
            "even-token prediction with URPE (least of both kinds of sequences)",
            "figure of the poster",
            "1.0",
            even,
            "urpe.least",
            AtLeast(0.999),
        ),
    )


def _compiled(name: str, formula: str, tokens: int) -> Experiment:
    words = ("compile", formula, "--tokens", str(tokens), "--epsilon", "0.05")
    command = Command(words, read=_over_epsilon, seed=None)
    return command.experiment(
        f"compile-{name}",
        full=Effort(1, 0.5),
        quick=Effort(1, 0.2, {"epsilon": 0.1}),
    )


def _over_epsilon(result: Mapping[str, Any]) -> dict[str, float]:
    return {"bound_over_epsilon": result["certified_bound"] / result["epsilon"]}


def _obstructions(trial: Trial) -> dict[str, float]:
    from theory.universal.formula.target import read_target
    from theory.universal.obstructions import (
        heads_needed,
        with_relative_positions_only,
        without_positions,
    )

    target = read_target("x1; x1+x2", 2, 1, (-1.0, 1.0))
    return {
        "without_positions": without_positions(target).bound,
        "relative_only": with_relative_positions_only(target).bound,
        "heads_needed": heads_needed(8, 4)[0],
    }


def _blindness(trial: Trial) -> dict[str, float]:
    from sciformer.attention import ALiBi, NoPosition, RelativeTable, Rotary, T5Buckets, Universal
    from theory.expressivity.blindness import blindness

    heads, length = 2, 11
    relative = [
        NoPosition(),
        T5Buckets(heads),
        ALiBi(heads),
        RelativeTable(heads, length),
        Rotary(),
    ]
    universal = Universal(RelativeTable(heads, length), heads, length)
    found = [
        blindness(scheme, length=length, seed=trial.seed, is_causal=is_causal)
        for scheme in [*relative, universal]
        for is_causal in (False, True)
    ]
    spreads = [verdict.spread / (1 + verdict.size) for verdict in found]
    return {"blind": max(spreads[:-2]), "universal": min(spreads[-2:])}


def _survey(task: str, schemes: tuple[str, ...]) -> Experiment:
    command = Command(("expressivity", "--task", task, "--position", *schemes), read=_by_scheme)
    return command.experiment(f"expressivity-{task}", full=Effort(5, 0.7), quick=Effort(1, 0.7))


def _by_scheme(result: Mapping[str, Any]) -> dict[str, float]:
    metrics = {}
    for row in result["schemes"]:
        name, constant, random = row["scheme"], row["constant"], row["random"]
        metrics[f"{name}.constant"], metrics[f"{name}.random"] = constant, random
        metrics[f"{name}.least"] = min(constant, random)
    return metrics
