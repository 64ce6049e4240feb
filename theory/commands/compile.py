"""Compile a formula into one Transformer layer with a certificate of its error."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciformer.errors import UsageError
from theory.commands import compile_pde
from theory.commands.domain import DEFAULT, add_domain, read_domain
from theory.commands.results import publish

if TYPE_CHECKING:
    from sciformer.runs import Run
    from theory.universal.certificate import CompiledLayer

EPILOG = """examples:
  sciformer compile "x1*x2; sin(2*x1+x2)" --tokens 2 --epsilon 0.05
  sciformer compile "x1*x2; x1" --tokens 2 --epsilon 0.1 --domain 0 2 --out runs/product
  sciformer compile "x1*x2; x1" --tokens 2 --epsilon 0.1 --dtype float32 --onnx
  sciformer compile --pde fisher-kpp --epsilon 1e-3
  sciformer compile --pde heat --epsilon 1e-4 --time 0.1 --starts "slope<=5; -1<=u<=1"
  sciformer compile --pde my_pde.py --epsilon 1e-2 --time 0.5

Every bound holds for the emitted weights in floating point, over the whole domain or the whole
class of starts. `sciformer verify` checks it again; `sciformer diagnose` says beforehand what a
formula needs. It runs on the CPU only, whose rounding the bounds count."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of a formula and of its layer."""
    parser.epilog = EPILOG
    parser.add_argument(
        "formula",
        nargs="?",
        help='for example "x1*x2; sin(2*x1 + x2)": rows are tokens, commas separate outputs',
    )
    parser.add_argument("--tokens", type=int, metavar="N", help="sequence length")
    parser.add_argument(
        "--width", type=int, default=1, metavar="D", help="channels per token (default 1)"
    )
    parser.add_argument(
        "--epsilon", type=float, required=True, metavar="E", help="largest error that is allowed"
    )
    add_domain(parser)
    parser.add_argument(
        "--dtype",
        choices=("float64", "float32"),
        default="float64",
        help="precision of the layer, for whose forward pass the bound holds; default float64",
    )
    parser.add_argument(
        "--construction",
        default="auto",
        help="auto (default), copy, relative, linear, hybrid or tilted",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write the layer")
    parser.add_argument("--force", action="store_true", help="compile at any estimated cost")
    parser.add_argument(
        "--simplify",
        action="store_true",
        help="compile what sympy simplifies the formula to, also where the formula is undefined",
    )
    parser.add_argument(
        "--onnx",
        action="store_true",
        help="also write layer.onnx, for which the bound holds too; needs --dtype float32",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    compile_pde.configure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compiles, writes and reports."""
    start = time.perf_counter()
    if arguments.pde is not None:
        _refuse_what_is_for_formulas(arguments)
        return compile_pde.run(arguments)
    _refuse_half_a_formula(arguments)
    from sciformer.cli.console import Progress, note
    from theory.universal import compile as compile_formula
    from theory.universal.figures import draw, is_drawable

    domain = read_domain(arguments.domain)
    with Progress(total=1.0, label="compile") as progress:
        layer = compile_formula(
            arguments.formula,
            arguments.tokens,
            arguments.width,
            arguments.epsilon,
            domain=domain,
            construction=arguments.construction,
            dtype=arguments.dtype,
            force=arguments.force,
            simplify=arguments.simplify,
            report=lambda phase, done: progress.update(done, phase=phase),
        )
    config = {
        "formula": arguments.formula,
        "tokens": arguments.tokens,
        "width": arguments.width,
        "epsilon": arguments.epsilon,
        "domain": layer.certificate.domain,
        "dtype": arguments.dtype,
        "construction": arguments.construction,
        "simplify": arguments.simplify,
    }
    metrics = summary(layer, time.perf_counter() - start)
    has_figure = is_drawable(layer.certificate)

    def write(run: Run) -> None:
        layer.save(run.path)
        if arguments.onnx:
            from theory.universal.program import write_onnx_program

            write_onnx_program(layer.module, run.path / "layer.onnx")
        if has_figure:
            with run.file("figure.png") as file:
                draw(layer, file)

    path = publish(arguments, config, metrics, write)
    if arguments.json:
        return 0
    if arguments.simplify:
        note(f"compiled as {layer.certificate.formula}")
    note(f"written to {path}" + (", with figure.png" if has_figure else ""))
    return 0


def _refuse_half_a_formula(arguments: argparse.Namespace) -> None:
    if arguments.formula is None or arguments.tokens is None:
        raise UsageError(
            "sciformer compile: needs a formula and --tokens, or an equation with --pde; for "
            'example `sciformer compile "x1*x2; x1" --tokens 2 --epsilon 0.1`.'
        )
    if arguments.onnx and arguments.dtype != "float32":
        raise UsageError(
            "sciformer compile: --onnx needs --dtype float32, because an ONNX program has the "
            "error of single precision."
        )


def _refuse_what_is_for_formulas(arguments: argparse.Namespace) -> None:
    """An option that would be passed over in silence may be meant to say something."""
    given = {
        f"the formula {arguments.formula!r}": arguments.formula is not None,
        "--width": arguments.width != 1,
        "--domain": tuple(arguments.domain) != DEFAULT,
        "--dtype float32": arguments.dtype != "float64",
        "--construction": arguments.construction != "auto",
        "--force": arguments.force,
        "--simplify": arguments.simplify,
        "--onnx": arguments.onnx,
    }
    for name in (name for name, is_given in given.items() if is_given):
        raise UsageError(
            f"sciformer compile: {name} is for layers of formulas; leave it out with --pde (the "
            'range of u is given by --starts "0<=u<=1").'
        )


def summary(layer: CompiledLayer, seconds: float) -> dict[str, Any]:
    """Results of a compilation as JSON values."""
    from theory.universal.attack import observed_error
    from theory.universal.layer import weights_of

    certificate, weights = layer.certificate, weights_of(layer.module)
    return {
        "epsilon": certificate.epsilon,
        "certified_bound": certificate.bound,
        "observed_error": observed_error(layer),
        "heads": weights.heads,
        "hidden_units": weights.hidden_units,
        "parameters": weights.parameters,
        "boxes": certificate.boxes,
        "construction": certificate.construction,
        "seconds": seconds,
    }
