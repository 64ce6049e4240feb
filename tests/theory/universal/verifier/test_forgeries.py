"""Forged files: what is refused by name, and random edits of everything that a file holds."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import theory
from sciformer.errors import CertificateError, SciformerError
from theory.universal.layer import LayerWeights
from theory.universal.verifier.verify import verify

from .forging import Files, hand_made, largest_error, token_wise

BASES = {
    "products": ("x1*x2; sin(2*x1 + x2)", 2, 0.05),
    "one": ("0.3*x1", 1, 0.05),
    "kink": ("relu(x1); |x1 - x2|", 2, 0.05),
    "content": ("max(x1, x2, x3)", 3, 0.4),
    "blocks": ("x1*x2 + x3*x4; x1; x2; x3", 4, 0.3),
    "wave": ("sin(3*x1) + x2/7; 0.1", 2, 0.1),
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    root = tmp_path_factory.mktemp("bases")
    made = {}
    for name, (formula, tokens, epsilon) in BASES.items():
        made[name] = Files.of(theory.compile(formula, tokens, epsilon=epsilon).save(root / name))
    return made


def test_the_bases_hold(bases: dict[str, Files], tmp_path: Path) -> None:
    """Unchanged files pass through the forger's writer: nothing else is wrong with forgeries."""
    for name, files in bases.items():
        result = verify(files.copied().write(tmp_path / name))
        assert result.bound is not None
        assert largest_error(files) <= result.bound <= BASES[name][2]
    assert largest_error(bases["products"]) > 0.04, "a search that finds nothing proves nothing"


def refused(files: Files, path: Path, sentence: str) -> None:
    with pytest.raises(CertificateError, match=sentence):
        verify(files.write(path))


@pytest.mark.parametrize("entry", [0, 1])
def test_an_entry_that_claims_less_than_its_error(
    bases: dict[str, Files], tmp_path: Path, entry: int
) -> None:
    """The bound of one entry is a tenth of what was proven, the bound of all is as it was.

    Kills: a claim of an entry that nothing is measured by.
    """
    files = bases["products"].copied()
    files.record["entries"][entry]["bound"] /= 10
    refused(files, tmp_path / "a", r"token|entry|bound")


def test_an_output_without_its_tree(bases: dict[str, Files], tmp_path: Path) -> None:
    """The trees of token 2 are left out, and 100 is added to its formula. Kills: `zip` of blocks
    and trees without a count."""
    files = bases["products"].copied()
    del files.trees[len(files.record["entries"][0]["blocks"]) :]
    files.record["boxes"] = sum(len(t) for t in files.trees)
    files.record["formula"] = files.record["formula"].replace("sin", "100 + sin")
    block = files.record["entries"][1]["blocks"][0]
    block["expression"] = "100 + " + block["expression"]
    refused(files, tmp_path / "a", r"does not have one bisection tree for each block")


def test_a_block_that_is_the_formula_over_the_complex_numbers_only(
    bases: dict[str, Files], tmp_path: Path
) -> None:
    """(sqrt(y) + 1)^2 - 2 sqrt(y) - 1 expands to y, and is y only where y >= 0. Kills: the root of
    a negative number taken as 0."""
    files = bases["kink"].copied()
    files.record["formula"] = files.record["formula"].replace("Max(0, x1)", "x1")
    assert files.record["formula"].startswith("x1;")
    (block,) = files.record["entries"][0]["blocks"]
    block["expression"] = "(sqrt(y1) + 1)**2 - 2*sqrt(y1) - 1"
    refused(files, tmp_path / "a", r"token 1, output 1")


def test_an_output_without_blocks(bases: dict[str, Files], tmp_path: Path) -> None:
    """Formula 0 with nothing to be proven. Kills: a loop over no blocks that proves everything."""
    files = bases["products"].copied()
    entry = files.record["entries"][0]
    del files.trees[: len(entry["blocks"])]
    entry["blocks"] = []
    files.record["boxes"] = sum(len(t) for t in files.trees)
    files.record["formula"] = "0;" + files.record["formula"].split(";")[1]
    refused(files, tmp_path / "a", r"token 1, output 1 has no blocks")


