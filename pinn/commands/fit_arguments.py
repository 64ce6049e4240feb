"""Settings, limits and progress of a fit by a network, from the arguments of `identify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pinn.settings import Settings
    from pinn.training.trainer import Limits, Progress


def network_settings(arguments: argparse.Namespace, **choices: Any) -> Settings:
    """Settings of a fit from the arguments."""
    from pinn.identification.flow_network import default_settings
    from pinn.networks import MLP, PhysicsFormer
    from sciformer.cli.arguments import resolve_device

    # 1,422 parameters each with two fields of three coordinates and the phase of a wave.
    networks = {"mlp": MLP.Sizes(), "physicsformer": PhysicsFormer.Sizes(steps=3)}
    device = str(resolve_device(arguments.device))
    return default_settings(
        network=networks[arguments.model], threads=arguments.threads, device=device, **choices
    )


def limits(arguments: argparse.Namespace) -> Limits:
    """Limits of a fit from the arguments."""
    from pinn.training.trainer import Limits

    return Limits(arguments.budget, arguments.iterations)


def shower(progress: Any, done: int, arguments: argparse.Namespace) -> Callable[[Progress], None]:
    """An observer that shows a fit about once a second."""
    last = [-1.0]

    def show(report: Progress) -> None:
        if report.elapsed - last[0] < 1:
            return
        last[0] = report.elapsed
        share = min(1.0, report.elapsed / arguments.budget)
        progress.update(done + share, step=report.iteration, loss=report.loss, **report.values)

    return show
