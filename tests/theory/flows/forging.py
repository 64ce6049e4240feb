"""What a forger does to a compiled flow: random changes of its numbers, texts and tensors."""

from __future__ import annotations

import copy
import json
import random
import re
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sciformer.cli.main import main
from sciformer.errors import SciformerError
from theory.flows.burgers import compile_burgers
from theory.flows.compile_flow import compile_flow
from theory.flows.ends import Walls
from theory.flows.equation import ReactionDiffusion
from theory.flows.expression import Expression
from theory.flows.polynomial import Polynomial
from theory.flows.record import BURGERS_FORMAT
from theory.flows.reference import Observer, burgers_error
from theory.flows.starts import Starts
from theory.flows.storage import load, load_burgers, save, save_burgers
from theory.flows.verifier.verify import verify_flow

FACTORS = (0.0, 0.5, 0.9, 1 - 1e-9, 1 + 1e-9, 1.01, 1.3, 2.0, 1e9, -1.0)
RUBBISH: tuple[Any, ...] = (
    *(None, True, [], {}, "", "x", "nan", "1/0", "1e99999999", "9" * 2000, -1, 0, 10**9, 10**400),
    *(1e308, 5e-324, -0.0, 2.5, "1/3", [1, -1], [1, 1], "\x1b[2J"),
)
# The reference is exact to 1e-7, and to (1/2048)^2 at kinks.
REFERENCE = 1e-5


@dataclass
class Files:
    """Both files of a directory, open for changes."""

    record: dict[str, Any]
    tensors: dict[str, Any]

    @classmethod
    def of(cls, path: Path) -> Files:
        return cls(
            json.loads((path / "flow.json").read_text()), load_file(path / "flow.safetensors")
        )

    def copied(self) -> Files:
        return copy.deepcopy(self)

    def write(self, path: Path) -> Path:
        path.mkdir(exist_ok=True)
        tensors = {k: np.ascontiguousarray(v) for k, v in self.tensors.items()}
        save_file(tensors, path / "flow.safetensors")
        (path / "flow.json").write_text(json.dumps(self.record))
        return path


def forge(files: Files, generator: random.Random) -> None:
    """One to three changes; sometimes the claim is widened, so that proofs are what refuses."""
    for _ in range(generator.randint(1, 3)):
        generator.choice((_record, _tensor, _element))(files, generator)
    if generator.random() < 0.4:
        for name in ("bound", "epsilon"):
            if isinstance(files.record.get(name), float):
                files.record[name] *= 3.0
        budget = files.record.get("budget")
        if isinstance(budget, dict):
            files.record["budget"] = {
                k: 3 * v if isinstance(v, float) else v for k, v in budget.items()
            }


def _record(files: Files, generator: random.Random) -> None:
    parent: Any = files.record
    while True:
        keys = list(parent if isinstance(parent, dict) else range(len(parent)))
        if not keys:
            return
        key = generator.choice(keys)
        if not isinstance(parent[key], dict | list) or generator.random() < 0.1:
            break
        parent = parent[key]
    kind, value = generator.random(), parent[key]
    if kind < 0.1:
        del parent[key]
    elif kind < 0.3 or value is None or isinstance(value, dict | list):
        parent[key] = generator.choice(RUBBISH)
    elif isinstance(value, str) and "e" in value:  # a Fraction would write out 10^99999999
        parent[key] = value + "x"
    elif isinstance(value, str):
        try:
            factor = Fraction(generator.choice(FACTORS)).limit_denominator(10**9)
            parent[key] = str(Fraction(value) * factor)
        except ValueError:
            parent[key] = value + "x"
    elif isinstance(value, int):
        parent[key] = value + generator.choice((-1, 1, value))
    else:
        parent[key] = value * generator.choice(FACTORS)


def _tensor(files: Files, generator: random.Random) -> None:
    name = generator.choice(sorted(files.tensors))
    array = files.tensors[name]
    kind = generator.choice(("scale", "drop", "longer", "shorter", "dtype", "turn", "more", "roll"))
    if kind == "scale":
        with np.errstate(all="ignore"):
            files.tensors[name] = array * array.dtype.type(generator.choice(FACTORS))
    elif kind == "drop":
        del files.tensors[name]
    elif kind == "longer":
        files.tensors[name] = np.concatenate([array, array])
    elif kind == "shorter":
        files.tensors[name] = array[:-1]
    elif kind == "dtype":
        with np.errstate(all="ignore"):
            files.tensors[name] = array.astype(generator.choice(("f4", "f2", "i8", "i4", "u1")))
    elif kind == "turn":
        files.tensors[name] = array.T
    elif kind == "roll":
        files.tensors[name] = np.roll(array, 1)
    else:
        files.tensors[name + "x"] = array