def test_a_peak_in_one_leaf_of_thousands(tmp_path: Path) -> None:
    """A hat of height 1 that a known sample of the leaves does not meet. Kills: a share that is
    called a proof, and leaves that are skipped."""
    n, leaf = 8192, 255
    centre, steep = -1 + (2 * 1234 + 1) / n, 4.0 * n
    weights = token_wise(
        np.full(3, steep), -steep * centre + np.array([1.0, 0.0, -1.0]), np.array([1.0, -2.0, 1.0])
    )
    tree = np.concatenate([np.zeros(n - 1, np.uint8), np.full(n, leaf, np.uint8)])
    path = hand_made(tmp_path / "a", weights, "0", bound=0.05, trees=[tree])
    with pytest.raises(CertificateError, match=r"leaves its certified range near"):
        verify(path)
    results = [verify_or_none(path, 0.1) for _ in range(4)]
    assert all(r is None or r.bound is None for r in results)


def verify_or_none(path: Path, share: float) -> Any:
    try:
        return verify(path, share=share)
    except SciformerError:
        return None


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_coordinate_whose_number_is_the_code_of_a_leaf(kind: Any, tmp_path: Path) -> None:
    """A hat on the last of 256 coordinates: a box bisected along it looks like a leaf in uint8.

    Kills: leaves that are believed.
    """
    steep, where = 50.0, 0.31
    bias = -steep * where + np.array([1.0, 0.0, -1.0])
    weights = token_wise(np.full(3, steep), bias, np.array([1.0, -2.0, 1.0]))
    weights = dataclasses.replace(weights, embedding=np.eye(256)[255:])
    leaf = np.iinfo(kind).max
    tree = np.array([255] if kind == np.uint8 else [255, leaf, leaf], dtype=kind)
    path = hand_made(tmp_path / "a", weights, "0", width=256, bound=1e-3, trees=[tree])
    with pytest.raises(CertificateError, match=r"leaves its certified range|not proven"):
        verify(path)
    path = hand_made(tmp_path / "b", weights, "0", width=256, bound=1.1, trees=[tree])
    assert verify(path).bound == pytest.approx(1.0, abs=0.11)


def test_a_layer_whose_products_underflow(tmp_path: Path) -> None:
    """In exact numbers the layer is x1, in float64 it is 0. Kills: a rounding bound without an
    absolute term."""
    e, v, o, h = 1e-170, 1e-170, 1e200, 1e140
    zero = np.zeros
    weights = LayerWeights(
        heads=1,
        embedding=np.array([[e], [0.0]]),
        positions=zero((1, 2)),
        query=zero((1, 2)),
        key=zero((1, 2)),
        value=np.array([[v, 0.0]]),
        output=np.array([[0.0], [o]]),
        hidden=np.array([[0.0, h], [0.0, -h]]),
        hidden_bias=zero(2),
        readout=np.array([[1.0, -1.0]]),
        readout_bias=zero(1),
    )
    path = hand_made(tmp_path / "a", weights, "x1", bound=0.05)
    with pytest.raises(CertificateError, match=r"rounding alone may take"):
        verify(path)


WRITTEN = ["sqrt(x1)**2", "x1/x1", "exp(log(x1))", "0*log(x1)"]
"""sympy simplifies each of them to something that is defined everywhere."""


@pytest.mark.parametrize(
    "formula", ["sqrt(x1)", "log(x1)", "1/x1", "x1**(1/3)", "sqrt(x1 - 2)", *WRITTEN]
)
def test_formulas_that_are_not_real_on_the_domain(
    formula: str, bases: dict[str, Files], tmp_path: Path
) -> None:
    """Kills: a verifier that leaves definedness to the certifier."""
    files = bases["one"].copied()
    files.record["formula"] = formula
    files.record["entries"][0]["blocks"][0]["expression"] = formula.replace("x1", "y1")
    with pytest.raises(SciformerError, match=r"finite and real"):
        verify(files.write(tmp_path / "a"))


Change = Callable[[Files], None]


def setting(*path: Any) -> Change:
    """Puts the last of `path` where the others lead."""

    def change(files: Files) -> None:
        place: Any = files.record
        for step in path[:-2]:
            place = place[step]
        place[path[-2]] = path[-1]

    return change


BLOCK = ("entries", 0, "blocks", 0)


