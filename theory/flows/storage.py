"""Compiled flows on the disk: the weights, and the claim about them."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sciformer.errors import DataError, DomainError
from sciformer.runs.files import atomic
from theory.flows.budget import Budget, solution_range
from theory.flows.burgers import CompiledBurgers
from theory.flows.burgers_bounds import Instant
from theory.flows.cole_hopf import ColeHopfHead
from theory.flows.compile_flow import CompiledFlow, FlowCertificate
from theory.flows.design import Design, build
from theory.flows.ends import PERIODIC, Walls
from theory.flows.equation import ReactionDiffusion
from theory.flows.expression import Expression
from theory.flows.polynomial import Polynomial
from theory.flows.rate import Rate
from theory.flows.record import (
    BURGERS_CLAIM,
    BURGERS_FORMAT,
    CERTIFICATE,
    CLAIM,
    FORMAT,
    WEIGHTS,
    BurgersRecord,
    FlowRecord,
    is_in_reach,
    number,
    read_record,
    values,
)
from theory.flows.starts import Starts
from theory.flows.stored_weights import read_weights
from theory.universal.reading import Tensors


def is_flow(directory: Path | str) -> bool:
    """Whether a directory holds a compiled flow."""
    return (Path(directory) / CERTIFICATE).is_file()


def save(flow: CompiledFlow, directory: Path | str) -> Path:
    """Writes weights and certificate into a directory and returns it.

    Raises:
        DomainError: numbers with which a verifier would leave the range of floats.
    """
    _require_reach(flow.certificate)
    return _write(Path(directory), flow.module, _record(flow.certificate))


def save_burgers(flow: CompiledBurgers, directory: Path | str) -> Path:
    """Writes the weights of a Burgers head and the claim about them into a directory."""
    head, instant = flow.module, flow.instant
    record = {
        "format": BURGERS_FORMAT,
        "claim": BURGERS_CLAIM,
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
    record = read_record(Path(directory))
    if not isinstance(record, BurgersRecord):
        raise DataError(f"flow: {directory} holds layers and no Burgers head; use `load`.")
    e, d, starts = record.equation, record.design, Starts(**values(record.starts))
    size = max(abs(starts.lower), abs(starts.upper))
    instant = Instant(e.viscosity, e.earliest, e.latest, size, starts.slope)
    tensors = read_weights(Path(directory), record)
    module = ColeHopfHead(d.sensors, d.tokens, d.images)
    _fill(module, tensors)
    return CompiledBurgers(module, instant, starts, record.epsilon, record.bound)


def load(directory: Path | str) -> CompiledFlow:
    """The flow of a directory, to be used; `verify_flow` says whether its claim holds.

    Raises:
        DataError: files that are missing or cannot be read.
    """
    record = read_record(Path(directory))
    if not isinstance(record, FlowRecord):
        raise DataError(f"flow: {directory} holds a Burgers head; use `load_burgers`.")
    equation, starts = equation_of(record), Starts(**values(record.starts))
    design, budget = Design(**values(record.design)), Budget(**values(record.budget))
    certificate = FlowCertificate(equation, starts, record.epsilon, design, budget)
    tensors = read_weights(Path(directory), record)  # before a module of its sizes is made
    module = build(equation, solution_range(equation, starts), design)
    _fill(module, tensors)
    return CompiledFlow(module, certificate)


def _fill(module: nn.Module, tensors: Tensors) -> None:
    try:
        module.load_state_dict({name: torch.from_numpy(t) for name, t in tensors.items()})
    except RuntimeError as error:  # another number of keys than the kernel reaches
        raise DataError(f"flow: the weights are of another design ({error}).") from error


def equation_of(record: FlowRecord) -> ReactionDiffusion:
    """The equation of a claim."""
    e = record.equation
    return ReactionDiffusion(
        name=e.name,
        diffusivity=number(e.diffusivity),
        drift=number(e.drift),
        reaction=_reaction_of(e.reaction),
        length=number(e.length),
        time=number(e.time),
        ends=PERIODIC if e.walls is None else Walls(*e.walls),
        left=number(e.left),
    )


def _reaction_of(written: list[str] | str) -> Rate:
    if isinstance(written, str):
        return Expression.read(written)
    return Polynomial.of([number(c) for c in written])


def _require_reach(certificate: FlowCertificate) -> None:
    equation, starts = certificate.equation, certificate.starts
    numbers = [equation.diffusivity, equation.drift, equation.length, equation.time, equation.left]
    numbers += map(Fraction, (starts.lower, starts.upper, starts.slope))
    if isinstance(equation.reaction, Polynomial):
        numbers += equation.reaction.coefficients
    if not all(map(is_in_reach, numbers)):
        raise DomainError(
            f"flow: a number of {equation.name} or its starts is beyond 1e70 or closer to 0 than "
            "1e-70, where no verifier could follow; choose other units."
        )


def _record(certificate: FlowCertificate) -> dict[str, Any]:
    e = certificate.equation
    return {
        "format": FORMAT,
        "claim": CLAIM,
        "equation": {
            "name": e.name,
            "diffusivity": str(e.diffusivity),
            "drift": str(e.drift),
            "reaction": e.reaction.written,
            "length": str(e.length),
            "time": str(e.time),
            "walls": [e.ends.left, e.ends.right] if isinstance(e.ends, Walls) else None,
            "left": str(e.left),
        },
        "starts": asdict(certificate.starts),
        "epsilon": certificate.epsilon,
        "bound": certificate.bound,
        "design": asdict(certificate.design),
        "budget": asdict(certificate.budget),
    }
