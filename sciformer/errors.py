"""The errors a user can meet: one sentence saying who, what was wanted, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SciformerError(Exception):
    """Base of every error raised on purpose; its text is one sentence meant for a person."""


class UsageError(SciformerError, ValueError):
    """The caller asked for something impossible; the command line exits with status 2."""


class ShapeError(UsageError):
    """Tensors whose shapes do not fit together."""


class DomainError(UsageError):
    """A value outside the range in which the mathematics holds."""


class DataError(UsageError):
    """A file or array that is missing, malformed or not finite."""


class UnknownNameError(UsageError):
    """A name that is not registered; built by `unknown_name`."""


class ConvergenceError(SciformerError, RuntimeError):
    """A computation that ran and failed, such as a residual that stopped being finite."""


class RunError(SciformerError, RuntimeError):
    """A run directory that cannot be written or whose checkpoints are all damaged."""


class CertificateError(SciformerError, RuntimeError):
    """A certificate that does not hold for the weights it came with."""


def unknown_name(who: str, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that does not exist, with the nearest known name.

    Args:
        who: name of the caller, for example "sciformer solve".
        kind: what was named, for example "problem".
        name: the name that came.
        known: all names that would have been accepted.

    Returns:
        The error, to be raised by the caller.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return UnknownNameError(f"{who}: unknown {kind} {name!r}.{hint} Known: {', '.join(names)}.")