@pytest.mark.parametrize(
    "change",
    [
        setting("heads", 0),
        setting("heads", True),
        setting(*BLOCK, "rows", [["1/0"]]),
        setting(*BLOCK, "rows", [["1e999999999"]]),
        setting(*BLOCK, "rows", [["1", "0"]]),
        setting(*BLOCK, "rows", []),
        setting(*BLOCK, "slope", []),
        setting(*BLOCK, "expression", "y2"),
        setting(*BLOCK, "expression", "y1; y1"),
        setting(*BLOCK, "lower", float("nan")),
        setting("epsilon", 1e999),
        setting("epsilon", "0.05"),
        setting("bound", 10**400),
        setting("domain", ["-1", "1"]),
        setting("domain", [1.0, -1.0]),
        setting("domain", [-1.0]),
        setting("tokens", 10_000_000),
        setting("tokens", -1),
        setting("entries", []),
        setting("entries", 0, "token", 1),
        setting("arithmetic", "float16"),
        setting("arithmetic", "float32"),
        setting("assumptions", [1]),
        setting("another", 1),
        lambda files: files.trees.clear(),
        lambda files: files.trees.append(files.trees[0]),
        lambda files: files.trees.__setitem__(0, files.trees[0].astype(np.float64)),
        lambda files: files.trees.__setitem__(0, files.trees[0][:0]),
        lambda files: files.trees.__setitem__(0, files.trees[0][None]),
        lambda files: files.tensors.update(positions=np.full((1, 1), np.nan)),
        lambda files: files.tensors.update(positions=files.tensors["positions"][:, :0]),
        lambda files: files.tensors.__delitem__("positions"),
        lambda files: files.tensors.update(extra=np.zeros(1)),
        lambda files: files.tensors.update(positions=files.tensors["positions"].astype("f4")),
    ],
)
def test_malformed_files_end_with_a_sentence(
    change: Change, bases: dict[str, Files], tmp_path: Path
) -> None:
    """Kills: each check of the reader, one by one."""
    files = bases["one"].copied()
    change(files)
    with pytest.raises((CertificateError, SciformerError), match=r"^(verify|compile|formula): "):
        verify(files.write(tmp_path / "a"))


