"""The bar that a solve shows in a terminal or a notebook."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinn.training.progress import Limits, Progress


class Bar:
    """Shows a training as a bar: a widget in notebooks, a line on terminals.

    Args:
        label: what is trained.
        limits: by which its share is measured.
    """

    def __init__(self, label: str, limits: Limits) -> None:
        from tqdm.auto import tqdm

        self._limits = limits
        form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
        self._bar: Any = tqdm(total=1.0, desc=label, bar_format=form)

    def __call__(self, progress: Progress) -> None:
        """Shows where the training stands; an observer of `Trainer.run`."""
        metrics = {"step": progress.iteration, "validation": progress.validation, **progress.values}
        if progress.error is not None:
            metrics["relative L2"] = progress.error
        self._bar.n = min(1.0, self._limits.spent(progress))
        self._bar.set_postfix({key: f"{value:.4g}" for key, value in metrics.items()})
        if progress.stopped is not None:
            self._bar.close()


def bars(label: str, limits: Limits) -> list[Bar]:
    """A bar where somebody can see it; none where stderr is a file."""
    is_seen = "ipykernel" in sys.modules or sys.stderr.isatty()
    return [Bar(label, limits)] if is_seen else []
