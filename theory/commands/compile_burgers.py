"""The part of `sciformer compile --pde` that is Burgers' equation: one head, no layers."""

from __future__ import annotations

import argparse
import time


def run(arguments: argparse.Namespace) -> int:
    """Compiles, writes and reports."""
    begin = time.perf_counter()
    from dataclasses import asdict

    from safetensors.torch import save_file

    from sciformer.cli.console import print_json, print_table
    from sciformer.runs import Run
    from theory.flows.burgers import compile_burgers
    from theory.flows.reference import burgers_error
    from theory.flows.starts import Starts

    starts = Starts.read(arguments.starts, Starts(-1.0, 1.0, 10.0, waves=8))
    latest = 1.0 if arguments.time is None else arguments.time
    flow = compile_burgers(starts, arguments.epsilon, earliest=latest / 10, latest=latest)
    seconds = time.perf_counter() - begin
    config = {"pde": arguments.pde, "epsilon": flow.epsilon, "starts": str(starts)}
    directory = Run.create(arguments.out, "compile", config)
    with directory.file("head.safetensors") as path:
        save_file({k: v.contiguous() for k, v in flow.module.state_dict().items()}, path)
    figures = {
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
        "path": str(directory.path),
    }
    directory.write_json("summary.json", figures)
    if arguments.json:
        print_json(figures)
    else:
        print_table([[name, value] for name, value in figures.items()], ["compile", ""])
    return 0