class Forger:
    """Random edits of a file: of every field, list and tensor."""

    def __init__(self, seed: int, bases: dict[str, Files]) -> None:
        self.random, self.bases = random.Random(seed), bases
        self.files = bases[self.random.choice(sorted(bases))].copied()
        self.other = bases[self.random.choice(sorted(bases))].copied()

    def forged(self) -> Files:
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            self.random.choice((self.record, self.record, self.tensor, self.tree, self.both))()
        return self.files

    def record(self) -> None:
        """One value somewhere in the record."""
        place, key = self.random.choice(list(self.places(self.files.record)))
        place[key] = self.value(place[key])
        if self.random.random() < 0.1:
            del place[key]
        elif self.random.random() < 0.05 and isinstance(place, list):
            place.insert(key, place[key])

    def places(self, value: Any) -> Any:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield value, key
            if isinstance(inner, dict | list):
                yield from self.places(inner)

    def value(self, value: Any) -> Any:
        pick = self.random.choice
        if self.random.random() < 0.1:
            return pick((None, True, -1, 0, 1e308, "x1", [], {}, [[]], "", float("nan"), 10**30))
        if isinstance(value, str):
            changes = (
                ("1", "2"),
                ("x1", "x2"),
                ("y1", "-y1"),
                ("*", "+"),
                ("2", "1/2"),
                ("/", "*"),
            )
            return (
                value.replace(*pick(changes))
                if self.random.random() < 0.8
                else value + pick(" ;0)")
            )
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return value + pick((-1, 1, 2))
        if isinstance(value, float):
            return value * pick((-1.0, 0.0, 0.5, 0.9, 0.999, 1.001, 1.1, 2.0, 1e3, 1e-300))
        if isinstance(value, list) and value:
            kind = pick("dsrei")
            copied = list(value)
            if kind == "d":
                copied.pop(self.random.randrange(len(copied)))
            elif kind == "s":
                self.random.shuffle(copied)
            elif kind == "r":
                copied.append(copied[0])
            elif kind == "i":
                copied = copied[: len(copied) // 2]
            return copied if kind != "e" else []
        return value

    def tensor(self) -> None:
        """One weight tensor."""
        pick, tensors = self.random.choice, self.files.tensors
        name = pick(sorted(tensors))
        array = tensors[name].copy()
        place = tuple(self.random.randrange(s) for s in array.shape)
        kind = pick(("one", "one", "all", "nan", "swap", "drop", "long", "type", "other", "noise"))
        if kind == "one":
            array[place] = array[place] * pick((0.0, -1.0, 0.5, 1.01, 2.0)) + pick((0.0, 1e-3, 0.1))
        elif kind == "all":
            array = array * pick((0.0, -1.0, 0.9, 1.001, 1.1))
        elif kind == "nan":
            array[place] = pick((np.nan, np.inf, -0.0, 5e-324, 1e300))
        elif kind == "swap":
            array = array[::-1]
        elif kind == "drop":
            array = array[1:]
        elif kind == "long":
            array = np.concatenate([array, array[:1]])
        elif kind == "type":
            array = array.astype(pick(("f4", "f2", "i8", "u1")))
        elif kind == "other":
            array = self.other.tensors[name]
        else:
            scale = pick((1e-12, 1e-6, 1e-3, 0.1))
            array = array + scale * np.random.default_rng(self.random.randrange(99)).normal(
                size=array.shape
            )
        tensors[name] = array

    def tree(self) -> None:
        """One bisection tree, or their order."""
        pick, trees = self.random.choice, self.files.trees
        if not trees:
            return
        at = self.random.randrange(len(trees))
        tree = trees[at].copy()
        kind = (
            "leaf"
            if not tree.size
            else pick(("leaf", "code", "short", "long", "swap", "gone", "more", "wide", "other"))
        )
        if kind == "leaf":
            tree = np.array([255], dtype=np.uint8)
        elif kind == "code":
            tree[self.random.randrange(len(tree))] = pick((0, 1, 2, 254, 255))
        elif kind == "short":
            tree = tree[:-1]
        elif kind == "long":
            tree = np.concatenate([tree, tree[-1:]])
        elif kind == "wide":
            tree = tree.astype(np.uint16)
        elif kind == "other" and self.other.trees:
            tree = self.other.trees[0]
        trees[at] = tree
        if kind == "swap":
            self.random.shuffle(trees)
        elif kind == "gone":
            trees.pop(at)
        elif kind == "more":
            trees.insert(at, tree)
        if self.random.random() < 0.8:
            self.files.record["boxes"] = sum(len(t) for t in trees)

    def both(self) -> None:
        """A change of the formula with the blocks following, as a careful forger makes it."""
        record, random = self.files.record, self.random
        shift = random.choice(("0.001", "0.01", "0.1", "100", "x1/100", "x1", "-x1/1000"))
        rows = record.get("formula")
        if not isinstance(rows, str) or not record.get("entries"):
            return
        parts = rows.split(";")
        at = random.randrange(len(parts))
        parts[at] = f"{parts[at]} + {shift}"
        record["formula"] = ";".join(parts)
        for entry in record["entries"]:
            if isinstance(entry, dict) and entry.get("token") == at and entry.get("blocks"):
                block = entry["blocks"][0]
                if isinstance(block, dict):
                    block["expression"] = f"{block.get('expression')} + {shift}".replace("x1", "y1")


def outcome(seed: int, bases: dict[str, Files], path: Path) -> bool:
    """Whether a forgery was accepted; if it was, its claim must be true."""
    forger = Forger(seed, bases)
    files = forger.forged()
    try:
        files.write(path)
    except (TypeError, ValueError, AttributeError, KeyError):
        return False  # what the forger made is not a file at all
    try:
        result = verify(path, most_boxes=20_000)
    except SciformerError:
        return False
    assert result.bound is not None
    assert result.bound <= files.record["epsilon"], seed
    found = largest_error(files, seed)
    assert found <= result.bound, f"seed {seed}: error {found}, certified {result.bound}"
    return True


def test_random_forgeries_are_refused_or_true(bases: dict[str, Files], tmp_path: Path) -> None:
    """Kills: any check that a forger can slip through, in one of 60 ways."""
    accepted = sum(outcome(seed, bases, tmp_path / "a") for seed in range(60))
    assert 3 <= accepted <= 45, "forgeries that are all refused at the door test nothing"


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_thousands_of_forgeries_are_refused_or_true(
    part: int, bases: dict[str, Files], tmp_path: Path
) -> None:
    """Kills: the same, in 2000 ways."""
    seeds = range(100 + 250 * part, 100 + 250 * (part + 1))
    accepted = sum(outcome(seed, bases, tmp_path / "a") for seed in seeds)
    assert accepted > 10
