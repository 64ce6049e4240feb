"""Problems by name: those of the package, those other packages register, and files of one's own."""

from __future__ import annotations

import inspect
import math
import types
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat, TypeVar

from pinn.problem.problem import Problem
from pinn.problem.source import MOST_BYTES, is_file
from sciformer.errors import DataError, UsageError, unknown_name
from sciformer.runs.reading import read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GROUP = "sciformer.problems"
T = TypeVar("T")


def find_problem(name: str, parameters: Mapping[str, float] | None = None) -> Problem:
    """The problem of a name, or of a Python file.

    Args:
        name: a registered name, `my_pde.py`, or `my_pde.py:name` where the file holds several.
        parameters: arguments of the function that makes the problem.

    Raises:
        UnknownNameError: no such name; the sentence holds the nearest one.
        DataError: the file is missing, fails, or holds no problem of that name.
        UsageError: a parameter that the problem does not have.

    Examples:
        >>> find_problem("burgers", {"viscosity": 0.02}).domain.intervals
        {'x': (-1.0, 1.0), 't': (0.0, 1.0)}
    """
    made = only_in_file(name, Problem) if is_file(name) else _registered(name)
    given = dict(parameters or {})
    if isinstance(made, Problem):
        if given:
            raise unknown_name(name, "parameter", next(iter(given)), ())
        return made
    for key in given:
        if key not in inspect.signature(made).parameters:
            raise unknown_name(name, "parameter", key, inspect.signature(made).parameters)
        default, value = inspect.signature(made).parameters[key].default, given[key]
        if isinstance(default, int | float) and not _is_finite(value):
            raise UsageError(f"{name}: {key} must be a finite number; got {str(value)[:60]!r}.")
    return made(**given)


def _is_finite(value: object) -> bool:
    """Whether it is a finite number, of Python or of numpy."""
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        return False
    try:
        return math.isfinite(float(value))
    except (ValueError, OverflowError, TypeError, RuntimeError):
        return False


def parameters_of(name: str) -> dict[str, float]:
    """The parameters a problem can be given, with their defaults."""
    made = only_in_file(name, Problem) if is_file(name) else _registered(name)
    if isinstance(made, Problem):
        return {}
    return {key: p.default for key, p in inspect.signature(made).parameters.items()}


def _registered(name: str) -> Problem | Callable[..., Problem]:
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise unknown_name("sciformer solve", "problem", name, known)
    made: Problem | Callable[..., Problem] = known[name].load()
    return made


def only_in_file(name: str, kind: type[T]) -> T:
    """The object of a kind that a Python file of one's own defines; the file is executed.

    Args:
        name: `my_file.py`, or `my_file.py:name` where the file holds several.
        kind: such as `Problem`.

    Raises:
        UnknownNameError: no object of that name.
        DataError: no such file, or it fails.
        UsageError: the file holds none, or several.
    """
    path, _, wanted = name.partition(":")
    found = {key: value for key, value in run_file(Path(path)).items() if isinstance(value, kind)}
    if wanted:
        if wanted not in found:
            raise unknown_name(path, kind.__name__.lower(), wanted, found)
        return found[wanted]
    if len(found) != 1:
        what = f"holds {len(found)} ({', '.join(sorted(found))})" if found else "holds none"
        raise UsageError(
            f"{path}: needs exactly one {kind.__name__}, it {what}; name one as {path}:name."
        )
    return next(iter(found.values()))


def run_file(path: Path) -> dict[str, Any]:
    """The names that a Python file of one's own defines; it is executed.

    Raises:
        DataError: no such file, or it fails.
    """
    if not path.is_file():
        raise DataError(f"sciformer solve: no Python file {path}.")
    # The text itself, not a cache of compiled code that may lie beside it and say something else.
    content = read_bytes(path, MOST_BYTES)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(content, str(path), "exec"), vars(module))
    except UsageError:
        raise
    except Exception as error:
        raise DataError(f"{path}: fails with {type(error).__name__}: {error}.") from error
    return vars(module)
