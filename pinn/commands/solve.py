"""Solve a differential equation with a physics-informed transformer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinn.settings import Settings
    from pinn.training.trainer import Limits, Report
    from sciformer.runs import Run
    from sciformer.runs.processes import Processes

EPILOG = """examples:
  sciformer solve burgers
  sciformer solve burgers --budget 120 --seed 3 --out runs/fine
  sciformer solve burgers --model mlp --set width=24 --json
  sciformer solve burgers --set viscosity=0.02 --ablation
  sciformer solve --resume runs/fine --budget 240
  sciformer solve convection --set beta=50 --set curriculum=beta:1:150
  sciformer solve kdv --set sampler=r3 --optimiser soap
  sciformer solve my_pde.py
  sciformer solve cavity --set form=velocity
  sciformer solve cylinder-wake --budget 600
  torchrun --nproc-per-node 2 -m sciformer solve burgers

The network that is kept is the one with the least residual on points it was never trained on; the
error against a reference is shown, and steers nothing. A run with --budget stops by the clock;
for the same numbers twice, bit for bit, give --iterations. Processes started by torchrun share the
points; the first one reports and writes."""


SEVERAL_PROCESSES = True  # those that torchrun starts share the points

# What `--set` may change beside the problem's parameters and the network's options.
TRAINING = [
    "balance",
    "causal",
    "conditions",
    "curriculum",
    "harmonics",
    "points",
    "sampler",
    "waves",
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from sciformer.cli.arguments import add_run_arguments, positive_integer, positive_number

    parser.epilog = EPILOG
    parser.add_argument(
        "problem", nargs="?", help="a name (see `sciformer list problems`) or a Python file"
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--trust",
        action="store_true",
        help="with --resume: execute the Python file that the run of somebody else names",
    )
    # None means "as in the resumed run, or else the default".
    parser.set_defaults(seed=None, dtype=None, device=None)
    parser.add_argument("--model", metavar="NAME", help="physicsformer (default) or mlp")
    parser.add_argument(
        "--budget", type=positive_number, metavar="SECONDS", help="training time (default 27)"
    )
    parser.add_argument(
        "--iterations", type=positive_integer, metavar="N", help="steps, instead of --budget"
    )
    parser.add_argument(
        "--optimiser",
        metavar="NAME",
        help="levenberg-marquardt (default), self-scaled-broyden, lbfgs, adam, or a name of "
        "pytorch_optimizer such as soap",
    )
    parser.add_argument("--steps", type=positive_integer, metavar="K", help="tokens per point")
    parser.add_argument(
        "--mixer", metavar="NAME", help="what mixes those tokens: attention (default), urpe or lmu"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="pairs",
        help="a parameter of the problem, of the network or of the training; repeatable",
    )
    parser.add_argument(
        "--ablation",
        action="store_true",
        help="then solve with one token per point, and print both (twice the time)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Solves, writes the run directory, prints the result."""
    from pinn.commands import flows
    from sciformer.errors import UsageError
    from sciformer.runs.launch import launch
    from sciformer.runs.processes import joined

    if flows.takes(arguments):
        if launch() is not None:
            raise UsageError("sciformer solve: flows take one process; run it without torchrun.")
        flows.run(arguments)
        return
    with joined() as processes:
        results = _results(arguments, processes)
        if processes.rank == 0:
            _show_results(arguments, results)


def _results(arguments: argparse.Namespace, processes: Processes) -> list[dict[str, Any]]:
    """The solution, and that with one token if it was asked for."""
    import dataclasses
    import time

    begun = time.monotonic()
    request = _Request(arguments, processes)
    described = request.solve(request.settings, arguments.out)
    # Imports, figure and files included, unlike the seconds of the library.
    results = [{**described, "wall_seconds": time.monotonic() - begun}]
    if arguments.ablation:
        network = {**request.settings.network, "steps": 1}
        one_token = dataclasses.replace(request.settings, network=network)
        results.append(request.solve(one_token, None))
    return results


def _show_results(arguments: argparse.Namespace, results: list[dict[str, Any]]) -> None:
    from pinn.commands.result_table import print_results
    from sciformer.cli.console import print_json

    if arguments.json:
        print_json({**results[0], **({"ablation": results[1]} if arguments.ablation else {})})
    else:
        print_results(results)


