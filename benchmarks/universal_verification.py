"""Prints the table of docs/tutorials/compile.md: what it costs to compile, certify and verify.

CPU seconds of one thread. Certification is `certify` on the finished layer; verification is
`verify` on its files, reading and every leaf included. Each is the least of three runs, so that
sympy's caches are warm for both.

    python benchmarks/universal_verification.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import theory
from sciformer.cli.console import print_table
from theory.universal.certifier.certify import certify
from theory.universal.formula.target import read_target
from theory.universal.layer import weights_of
from theory.universal.verifier.verify import verify

ROWS = [
    ("x1*x2; sin(2*x1+x2)", 2, 0.05),
    ("x1*x2; sin(2*x1+x2)", 2, 0.01),
    ("exp(-4*(x1**2 + x2**2))", 2, 0.02),
    ("|x1 - x2|; sqrt(x1 + 1)", 2, 0.05),
    ("x1*x2 + x3*x4; x1; x2; x3", 4, 0.1),
    ("x1*x2*x3", 3, 0.1),
    ("sin(2*x1*x2) + x3**2", 3, 0.05),
    ("max(x1, x2, x3)", 3, 0.3),
    ("tanh(x1*x2) + exp(x3)/(3 + x1)", 3, 0.3),
]
HEADERS = ["formula", "tokens", "epsilon", "units", "boxes", "bound", "certify", "verify", "ratio"]


def cost(action: Callable[[], object]) -> float:
    """The least CPU seconds of three runs."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return min(seconds)


def row(formula: str, tokens: int, epsilon: float) -> list[object]:
    """One line of the table."""
    layer = theory.compile(formula, tokens, epsilon=epsilon)
    weights, target = weights_of(layer.module), read_target(formula, tokens)
    with tempfile.TemporaryDirectory() as directory:
        path = layer.save(Path(directory) / "layer")
        certifying = cost(lambda: certify(weights, target, epsilon))
        verifying = cost(lambda: verify(path))
        result = verify(path)
    units, boxes = weights.hidden_units, layer.certificate.boxes
    metrics = [f"{result.bound:.5f}", f"{certifying:.3f}", f"{verifying:.3f}"]
    return [formula, tokens, epsilon, units, boxes, *metrics, f"{verifying / certifying:.1f}"]


if __name__ == "__main__":
    print_table([row(*given) for given in ROWS], HEADERS)
