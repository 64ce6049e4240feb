"""The part of `sciformer compile --pde` that is Burgers' equation: one head, no layers."""

from __future__ import annotations

import argparse
import time

from theory.commands.results import publish


def run(arguments: argparse.Namespace) -> int:
    """Compiles, writes and reports."""
    begin = time.perf_counter()
    from dataclasses import asdict

    from sciformer.cli.console import note
    from theory.flows.burgers import compile_burgers
    from theory.flows.reference import burgers_error
    from theory.flows.starts import Starts
    from theory.flows.storage import save_burgers

    starts = Starts.read(arguments.starts, Starts(-1.0, 1.0, 10.0, waves=8))
    latest = 1.0 if arguments.time is None else arguments.time
    flow = compile_burgers(starts, arguments.epsilon, earliest=latest / 10, latest=latest)
    seconds = time.perf_counter() - begin
    config = {"pde": arguments.pde, "epsilon": flow.epsilon, "starts": str(starts)}
    metrics = {
        "epsilon": flow.epsilon,
        "certified_bound": flow.bound,
        "observed_error": burgers_error(flow),
        "layers": 1,
        "heads": 1,
        "tokens": flow.module.potential.out_features * (2 * flow.module.images + 1),
        "sensors": flow.module.sensors,
        "hidden_units": 0,
        "parameters": sum(p.numel() for p in flow.module.parameters()),
        "starts": str(starts),
        **asdict(flow.instant),
        "seconds": seconds,
    }
    path = publish(arguments, config, metrics, lambda run: save_burgers(flow, run.path))
    if not arguments.json:
        note(
            f"every start with {flow.starts}, 0 <= x <= 1 and t from {flow.instant.earliest:g} to "
            f"{flow.instant.latest:g}; written to {path}"
        )
    return 0
