"""Files of certificates that no compiler wrote: refused in one sentence, at once."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .forging import Files, refused, true_ones

TABLE = "attention.attention.position.table"
CHANGES, BASE = "reaction.layers.2.weight", "reaction.layers.2.bias"
DAMAGED, SLOPE, TIME = "is damaged", '"slope": 5.0', '"time": "1/8"'
NESTED = 100_000

Text = Callable[[str], str | bytes]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return true_ones(tmp_path_factory.mktemp("bases"), "logistic")["logistic"]


def slope(value: str) -> Text:
    return lambda text: text.replace(SLOPE, f'"slope": {value}')


def until(value: str) -> Text:
    return lambda text: text.replace(TIME, f'"time": {value}')


def before(name: str, inserted: str) -> Text:
    """Another entry before the one of a name."""
    return lambda text: text.replace(f'"{name}":', f'{inserted},\n "{name}":')


def reacts(value: str) -> Text:
    """A reaction that is a JSON value."""

    def change(text: str) -> str:
        record = json.loads(text)
        record["equation"]["reaction"] = json.loads(value)
        return json.dumps(record)

    return change


def formula(text: str) -> Text:
    return reacts(json.dumps(text))


def number(name: str, value: str) -> Text:
    def change(text: str) -> str:
        record = json.loads(text)
        old = record[name] if name in record else record["design"][name]
        return text.replace(f'"{name}": {old!r}', f'"{name}": {value}')

    return change


TEXTS: dict[str, tuple[Text, str]] = {
    "nested lists": (lambda t: "[" * NESTED + "]" * NESTED, DAMAGED),
    "nested objects": (lambda t: '{"a":' * NESTED + "1" + "}" * NESTED, DAMAGED),
    "a nested reaction": (reacts("[" * 500 + "]" * 500), DAMAGED),
    "not a number": (slope("NaN"), DAMAGED),
    "infinity": (slope("-Infinity"), DAMAGED),
    "a huge exponent": (slope("1e400"), DAMAGED),
    "a huge exponent of two": (slope("1" + "0" * 400), DAMAGED),
    "a tiny exponent": (slope("1e-400"), DAMAGED),
    "endless digits": (slope("9" * 9999), DAMAGED),
    "a slope of text": (slope('"5.0"'), DAMAGED),
    "a slope of true": (slope("true"), DAMAGED),
    "a slope of a list": (slope("[5.0]"), DAMAGED),
    "a negative slope": (slope("-5.0"), DAMAGED),
    "a slope of almost nothing": (slope("5e-324"), DAMAGED),
    "two bounds": (before("bound", '"bound": 1e-9'), "twice"),
    "two viscosities": (before("drift", '"diffusivity": "1"'), "twice"),
    "an escaped second bound": (before("bound", '"bo\\u0075nd": 1e-9'), "twice"),
    "Bound and bound": (before("bound", '"Bound": 1e-9'), DAMAGED),
    "a prototype": (before("bound", '"__class__": "BurgersRecord"'), DAMAGED),
    "a byte order mark": (lambda t: b"\xef\xbb\xbf" + t.encode(), DAMAGED),
    "sixteen bits": (lambda t: t.encode("utf-16"), DAMAGED),
    "broken bytes": (lambda t: t.encode().replace(b"small", b"sm\xff\xfell"), DAMAGED),
    "a byte of nothing": (lambda t: t.encode() + b"\x00", DAMAGED),
    "two objects": (lambda t: t + t, DAMAGED),
    "half an object": (lambda t: t[: len(t) // 2], DAMAGED),
    "no text": (lambda t: "", DAMAGED),
    "null": (lambda t: "null", DAMAGED),
    "a list": (lambda t: f"[{t}]", DAMAGED),
    "a comment": (lambda t: t.replace("{", "{ // true\n", 1), DAMAGED),
    "a surrogate": (until('"\\ud800"'), DAMAGED),
    "a negative time": (until('"-1/8"'), DAMAGED),
    "a time of 0": (until('"0"'), DAMAGED),
    "a time of 0/5": (until('"0/5"'), DAMAGED),
    "a time over 0": (until('"1/0"'), DAMAGED),
    "a time with an exponent": (until('"1e9"'), DAMAGED),
    "a time with a space": (until('" 1/8"'), DAMAGED),
    "a time with a line": (until('"1/8\\n"'), DAMAGED),
    "a time in other digits": (until('"\\u0661/\\u0668"'), DAMAGED),
    "a time of no text": (until("0.125"), DAMAGED),
    "an age": (until('"1' + "0" * 60 + '"'), "verify:"),
    "a moment": (until('"1/1' + "0" * 60 + '"'), "verify:"),
    "code for a time": (until("\"__import__('os').abort()\""), DAMAGED),
    "code for a reaction": (formula("__import__('os').abort()"), DAMAGED),
    "a template": (formula("{{7*7}}${7*7}"), DAMAGED),
    "a lambda": (formula("(lambda u: u)(u)"), DAMAGED),
    "an attribute": (formula("u.__class__"), DAMAGED),
    "another letter": (formula("2*\u03c5 - 2*\u03c5^2"), DAMAGED),
    "a wide letter": (formula("2*\uff55 - 2*\uff55^2"), DAMAGED),
    "a hidden letter": (formula("2*u\u200b - 2*u^2"), DAMAGED),
    "parentheses": (formula("(" * 1900 + "u" + ")" * 1900), "verify:"),
    "signs": (formula("-" * 3900 + "u"), "verify:"),
    "a tower of powers": (formula("u" + "^2" * 60), "verify:"),
    "a power of a power": (formula("(" * 9 + "u" + "^9)" * 9), "verify:"),
    "a large constant": (formula("2^(2^40)*u"), "verify:"),
    "a tiny constant": (formula("10^(-400)*u"), "verify:"),
    "nothing over nothing": (formula("0/0*u"), DAMAGED),
    "a complex constant": (formula("sqrt(-1)*u"), DAMAGED),
    "a removable pole": (formula("6*u*(1-u)*(u-1/2)/(u-1/2)"), "verify:"),
    "a steep front": (formula("2*u*(1-u)*tanh(10^60*(u-1/2))"), "verify:"),
    "a fast wave": (formula("sin(10^30*u)"), "verify:"),
    "a long sum": (formula("+".join(f"sin({k}*u)" for k in range(60))), "verify:"),
    "a coefficient of text": (reacts('["0", "two", "-2"]'), DAMAGED),
    "a coefficient of null": (reacts('["0", null, "-2"]'), DAMAGED),
    "a high degree": (reacts(json.dumps(["1"] * 33)), "verify:"),
    "large coefficients": (reacts(json.dumps(["0", "1" + "0" * 69])), "verify:"),
    "a million layers": (number("depth", "1000000"), "out of reach"),
    "as many layers as may be": (number("depth", "200000"), "verify:"),
    "layers of minus one": (number("depth", "-1"), "out of reach"),
    "layers of 1.0": (number("depth", "1.0"), DAMAGED),
    "layers of 1e0": (number("depth", "1e0"), DAMAGED),
    "a million units": (number("units", "1000000"), "out of reach"),
    "no units": (number("units", "0"), "out of reach"),
    "other words": (
        lambda t: t.replace('"claim": "', '"claim": "for every start whatever, '),
        "in other words",
    ),
    "another format": (lambda t: t.replace("flow-1", "burgers-1"), DAMAGED),
    "control codes": (lambda t: t.replace("sciformer-flow-1", "\\u001b[2J"), DAMAGED),
    "a bound of 0": (number("bound", "0"), DAMAGED),
    "a negative bound": (number("bound", "-1.0"), DAMAGED),
    "the smallest bound": (number("bound", "5e-324"), DAMAGED),
    "the smallest epsilon": (number("epsilon", "5e-324"), DAMAGED),
}


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_texts_are_refused(
    name: str, base: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a reader that believes, evaluates, recurses or waits."""
    change, words = TEXTS[name]
    path = base.copied().write(tmp_path / "flow")
    text = json.dumps(base.record, indent=1) + "\n"
    made = change(text)
    assert made != text, "nothing was forged"
    (path / "flow.json").write_bytes(made if isinstance(made, bytes) else made.encode())
    refused(path, words, capsys)


