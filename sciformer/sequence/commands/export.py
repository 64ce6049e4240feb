"""Write a trained sequence model for other programs: onnx, torch, nir."""

from __future__ import annotations

import argparse

EPILOG = """examples:
  sciformer export runs/words --format onnx
  sciformer export runs/words --format onnx --step --out words_step.onnx
  sciformer export runs/words --format torch --frames 200

Inputs and outputs are in the units of the training data: normalisation is part of the program. A
whole program takes frames (1, N, features) and gives logits (1, classes). A step takes a frame
(1, features) and the tensors of the state, which begin as zeros, and gives logits and the tensors
of the next state in the same order; it needs a causal model. Keys and values of attention begin
without frames, (1, heads, 0, width), and grow by one with each step; a window has a fixed size.
Programs are written on the CPU, whatever the model was trained on, and run on any device."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from pathlib import Path

    from sciformer.cli.arguments import add_json_argument, positive_integer

    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, help="run directory of `sciformer train`")
    parser.add_argument("--format", required=True, metavar="NAME", help="onnx, torch or nir")
    parser.add_argument(
        "--step", action="store_true", help="a program for one frame at a time, with the state"
    )
    parser.add_argument(
        "--frames",
        type=positive_integer,
        metavar="N",
        help="length of whole sequences (default: the longest trained on)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write (default: whole.* or step.* in the run directory)",
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Writes the file."""
    from sciformer.cli.console import print_json, print_table
    from sciformer.errors import UsageError, unknown_name
    from sciformer.runs.files import atomic
    from sciformer.sequence.exchange.formats import FORMATS, SingleStep, WholeSequence, require
    from sciformer.sequence.saved import load_model

    name = arguments.format
    if name not in FORMATS:
        raise unknown_name("sciformer export", "format", name, FORMATS)
    if arguments.step and arguments.frames:
        raise UsageError("sciformer export: a step has no length; leave out --frames or --step.")
    require(name)
    model, choice = load_model(arguments.run)
    extent = SingleStep() if arguments.step else WholeSequence(arguments.frames or choice.length)
    stem = "step" if arguments.step else "whole"
    path = arguments.out or arguments.run / f"{stem}{FORMATS[name].suffix}"
    with atomic(path) as temporary:
        FORMATS[name].write(model, extent, temporary)
    summary = {"format": name, "path": str(path), "bytes": path.stat().st_size}
    if arguments.json:
        print_json(summary)
    else:
        print_table(list(summary.items()), ("export", "written"))
