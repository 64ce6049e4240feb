"""The part of `sciformer compile --pde` that is systems: built and observed, without a proof."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from sciformer.errors import UsageError
from theory.commands.results import publish

if TYPE_CHECKING:
    from theory.flows.systems import System

NO_CERTIFICATE = "no certificate: observed error only"


def run(arguments: argparse.Namespace) -> int:
    """Compiles, writes and reports; the exit status says that nothing was proven."""
    begin = time.perf_counter()
    if arguments.starts or arguments.tokens is not None:
        raise UsageError(
            f"sciformer compile: {arguments.pde} has no certificate, so no class of starts and no "
            "number of tokens can be asked for; leave out --starts and --tokens."
        )
    import numpy as np

    from sciformer.cli.console import note
    from theory.commands.verify import NO_PROOF
    from theory.flows.observed import size_by_observation

    system = _asked(arguments)
    # The trivial state, and Pearson's perturbation of it.
    rest, raised = np.array([1.0, 0.0]), np.array([0.5, 0.25])
    flow = size_by_observation(system, arguments.epsilon, rest, raised)
    metrics = {
        "epsilon": arguments.epsilon,
        "certified_bound": None,
        "certificate": NO_CERTIFICATE,
        "observed_error": flow.observed,
        "observed_starts": flow.starts,
        "layers": flow.module.depth,
        "heads": len(system.fields),
        "tokens": flow.tokens,
        "hidden_units": 0,
        "parameters": sum(b.numel() for b in flow.module.state_dict().values()),
        "time": system.time,
        "seconds": time.perf_counter() - begin,
    }
    config = {"pde": arguments.pde, "epsilon": arguments.epsilon, "time": system.time}
    publish(arguments, config, metrics)
    note(
        f"{arguments.pde}: {NO_CERTIFICATE}. Two fields with two diffusivities rule it out, "
        "as the constants of the splitting error are known for one field. Build it in Python by "
        f"`theory.flows.systems.split_system(gray_scott(), tokens={flow.tokens}, "
        f"depth={flow.module.depth})`."
    )
    return NO_PROOF


def _asked(arguments: argparse.Namespace) -> System:
    from dataclasses import replace

    from theory.flows.systems import gray_scott

    system = gray_scott()
    return system if arguments.time is None else replace(system, time=arguments.time)