def rewritten(path: Path, tensor: str, part: str, value: Any) -> None:
    """A safetensors file with another entry in its header; offsets may be those of a tensor."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    content = json.loads(raw[8 : 8 + length])
    content[tensor][part] = content[value][part] if value in content else value
    text = json.dumps(content).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


PICKLE = b"\x80\x04cposix\nsystem\nX\x04\x00\x00\x00trueR."
WEIGHTS: dict[str, Callable[[Path], object]] = {
    "overlapping tensors": lambda p: rewritten(p, CHANGES, "data_offsets", TABLE),
    "an enormous shape": lambda p: rewritten(p, TABLE, "shape", (1, 2**60)),
    "floats of eight bits": lambda p: rewritten(p, BASE, "dtype", "F8_E4M3"),
    "half a file": lambda p: p.write_bytes(p.read_bytes()[:-9]),
    "more than a file": lambda p: p.write_bytes(p.read_bytes() + b"x"),
    "an endless header": lambda p: p.write_bytes(struct.pack("<Q", 2**62)),
    "a pickle": lambda p: p.write_bytes(PICKLE),
    "a device": lambda p: (p.unlink(), os.symlink("/dev/zero", p)),
    "a directory": lambda p: (p.unlink(), p.mkdir()),
    "nothing": lambda p: p.unlink(),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_hostile_weights_are_refused(
    name: str, base: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = base.copied().write(tmp_path / "flow")
    WEIGHTS[name](path / "flow.safetensors")
    refused(path, "verify:", capsys)
