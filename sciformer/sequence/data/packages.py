"""Packages with data sets, imported when needed."""

from __future__ import annotations

import importlib
from typing import Any

from sciformer.errors import DataError


def wanted(module: str, package: str, dataset: str) -> Any:
    """The module, or an error that says how to install it.

    Raises:
        DataError: it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(
            f"{dataset}: the package {package} is needed for this data set and cannot be imported "
            f"({error}); install it with `pip install {package}`."
        ) from error
