"""A solve as the command line asks for it: problem, settings, limits, run and progress."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from pinn.settings import Settings
    from pinn.training.trainer import Limits, Progress
    from pinn.trial.trial_solution import TrialSolution
    from sciformer.runs import Run
    from sciformer.runs.processes import Processes


class Request:
    """A solve that the arguments ask for, after the choices of a resumed run.

    Attributes:
        name: of the problem, or its Python file.
        problem: what is solved.
        settings: all choices, the given ones in place of those advised.

    Raises:
        UsageError: no problem, or choices that do not fit it.
    """

    def __init__(self, arguments: argparse.Namespace, processes: Processes) -> None:
        from pinn.commands.choices import chosen_settings, problem_parameters
        from pinn.problem.registry import find_problem, parameters_of
        from sciformer.cli.arguments import resolve_device

        self._arguments, self._processes = arguments, processes
        self._old = self._resumed()
        name = arguments.problem
        if name is None and self._old:
            from pinn.problem.source import name_in

            name = name_in(self._old, trust=arguments.trust)
        if name is None:
            from sciformer.errors import UsageError

            raise UsageError(
                "sciformer solve: which problem? For example `sciformer solve burgers`; "
                "`sciformer list problems` shows all."
            )
        self.name: str = name
        own = parameters_of(name)
        parameters, pairs = problem_parameters(own, arguments.pairs)
        parameters = {**(self._old.config["parameters"] if self._old else {}), **parameters}
        self.problem = find_problem(name, parameters)
        self.settings = chosen_settings(self._base(), self.problem, own, arguments, pairs)
        resolve_device(self.settings.device)
        if arguments.certify:
            from pinn.commands.certify_solution import refuse_unprovable

            refuse_unprovable(self.problem, self.settings)
        self._config = {"problem": name, "parameters": parameters}
        if self._old and "edits" in self._old.config:
            self._config["edits"] = self._old.config["edits"]

    def solve(self, settings: Settings, directory: Any) -> dict[str, Any]:
        """The result of one solve; the first process shows the progress, and writes."""
        from pinn.solving import solve
        from sciformer.cli.console import Progress as Bar
        from sciformer.cli.console import note
        from sciformer.runs.interrupts import INTERRUPTED

        limits = self._limits()
        made: list[Run] = []
        solved_by = partial(
            solve,
            self.problem,
            settings,
            limits,
            progress=False,
            processes=self._processes,
            trial=self._smaller(settings),
            estimate_error=self._arguments.estimate_error,
        )

        def start(decided: Settings) -> Run:
            made.append(self._run(decided, directory))
            return made[0]

        if self._processes.rank != 0:
            solved = solved_by()
        else:
            with Bar(total=1.0, label=self.problem.name) as progress:
                seen = [lambda report: _show(progress, report, limits)]
                solved = solved_by(observers=seen, run=start)
        if solved.stopped == INTERRUPTED:
            if made:
                note(
                    f"{self.problem.name}: interrupted after {solved.iterations} steps; the "
                    f"checkpoint is kept, go on by sciformer solve --resume {made[0].path}"
                )
            raise KeyboardInterrupt
        if not made:
            return solved.summary()
        described = {**solved.summary(), "run": str(made[0].path)}
        if self._arguments.certify:
            from pinn.commands.certify_solution import certify

            described |= certify(solved.solution, self._arguments.certify, made[0])
        return described

    def _run(self, settings: Settings, directory: Any) -> Run:
        from pinn.problem.source import create, resume

        config = {**self._config, "settings": settings.to_json()}
        if self._old is None or directory is not self._arguments.out:
            return create(directory, self.problem.name, config)
        return resume(self._arguments.resume, config)

    def _smaller(self, settings: Settings) -> TrialSolution | None:
        """The network that `sciformer compress` left, where that is resumed."""
        from pinn.assembly import kept_trial

        if "edits" not in self._config:
            return None
        return kept_trial(self.problem, settings, self._config)

    def _resumed(self) -> Run | None:
        from pinn.saved_network import open_solve

        return open_solve(self._arguments.resume) if self._arguments.resume else None

    def _limits(self) -> Limits:
        from pinn.training.trainer import DEFAULT_BUDGET_SECONDS, Limits

        budget, iterations = self._arguments.budget, self._arguments.iterations
        if budget is None and iterations is None:
            budget = self.problem.advice.get("budget", DEFAULT_BUDGET_SECONDS)
        return Limits(budget, iterations)

    def _base(self) -> Settings:
        """The choices of the resumed run, or what the problem advises; without its network, if the
        user chooses tokens per point.
        """
        import dataclasses

        from pinn.commands.choices import where_possible
        from pinn.networks import Race
        from pinn.settings import Settings

        if self._old is not None:
            saved = Settings.from_json(self._old.config["settings"])
            return where_possible(saved, self._arguments.device)
        advised, given = Settings.advised(self.problem), self._arguments
        if given.certify and given.model is None:
            from pinn.commands.certify_solution import provable

            return provable(advised)
        if given.steps or given.mixer or given.ablation:
            return dataclasses.replace(advised, network=Settings().network)
        if isinstance(advised.network, Race) and _names_a_size(given.pairs):
            return dataclasses.replace(advised, network=Settings().network)
        return advised


def _names_a_size(pairs: list[str]) -> bool:
    """Whether words such as width=16 set sizes of a PhysicsFormer."""
    from pinn.commands.choices import sizes_of
    from pinn.networks import PhysicsFormer

    sizes = sizes_of(PhysicsFormer.Sizes())
    return any(pair.partition("=")[0].removeprefix("network.") in sizes for pair in pairs)


def _show(progress: Any, report: Progress, limits: Limits) -> None:
    metrics: dict[str, Any] = {
        "step": report.iteration,
        "points": report.points,
        "loss": report.loss,
        **report.values,
    }
    if math.isfinite(report.validation):
        metrics["validation"] = report.validation
    if report.error is not None:
        metrics["relative L2"] = report.error
    progress.update(min(1.0, limits.spent(report)), **metrics)
