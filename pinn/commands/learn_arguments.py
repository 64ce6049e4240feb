"""Arguments that every `sciformer learn` takes, and the sizes and steps among its settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from sciformer.runs import Run


def halt_before_errors(name: str, about: Mapping[str, Any], run: Run) -> None:
    """Ends an interrupted command as such, its network kept, before errors are measured.

    Args:
        name: of what was learned.
        about: how it was learned.
        run: holds the network.

    Raises:
        KeyboardInterrupt: Ctrl-C has cut the training short.
    """
    from sciformer.cli.console import note

    if about.get("is_interrupted"):
        note(
            f"{name}: interrupted after {about['steps']} steps; the best network so far is kept in "
            f"{run.path}, and its errors were not measured."
        )
        raise KeyboardInterrupt


def add_learning_arguments(parser: argparse.ArgumentParser, settings: str) -> None:
    """Adds --budget, --device, --seed, --set, --out and --json.

    Args:
        parser: of the command.
        settings: what --set knows, for its help text.
    """
    from sciformer.cli.arguments import (
        add_json_argument,
        add_set_argument,
        natural_number,
        positive_number,
    )

    parser.add_argument(
        "--budget",
        type=positive_number,
        default=60.0,
        metavar="SECONDS",
        help="seconds of training (default 60): CPU time, or on a device by the clock",
    )
    parser.add_argument(
        "--device",
        default="cpu",
        metavar="NAME",
        help="where a network is trained: cpu (default), cuda or mps; what is learned answers on "
        "the CPU",
    )
    parser.add_argument(
        "--seed", type=natural_number, default=0, metavar="N", help="random seed (default 0)"
    )
    add_set_argument(parser, settings)
    parser.add_argument("--out", type=Path, metavar="DIR", help="new run directory")
    add_json_argument(parser)


def sizes_and_steps(
    who: str, pairs: Sequence[str], sizes: type, steps: type, apart: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of --set for the sizes of a network, and those for the steps of its training.

    Args:
        who: who asks, for messages.
        pairs: words key=value.
        sizes: dataclass of the sizes.
        steps: dataclass of the steps.
        apart: fields of the sizes that have an option of their own.

    Raises:
        UsageError: a key of neither, or a value of another type.
    """
    import dataclasses

    from sciformer.cli.settings import parse_settings
    from sciformer.errors import unknown_name

    names = [
        [field.name for field in dataclasses.fields(kind) if field.name not in apart]
        for kind in (sizes, steps)
    ]
    for pair in pairs:
        if (key := pair.partition("=")[0]) not in (known := [*names[0], *names[1]]):
            raise unknown_name(who, "--set key", key, known)
    own, of_steps = (
        parse_settings(who, [pair for pair in pairs if pair.partition("=")[0] in keys], kind)
        for keys, kind in zip(names, (sizes, steps), strict=True)
    )
    return own, of_steps