def _element(files: Files, generator: random.Random) -> None:
    name = generator.choice(sorted(files.tensors))
    array = files.tensors[name].reshape(-1).copy()
    if not array.size:
        return
    # The last numbers of a block are those of its tail.
    at = generator.choice((0, array.size - 1, generator.randrange(array.size)))
    change = generator.choice((1e-12, 1e-6, -1e-3, 0.1, 1e6, float("nan"), float("inf")))
    if array.dtype.kind in "iu":
        array[at] += 1
    else:
        with np.errstate(all="ignore"):
            array[at] += array.dtype.type(change)
    files.tensors[name] = array.reshape(files.tensors[name].shape)


def widened(files: Files, factor: float = 3.0) -> None:
    """A claim of a larger bound, so that there is room for a lie."""
    record = files.record
    record["bound"], record["epsilon"] = factor * record["bound"], factor * record["epsilon"]
    record["budget"] = {k: factor * v for k, v in record["budget"].items()}


def lie(path: Path) -> str | None:
    """What is untrue of a directory that `verify_flow` accepts, or None."""
    try:
        bound = verify_flow(path).bound
        record = json.loads((path / "flow.json").read_text())
        if record["format"] == BURGERS_FORMAT:
            head = load_burgers(path)
            found = burgers_error(head, count=3)
        else:
            flow = load(path)
            observer, starts = Observer(flow), flow.certificate.starts
            ends = [] if flow.certificate.equation.has_cold_wall else [starts.lower, starts.upper]
            constants = [lambda x, c=c: np.full_like(x, c) for c in ends]
            draws = [observer.draw(np.random.default_rng(k)) for k in range(4)]
            found = float(observer.errors([*draws, *constants]).max())
    except SciformerError:
        return None
    return None if found <= bound + REFERENCE else f"error {found}, proven {bound}"


def _small(reaction: Any, drift: str = "0", **ends: Any) -> ReactionDiffusion:
    return ReactionDiffusion(
        "small", Fraction(1, 50), Fraction(drift), reaction, Fraction(1), Fraction(1, 8), **ends
    )


FLOWS = {
    "logistic": (_small(Polynomial.of([0, 2, -2])), Starts(0.0, 1.0, 5.0, waves=3)),
    "kinks": (_small(Polynomial.of([0, 2, 0, -2])), Starts(-1.0, 1.0, 5.0)),
    "drift": (_small(Polynomial.of([0]), "1/2"), Starts(-1.0, 1.0, 5.0, waves=3)),
    "walls": (
        _small(Polynomial.of([0, 1, 0, -1]), ends=Walls(-1, 1)),
        Starts(-1.0, 1.0, 3.0, waves=3),
    ),
    "formula": (_small(Expression.read("sin(u) - u/2")), Starts(0.0, 1.0, 5.0, waves=3)),
}


def true_ones(root: Path, *names: str) -> dict[str, Files]:
    """Flows of each kind whose certificates hold, to be forged."""
    made = {}
    for name in names or FLOWS:
        equation, starts = FLOWS[name]
        flow = compile_flow(equation, epsilon=0.05, starts=starts)
        made[name] = Files.of(save(flow, root / name))
    if not names:
        head = compile_burgers(Starts(-0.5, 1.0, 5.0, waves=2), 1e-3, viscosity=0.05)
        made["burgers"] = Files.of(save_burgers(head, root / "burgers"))
    return made


def refused(path: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Requires that the command refuses a directory in one sentence, within seconds."""
    begin = time.process_time()
    status = main(["verify", str(path)])
    spent, said = time.process_time() - begin, capsys.readouterr()
    assert status not in (0, 3), "accepted"
    assert "Traceback" not in said.err
    sentence = said.err.strip().splitlines()[-1]
    assert re.search(words, sentence), sentence
    assert len(sentence) < 400
    assert sentence.isprintable()
    assert spent < 5
