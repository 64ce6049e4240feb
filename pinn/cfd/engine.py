"""The finite-element library, imported only where a flow is computed."""

from __future__ import annotations

import importlib
from typing import Any

from sciformer.errors import UsageError


def finite_elements() -> tuple[Any, Any]:
    """The modules `ngsolve` and `netgen.occ`.

    Raises:
        UsageError: NGSolve is not installed.

    Source: NGSolve 6.2 (J. Schoeberl and others, LGPL-2.1), https://ngsolve.org.
    """
    try:
        return importlib.import_module("ngsolve"), importlib.import_module("netgen.occ")
    except ImportError as error:
        raise UsageError(
            "sciformer wake: computing a flow needs NGSolve, which is not installed; "
            "install it with pip install 'sciformer[cfd]'."
        ) from error
