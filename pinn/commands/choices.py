"""Choices of a solve from the words of a command line, where names become objects."""

from __future__ import annotations

import dataclasses
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pinn.problem.problem import Problem
    from pinn.settings import Settings

WHO = "sciformer solve"
# Settings that `--set` may change by their own names; the others have options of their own.
TRAINING = (
    "causal",
    "conditions",
    "curriculum",
    "digits",
    "fade",
    "harmonics",
    "points",
    "sampler",
    "spread",
    "wave",
    "waves",
    "weighting",
)
# Settings that are objects, whose fields `--set` may change as in optimiser.damping=0.1.
OBJECTS = ("network", "optimiser", "sampler", "weighting", "digits")
PLANNED = "planned"  # the samplers of the schedule
ABSENT = (PLANNED, "none", "off")  # words for the absence of an object


def problem_parameters(
    own: Mapping[str, Any], pairs: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Parameters of a problem among words key=value, and the other words.

    Args:
        own: all parameters of the problem, with their defaults.
        pairs: the words.
    """
    from sciformer.cli.settings import parse_settings

    mine = [pair for pair in pairs if pair.partition("=")[0] in own]
    kinds = {key: type(value) for key, value in own.items()}
    values = parse_settings(WHO, mine, _typed(kinds))
    return values, [pair for pair in pairs if pair not in mine]


def chosen_settings(
    base: Settings,
    problem: Problem,
    own: Mapping[str, Any],
    arguments: argparse.Namespace,
    pairs: Sequence[str],
) -> Settings:
    """Settings changed by the arguments, and by words key=value.

    Args:
        base: what is changed.
        problem: for the parameters that a curriculum may change.
        own: parameters that the command takes for the problem, for messages.
        arguments: of the command.
        pairs: words such as "width=24", "optimiser.damping=0.1" or "points=2".

    Raises:
        UsageError: a word that means nothing, or a value that cannot be.
    """
    changes: dict[str, Any] = {}
    for name in ("seed", "threads", "dtype", "device", "windows"):
        if getattr(arguments, name) is not None:
            changes[name] = getattr(arguments, name)
    if arguments.optimiser is not None:
        changes["optimiser"] = find_optimiser(arguments.optimiser)
    if arguments.model is not None:
        changes["network"] = _network(arguments.model, base, problem)
    settings = dataclasses.replace(base, **changes)
    for option in ("steps", "mixer"):
        if getattr(arguments, option) is not None:
            pairs = [*pairs, f"network.{option}={getattr(arguments, option)}"]
    training, options = _sorted(settings, own, pairs)
    settings = _with_training(settings, problem, training)
    for kind, words in options.items():
        settings = dataclasses.replace(
            settings, **{kind: _changed(kind, getattr(settings, kind), words)}
        )
    return settings


def where_possible(settings: Settings, asked: str | None) -> Settings:
    """Settings of a saved run, on the CPU where its device is not here and no other is asked
    for."""
    from pinn.saved_network import available
    from sciformer.cli.console import note

    device = asked or available(settings.device)
    if asked is None and device != settings.device:
        note(f"device: {settings.device} is not available here; the run goes on on {device}.")
    return dataclasses.replace(settings, device=device)


def find_optimiser(name: str) -> Any:
    """A registered optimiser, or one of the package pytorch_optimizer."""
    from pinn import names
    from pinn.optimisers.first_order import FromLibrary, find_in_library
    from sciformer.errors import UsageError

    known = names.known("optimiser")
    if name == "library":
        raise UsageError(
            f"{WHO}: library stands for the package pytorch_optimizer; name one of its methods, "
            "such as soap."
        )
    if name in known:
        return names.make("optimiser", name)
    find_in_library(name, tuple(known))
    return FromLibrary(name)


def one_token(settings: Settings) -> Settings:
    """The settings with a single token per point.

    Raises:
        UsageError: the network reads no sequence.
    """
    from sciformer.errors import UsageError

    if "steps" not in _fields(settings.network):
        raise UsageError(f"{WHO}: --ablation needs a network with tokens, such as physicsformer.")
    network: Any = settings.network
    return dataclasses.replace(settings, network=dataclasses.replace(network, steps=1))


def sizes_of(network: Any) -> tuple[str, ...]:
    """Names of the sizes that a network can be given."""
    return tuple(_fields(network))


def _network(name: str, base: Settings, problem: Problem) -> Any:
    """Sizes of a network by name: those of the base if it is the same network."""
    from pinn import names
    from sciformer.errors import unknown_name

    if name not in names.known("network"):
        raise unknown_name(WHO, "model", name, names.known("network"))
    kind = names.find("network", name)
    if isinstance(base.network, kind):
        return base.network
    network = kind()
    has_sequence = "steps" in _fields(network)
    # Where there is no time, a sequence of later times has no meaning.
    is_static = problem.time is None
    return dataclasses.replace(network, steps=1) if has_sequence and is_static else network


def _sorted(
    settings: Settings, parameters: Mapping[str, Any], pairs: Sequence[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Words that change the training, and words that change one of its objects."""
    from sciformer.errors import unknown_name

    sizes = _fields(settings.network)
    own, options = [], {kind: list[str]() for kind in OBJECTS}
    for pair in pairs:
        key = pair.partition("=")[0]
        kind, dot, _ = key.partition(".")
        if dot and kind in OBJECTS:
            options[kind].append(pair.removeprefix(f"{kind}."))
        elif key in TRAINING:
            own.append(pair)
        elif key in sizes or "=" not in pair:
            options["network"].append(pair)
        else:
            inner = [f"{kind}.{name}" for kind in OBJECTS[1:] for name in _of(settings, kind)]
            known = [*parameters, *sizes, *TRAINING, *inner]
            raise unknown_name(WHO, "--set key", key, known)
    return own, {kind: words for kind, words in options.items() if words}


def _of(settings: Settings, kind: str) -> list[str]:
    thing = getattr(settings, kind)
    return [] if thing is None else list(_fields(thing))


def _with_training(settings: Settings, problem: Problem, pairs: Sequence[str]) -> Settings:
    from pinn import names
    from pinn.training.curriculum import Curriculum
    from sciformer.cli.settings import parse_settings

    fields = {f.name: f for f in dataclasses.fields(settings) if f.name in TRAINING}
    objects = {name for name, f in fields.items() if "kind" in f.metadata}
    texts = {*objects, "curriculum"}
    kinds = {n: str if n in texts else type(getattr(settings, n)) for n in fields}
    values = parse_settings(WHO, pairs, _typed(kinds))
    for name in objects & set(values):
        is_none = values[name] in ABSENT
        kind = fields[name].metadata["kind"]
        values[name] = None if is_none else names.make(kind, values[name])
    if "curriculum" in values:
        values["curriculum"] = Curriculum.parse(values["curriculum"], problem.parameter_values)
    return dataclasses.replace(settings, **values)


def _changed(kind: str, thing: Any, pairs: Sequence[str]) -> Any:
    """An object with other options."""
    from pinn import names
    from sciformer.cli.settings import parse_settings
    from sciformer.errors import UsageError, unknown_name

    known = {} if thing is None else _fields(thing)
    label = kind if thing is None else names.label(kind, thing)
    for pair in pairs:
        key, equals, _ = pair.partition("=")
        if equals and key not in known:
            raise unknown_name(f"{WHO}: {label}", "option", key, known)
    values = parse_settings(WHO, pairs, _typed({k: kind for k, (kind, _) in known.items()}))
    made = {k: v if known[k][1] is None else names.make(known[k][1], v) for k, v in values.items()}
    if thing is None:
        raise UsageError(f"{WHO}: there is no {kind} whose options could be set; name one first.")
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return dataclasses.replace(thing, **made)
    return partial(thing, **made)


def _fields(thing: Any) -> dict[str, tuple[type, Any]]:
    """Type of each option of an object, and the kind of what it names, if it names something."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {
            f.name: (str if "kind" in f.metadata else type(getattr(thing, f.name)),
                     f.metadata.get("kind"))
            for f in dataclasses.fields(thing)
            if f.init
        }  # fmt: skip
    if not callable(thing):
        return {}
    parameters = inspect.signature(thing).parameters.values()
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty]
    return {p.name: (type(p.default), None) for p in keywords}


def _typed(kinds: Mapping[str, type]) -> type:
    """A dataclass with fields of some types, as the parser of settings expects."""
    return dataclasses.make_dataclass("Options", list(kinds.items()))
