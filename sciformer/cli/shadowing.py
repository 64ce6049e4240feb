"""Check that a package of ours is the one that Python would import.

PyPI has an unrelated `pinn`; installed beside ours, or lying in a folder of PYTHONPATH, it would be
imported in our place and fail far from the cause.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from importlib.metadata import Distribution
from pathlib import Path

import sciformer
from sciformer.errors import SciformerError

HOME = Path(sciformer.__file__).resolve().parents[1]


class InstallationError(SciformerError, ImportError):
    """An installed name whose module is missing or hidden by a foreign package."""


def refuse_foreign(package: str, distribution: Distribution) -> None:
    """Raises if `package` is not the one that `distribution` brought.

    Args:
        package: name of a top-level package of ours; ours stand side by side.
        distribution: ours, whose record tells what was installed.

    Raises:
        InstallationError: naming the file that was found, and how to mend it.
    """
    ours = HOME / package / "__init__.py"
    spec = importlib.util.find_spec(package)
    if spec is None or not ours.is_file():
        raise InstallationError(
            f"sciformer: its package {package!r} is missing in {HOME}; reinstall sciformer."
        )
    found = Path(spec.origin or "").resolve()
    if found != ours:
        raise InstallationError(
            f"sciformer: a foreign package {package!r} hides ours: Python finds {found} before "
            f"{ours}; uninstall or rename it, or take its folder off PYTHONPATH."
        )
    if _is_overwritten(ours, distribution):
        raise InstallationError(
            f"sciformer: another package has overwritten {ours}; uninstall it "
            f"(pip uninstall {package}), then reinstall sciformer (pip install --force-reinstall)."
        )


def _is_overwritten(path: Path, distribution: Distribution) -> bool:
    """Whether the file differs from the record; an editable install has no record of it."""
    name = path.relative_to(HOME).as_posix()
    for entry in distribution.files or ():
        if entry.as_posix() == name and entry.hash is not None and entry.hash.mode == "sha256":
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest())
            return digest.decode().rstrip("=") != entry.hash.value
    return False