class _Request:
    """What the arguments ask for, after a resumed run's own choices."""

    def __init__(self, arguments: argparse.Namespace, processes: Processes) -> None:
        from pinn.problem.registry import find_problem

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
        parameters, self.settings = self._choices()
        self.problem = find_problem(self.name, parameters)
        self._config = {"problem": self.name, "parameters": parameters}

    def solve(self, settings: Settings, directory: Any) -> dict[str, Any]:
        """What one solve found; the first process tells how it goes, and writes."""
        from pinn.solving import solve
        from sciformer.cli.console import Progress

        limits, processes = self._limits(), self._processes
        if processes.rank != 0:
            return solve(self.problem, settings, limits, processes=processes).summary()
        run = self._run(settings, directory)
        with Progress(total=1.0, label=self.problem.name) as progress:
            solved = solve(
                self.problem,
                settings,
                limits,
                observers=[lambda report: _show(progress, report, limits)],
                run=run,
                processes=processes,
            )
        return {**solved.summary(), "run": str(run.path)}

    def _run(self, settings: Settings, directory: Any) -> Run:
        from dataclasses import asdict

        from pinn.problem.source import create, resume

        config = {**self._config, "settings": asdict(settings)}
        if self._old is None or directory is not self._arguments.out:
            return create(directory, self.problem.name, config)
        return resume(self._arguments.resume, config)

    def _resumed(self) -> Run | None:
        from pinn.solution import open_solve

        return open_solve(self._arguments.resume) if self._arguments.resume else None

    def _limits(self) -> Limits:
        from pinn.training.trainer import DEFAULT_BUDGET_SECONDS, Limits

        budget, iterations = self._arguments.budget, self._arguments.iterations
        if budget is None and iterations is None:
            budget = DEFAULT_BUDGET_SECONDS
        return Limits(budget, iterations)

    def _advice(self) -> dict[str, Any]:
        """What the problem advises; not its network, if the user chooses tokens per point."""
        from pinn.problem.registry import find_problem

        advice = dict(find_problem(self.name).advice)
        given = self._arguments
        if given.steps or given.mixer or given.ablation:
            advice = {k: v for k, v in advice.items() if k not in ("model", "network")}
        return advice

    def _choices(self) -> tuple[dict[str, Any], Settings]:
        """Parameters of the problem, and settings: arguments over the resumed run over defaults."""
        import dataclasses

        from pinn.settings import MODELS, Settings
        from sciformer.cli.arguments import resolve_device
        from sciformer.errors import unknown_name

        given = self._arguments
        old = self._old.config if self._old else {"parameters": {}, "settings": self._advice()}
        model = given.model or old["settings"].get("model", "physicsformer")
        if model not in MODELS:
            raise unknown_name("sciformer solve", "model", model, MODELS)
        parameters, network, changed = _split(self.name, model, given.pairs)
        chosen_for_network = {"steps": given.steps, "mixer": given.mixer}
        network.update({k: v for k, v in chosen_for_network.items() if v is not None})
        named = ("model", "optimiser", "seed", "threads", "dtype", "device")
        chosen = {n: getattr(given, n) for n in named if getattr(given, n) is not None}
        base = Settings(**old["settings"])
        network = {**(base.network if base.model == model else {}), **network}
        settings = dataclasses.replace(base, **{**chosen, **changed, "network": network})
        resolve_device(settings.device)
        return {**old["parameters"], **parameters}, settings


def _split(
    problem: str, model: str, pairs: list[str]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Words key=value as parameters of the problem, options of the network, and settings."""
    import dataclasses

    from pinn.problem.registry import parameters_of
    from pinn.settings import MODELS, Settings
    from sciformer.cli.settings import parse_settings
    from sciformer.errors import unknown_name

    own = parameters_of(problem)
    as_fields = dataclasses.make_dataclass("Parameters", [(k, type(v)) for k, v in own.items()])
    training = dataclasses.make_dataclass(
        "Training", [(f, type(getattr(Settings(), f))) for f in TRAINING]
    )
    groups = (as_fields, MODELS[model], training)
    names = [[f.name for f in dataclasses.fields(group)] for group in groups]
    for pair in pairs:
        key, equals, _ = pair.partition("=")
        if equals and not any(key in group for group in names):
            raise unknown_name("sciformer solve", "--set key", key, [k for g in names for k in g])
    found = [
        parse_settings("sciformer solve", [p for p in pairs if p.partition("=")[0] in keys], group)
        for keys, group in zip(names, groups, strict=True)
    ]
    return found[0], found[1], found[2]


def _show(progress: Any, report: Report, limits: Limits) -> None:
    spent = [0.0]
    if limits.budget is not None:
        spent.append(report.elapsed / limits.budget)
    if limits.iterations is not None:
        spent.append(report.iteration / limits.iterations)
    figures: dict[str, Any] = {
        "step": report.iteration,
        "points": report.points,
        "held-out residual": report.validation,
    }
    if report.error is not None:
        figures["relative L2"] = report.error
    progress.update(min(1.0, max(spent)), **figures)
