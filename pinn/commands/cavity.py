"""Show the lid-driven cavity at Re = 100, 400 or 1000, or compute it again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from pinn.references.cavity import Cavity

EPILOG = """examples:
  sciformer cavity
  sciformer cavity --reynolds 400
  sciformer cavity --reynolds 1000 --generate runs/cavity_re1000.npz

At Re = 100 Ghia's table is shown beside it. --generate needs pip install 'sciformer[cfd]' (NGSolve,
LGPL-2.1) and runs on the CPU only; it writes the table, and how it was made beside it as JSON."""
GHIA_REYNOLDS = 100  # of the table that is in the package


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pathlib import Path

    from sciformer.cli.arguments import add_json_argument, positive_integer

    parser.epilog = EPILOG
    parser.add_argument(
        "--reynolds",
        type=positive_integer,
        default=100,
        metavar="RE",
        help="Reynolds number: 100 (default), 400 or 1000",
    )
    parser.add_argument(
        "--generate", type=Path, metavar="FILE", help="compute the flow again and write it as .npz"
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Prints the extrema on the centre lines and, at Re = 100, Ghia's table."""
    from pinn.references.cavity import embedded_cavity
    from sciformer.cli.console import print_json

    number = arguments.reynolds
    cavity = (
        embedded_cavity(number)
        if arguments.generate is None
        else _generate(number, arguments.generate)
    )
    metrics = {
        name: {"place": place, "value": value} for name, (place, value) in cavity.extrema().items()
    }
    if arguments.json:
        print_json({"reynolds": cavity.reynolds, **metrics})
    else:
        _print(cavity)


def _generate(reynolds: int, path: Path) -> Cavity:
    from pinn.cfd.cavity import sample_cavity, save_cavity, solve_cavity
    from pinn.cfd.provenance import describe_cavity
    from sciformer.cli.console import note
    from sciformer.runs.encoding import encode
    from sciformer.runs.files import atomic

    flow = solve_cavity(float(reynolds))
    note(f"cavity: {flow.unknowns} unknowns")
    cavity = sample_cavity(flow, float(reynolds))
    with atomic(path) as temporary:
        save_cavity(temporary, cavity)
    with atomic(path.with_suffix(".json")) as temporary:
        text = encode(describe_cavity(path, flow, cavity), indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
    return cavity


def _print(cavity: Cavity) -> None:
    from sciformer.cli.console import print_table

    if cavity.reynolds == GHIA_REYNOLDS:
        _print_beside_ghia(cavity)
    rows = [
        (name, f"{value:.7f}", f"{place:.4f}") for name, (place, value) in cavity.extrema().items()
    ]
    print_table(rows, [f"Re = {cavity.reynolds:g}", "value", "at"])


def _print_beside_ghia(cavity: Cavity) -> None:
    import numpy as np

    from pinn.references.cavity import GHIA_U, GHIA_V, GHIA_X, GHIA_Y
    from sciformer.cli.console import print_table

    for name, along, places, published in (("u", "y", GHIA_Y, GHIA_U), ("v", "x", GHIA_X, GHIA_V)):
        s = np.array(places, dtype=np.float64)
        middle = np.full_like(s, 0.5)
        columns = (middle, s) if name == "u" else (s, middle)
        ours = cavity(np.stack(columns, 1))[name]
        rows: list[tuple[Any, ...]] = [
            (f"{at:.4f}", f"{value:+.5f}", f"{ghia:+.5f}", f"{value - ghia:+.5f}")
            for at, value, ghia in zip(s, ours, published, strict=True)
        ]
        print_table(rows, [along, f"{name}, computed", "Ghia et al. 1982", "difference"])
