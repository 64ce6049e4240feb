"""The final table of `sciformer solve`."""

from __future__ import annotations

from typing import Any

NOT_CONVERGED = 3
"""Exit status of a training that ran and did not converge."""


def print_results(results: list[dict[str, Any]]) -> None:
    """Prints the solution beside its ablation, if there is one, in one row per result."""
    from sciformer.cli.console import print_table

    shown = {
        "problem": "problem",
        "verdict": "verdict",
        "reasons": "because",
        "next": "what to do",
        "model": "model",
        "choice": "chosen",
        "seed": "seed",
        "parameters": "parameters",
        "dtype": "arithmetic",
        "iterations": "steps",
        "train_seconds": "training, s",
        "wall_seconds": "all, s",
        "validation": "validation residual, mean square",
        "error_estimate": "relative L2 error, estimated",
        "error_bound": "error bound",
        "proven": "proven",
        "certificate": "certificate",
        "relative_l2": "relative L2 error",
        "relative_l2_by_field": "of each field",
        "mse": "mean squared error",
        "mse_by_field": "of each field",
        "max_error": "largest error",
        "found": "found",
        "attention": "attention",
        "training": "how",
        "stopped": "stopped",
        "run": "run",
    }
    rows = [
        (label, *(_cell(key, result.get(key)) for result in results))
        for key, label in shown.items()
        if any(result.get(key) not in (None, "", []) for result in results)
    ]
    headers = ["", "solution", "one token"][: len(results) + 1]
    print_table(rows, headers)


def warn(results: list[dict[str, Any]]) -> None:
    """Prints on stderr, in one sentence each, which results are not to be trusted, and why."""
    from sciformer.cli.console import note

    for result in results:
        if result.get("not_proven"):
            note(f"{result['problem']}: NOT PROVEN: {result['not_proven']}")
        if not result.get("converged", True):
            because = "; ".join(result["reasons"])
            note(
                f"{result.get('problem', 'the fit')}: {result['verdict'].upper()}: {because}. "
                f"{result['next']}"
            )


def halt_after_results(results: list[dict[str, Any]]) -> None:
    """Ends an interrupted command as such, once what was found before Ctrl-C has been shown.

    Raises:
        KeyboardInterrupt: one of the results was cut short by Ctrl-C.
    """
    from sciformer.runs.interrupts import INTERRUPTED

    if any(result.get("stopped") == INTERRUPTED for result in results):
        raise KeyboardInterrupt


def status_of(results: list[dict[str, Any]]) -> int:
    """The exit status: 3 if one of the results has not converged or was not proven as asked, 0
    otherwise.
    """
    has_failed = any(
        result.get("verdict") == "not converged" or result.get("not_proven") for result in results
    )
    return NOT_CONVERGED if has_failed else 0


def _cell(key: str, value: Any) -> Any:
    if key == "attention" and value is not None:
        entropies = ", ".join(f"{h:.4f}" for h in value["entropy"].values())
        return f"entropy/log k {entropies}; cut to one token changes {value['cut_to_one']:.1%}"
    if key in ("error_bound", "proven") and value is not None:
        relative = "" if value["relative"] is None else f", {value['relative']:.2e} of the solution"
        return f"{value['norm']} error <= {value['bound']:.2e} ({value['kind']}{relative})"
    if key == "reasons" and value is not None:
        return "; ".join(value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_plain(inner)}" for name, inner in value.items())
    return value


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
