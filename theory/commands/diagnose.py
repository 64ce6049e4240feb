"""Report what a formula requires of a network: positions, attention, heads, with lower bounds."""

from __future__ import annotations

import argparse

from theory.commands.domain import add_domain, read_domain

EPILOG = """examples:
  sciformer diagnose "x2; x1" --tokens 2
  sciformer diagnose "x1; x1+x2" --tokens 2 --epsilon 0.1 --json

It runs on the CPU only: nothing is trained."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the formula and its shape."""
    parser.epilog = EPILOG
    parser.add_argument("formula", help='for example "x2; x1": rows are tokens')
    parser.add_argument("--tokens", type=int, required=True, metavar="N", help="sequence length")
    parser.add_argument(
        "--width", type=int, default=1, metavar="D", help="channels per token (default 1)"
    )
    parser.add_argument(
        "--epsilon",
        type=float,
        default=0.05,
        metavar="E",
        help="largest error that is allowed (default 0.05)",
    )
    add_domain(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Diagnoses and reports."""
    from sciformer.cli.console import print_json, print_table
    from theory.universal.diagnose import diagnose

    found = diagnose(
        arguments.formula,
        arguments.tokens,
        arguments.width,
        epsilon=arguments.epsilon,
        domain=read_domain(arguments.domain),
    )
    if arguments.json:
        print_json(
            {
                "lower_bounds": {o.name: o.bound for o in found.obstructions},
                "witnesses": {
                    o.name: None if o.witness is None else o.witness.tolist()
                    for o in found.obstructions
                },
                "needs": list(found.needs),
                "heads_needed": found.heads[0],
                "heads_enough": found.heads[1],
                "bits_for_the_worst_map": found.bits,
                "construction": found.construction,
            }
        )
        return 0
    rows = [[need.partition(":")[0], need.partition(": ")[2]] for need in found.needs]
    needed, enough = found.heads
    heads = f"{needed} needed and {enough} enough to bring the whole sequence to every token"
    rows += [["heads", heads], ["construction", found.construction]]
    print_table(rows, ["what", "verdict"])
    return 0
