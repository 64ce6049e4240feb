"""A compiled flow on the disk: the weights, and what is claimed of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import nn

from sciformer.errors import DataError
from sciformer.runs.files import atomic
from theory.flows.budget import Budget, solution_range
from theory.flows.burgers import CompiledBurgers
from theory.flows.burgers_bounds import Instant
from theory.flows.cole_hopf import ColeHopfHead
from theory.flows.compile_flow import CompiledFlow, FlowCertificate
from theory.flows.design import Design, build
from theory.flows.ends import PERIODIC, Walls
from theory.flows.equation import ReactionDiffusion
from theory.flows.polynomial import Polynomial
from theory.flows.starts import Starts

FORMAT, BURGERS_FORMAT = "sciformer-flow-1", "sciformer-burgers-1"
CERTIFICATE, WEIGHTS = "flow.json", "flow.safetensors"


def is_flow(directory: Path | str) -> bool:
    """Whether a directory holds a compiled flow."""
    return (Path(directory) / CERTIFICATE).is_file()


def save(flow: CompiledFlow, directory: Path | str) -> Path:
    """Writes weights and certificate into a directory and returns it."""
    return _write(Path(directory), flow.module, _record(flow.certificate))


def save_burgers(flow: CompiledBurgers, directory: Path | str) -> Path:
    """Writes the weights of a Burgers head and what is claimed of them into a directory."""
    head, instant = flow.module, flow.instant
    record = {
        "format": BURGERS_FORMAT,
        "claim": "|module(u0(j / sensors), viscosity, (x, t)) - u(x, t)| <= bound for every such "
        "start, 0 <= x <= 1 and earliest <= t <= latest",
        "equation": {
            "name": "burgers-periodic",
            "viscosity": instant.viscosity,
            "earliest": instant.earliest,
            "latest": instant.latest,
        },
        "starts": asdict(flow.starts),
        "epsilon": flow.epsilon,
        "bound": flow.bound,
        "design": {
            "sensors": head.sensors,
            "tokens": head.potential.out_features,
            "images": head.images,
        },
    }
    return _write(Path(directory), head, record)


def _write(path: Path, module: nn.Module, record: dict[str, Any]) -> Path:
    from safetensors.torch import save_file

    tensors = {k: v.detach().contiguous().clone() for k, v in module.state_dict().items()}
    with atomic(path / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    with atomic(path / CERTIFICATE) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return path


def load_burgers(directory: Path | str) -> CompiledBurgers:
    """The Burgers head of a directory, to be used; `verify_flow` says whether its claim holds.

    Raises:
        DataError: files that are missing or cannot be read.
    """
    from safetensors.torch import load_file

    record = read_record(directory, BURGERS_FORMAT)
    try:
        e, d, starts = record["equation"], record["design"], Starts(**record["starts"])
        size = max(abs(starts.lower), abs(starts.upper))
        instant = Instant(e["viscosity"], e["earliest"], e["latest"], size, starts.slope)
        module = ColeHopfHead(d["sensors"], d["tokens"], d["images"])
        module.load_state_dict(load_file(Path(directory) / WEIGHTS))
        epsilon, bound = float(record["epsilon"]), float(record["bound"])
    except (KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
        raise DataError(f"flow: {directory} is damaged ({error}); compile again.") from error
    return CompiledBurgers(module, instant, starts, epsilon, bound)


def load(directory: Path | str) -> CompiledFlow:
    """The flow of a directory, to be used; `verify_flow` says whether its claim holds.

    Raises:
        DataError: files that are missing or cannot be read.
    """
    from safetensors.torch import load_file

    record = read_record(directory)
    try:
        equation, starts = equation_of(record), Starts(**record["starts"])
        design, budget = Design(**record["design"]), Budget(**record["budget"])
        certificate = FlowCertificate(equation, starts, float(record["epsilon"]), design, budget)
        module = build(equation, solution_range(equation, starts), design)
        module.load_state_dict(load_file(Path(directory) / WEIGHTS))
    except (KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
        raise DataError(f"flow: {directory} is damaged ({error}); compile again.") from error
    return CompiledFlow(module, certificate)


def read_record(directory: Path | str, kind: str = FORMAT) -> dict[str, Any]:
    """The claim as JSON values; nothing is checked but the format.

    Raises:
        DataError: no such file, or none of this format.
    """
    path = Path(directory) / CERTIFICATE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"flow: {path} cannot be read ({error}).") from error
    if not isinstance(record, dict) or record.get("format") != kind:
        raise DataError(f"flow: {path} is no {kind}; compile again.")
    return record


def equation_of(record: dict[str, Any]) -> ReactionDiffusion:
    """The equation of a claim."""
    e = record["equation"]
    return ReactionDiffusion(
        name=str(e["name"]),
        diffusivity=Fraction(e["diffusivity"]),
        drift=Fraction(e["drift"]),
        reaction=Polynomial.of([Fraction(c) for c in e["reaction"]]),
        length=Fraction(e["length"]),
        time=Fraction(e["time"]),
        ends=PERIODIC if e["walls"] is None else Walls(*e["walls"]),
    )


def _record(certificate: FlowCertificate) -> dict[str, Any]:
    e = certificate.equation
    return {
        "format": FORMAT,
        "claim": "|module(u0 at the sensors) - u(T) at the places| <= bound for every such start",
        "equation": {
            "name": e.name,
            "diffusivity": str(e.diffusivity),
            "drift": str(e.drift),
            "reaction": [str(c) for c in e.reaction.coefficients],
            "length": str(e.length),
            "time": str(e.time),
            "walls": [e.ends.left, e.ends.right] if isinstance(e.ends, Walls) else None,
        },
        "starts": asdict(certificate.starts),
        "epsilon": certificate.epsilon,
        "bound": certificate.bound,
        "design": asdict(certificate.design),
        "budget": asdict(certificate.budget),
    }
