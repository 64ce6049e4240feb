"""Environment on which a result depends besides its configuration: versions, threads, machine,
source.
"""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Any

import sciformer


def describe() -> dict[str, Any]:
    """Versions of what computes, the thread count, the platform and the commit if there is one."""
    import numpy
    import torch

    return {
        "sciformer": sciformer.__version__,
        "git": commit(Path(sciformer.__file__).parents[1]),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
    }


def commit(root: Path) -> str | None:
    """Commit of the checkout at `root`, "-dirty" if files differ from it; None if there is none."""
    if not (root / ".git").exists():
        return None
    command = ["git", "--no-optional-locks", "-C", str(root)]
    command += ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
