"""Files that look right and are not: a status as designed and one sentence, whatever they hold.

Values, keys and headers are spoilt inside of files that stay well formed, with digests recomputed,
so that the readers behind the parsers are met: configurations, summaries, certificates, flows,
headers of tensors, archives, tables and states of streams.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sciformer.cli.main import main
from tests.cli.test_fuzz import check

Values = random.Random
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**70, 10**400, 1.5, -0.0, 1e308, 1e-320, 5e-324),
    *(
        "",
        "x",
        "0",
        "nan",
        "1e99999999",
        "9" * 3000,
        "\x1b[2J",
        "\0",
        "../..",
        "é",
        "1/0",
        "x1**x1",
    ),
    *([], {}, [[]], [1, 2], {"a": 1}, ["x"] * 3),
)
TEXTS = ("", "x", "nan", "inf", "-1e400", "1e-400", '"', "\0", "1,2", "1;2", "9" * 400, "٣", "=1+1")
PDE = """
import pinn
import sympy
t, k = sympy.symbols("t k")
y = sympy.Function("y")(t)
decay = pinn.Problem(name="decay", coordinates=(t,), fields=(y,), domain=pinn.Box(t=(0, 2)),
    equations=(sympy.Eq(y.diff(t), -k * y),), parameters={k: 0.3})
"""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of each file that a command reads."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "pde.py").write_text(PDE)
    times = np.linspace(0, 2, 20)
    rows = np.column_stack([times, np.exp(-0.5 * times)])
    np.savetxt(folder / "samples.csv", rows, header="t,y", delimiter=",", comments="")
    np.savez(folder / "samples.npz", t=rows[:, 0], y=rows[:, 1])
    np.savez(folder / "flow.npz", X_star=rows[:12], t=np.arange(5.0), U_star=np.ones((12, 2, 5)))
    draw = np.random.default_rng(0)
    np.savez(folder / "own.npz", x=draw.random((40, 6)), y=draw.random((40, 1)))
    np.savetxt(folder / "frames.csv", draw.random((6, 1)), delimiter=",")
    made = [
        "solve burgers --model mlp --iterations 1 --set points=0.1 --set digits=off --out run",
        "compile x1*x2;x1 --tokens 2 --epsilon 0.4 --out layer",
        "compile --pde heat --epsilon 0.3 --time 0.1 --starts slope<=3 --out heat",
        "compile --pde burgers-periodic --epsilon 0.1 --starts waves<=2;slope<=3 --out burgers",
        "train lmuformer --data own.npz --task regress --epochs 1 --batch 20 --out sequence",
        "stream sequence --input frames.csv --save-state state.safetensors",
    ]
    silent = io.StringIO()
    with (
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.chdir(folder)
        for line in made:
            assert main(line.split()) in (0, 3), line
    return folder


def spoil_value(parent: Any, values: Values) -> None:
    """One value of nested lists and objects replaced, dropped or added."""
    while True:
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        if not keys:
            return
        key = values.choice(keys)
        if not isinstance(parent[key], dict | list) or values.random() < 0.15:
            break
        parent = parent[key]
    kind = values.random()
    if kind < 0.15:
        del parent[key]
    elif kind < 0.25 and isinstance(parent, dict):
        parent[values.choice(("x", "", "seed", "__class__"))] = values.choice(VALUES)
    elif kind < 0.35 and isinstance(parent[key], list):
        parent[key] = parent[key] * values.choice((0, 2, 50))
    else:
        parent[key] = values.choice(VALUES)


def spoil_json(path: Path, values: Values) -> None:
    """Values of a JSON file, with the digest that fits, or the text itself."""
    record = json.loads(path.read_text())
    for _ in range(values.randint(1, 3)):
        spoil_value(record, values)
    digest = record.pop("sha256", None)
    if digest is not None:
        # A certificate's digest has other separators than a run's.
        tight = {} if path.name == "config.json" else {"separators": (",", ":")}
        text = json.dumps(record, sort_keys=True, **tight)  # type: ignore[arg-type]
        record["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    text = json.dumps(record)
    if values.random() < 0.1:
        text = values.choice(("[" * 90_000, "{}", "[]", "null", text[: len(text) // 2], text * 2))
    path.write_text(text)


def spoil_lines(path: Path, values: Values) -> None:
    """Values of one line of a file of JSON lines."""
    lines = path.read_text().splitlines() or ["{}"]
    at = values.randrange(len(lines))
    record = json.loads(lines[at])
    spoil_value(record, values)
    lines[at] = values.choice((json.dumps(record), lines[at][:-2], "7", "[]", "\0"))
    path.write_text("\n".join(lines))


def spoil_header(path: Path, values: Values) -> None:
    """Types, shapes, offsets and names in the header of a safetensors file, and its length."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    names = [name for name in header if name != "__metadata__"]
    name, kind = values.choice(names), values.randrange(8)
    if kind == 0:
        header[name]["dtype"] = values.choice(("F64", "F16", "I64", "BOOL", "F8_E4M3", "U8", "?"))
    elif kind == 1:
        header[name]["shape"] = values.choice(
            ([], [0], [-1], [2**62, 4], header[name]["shape"] * 2)
        )
    elif kind == 2:
        header[name]["data_offsets"] = values.choice(([0, 0], [8, 0], [0, 2**63], [0, 8], None))
    elif kind == 3:
        header[values.choice(("", "x", "\0", "../x"))] = header.pop(name)
    elif kind == 4:
        spoil_value(header, values)
    elif kind == 5:
        start, stop = header[name]["data_offsets"]
        filler = values.choice((b"\xff", b"\0", b"\x7f"))
        data = data[:start] + filler * (stop - start) + data[stop:]
    elif kind == 6:
        header["__metadata__"] = values.choice(({"x": "y"}, {"x": 3}, None, []))
    text = json.dumps(header).encode()
    length = len(text) if kind != 7 else values.choice((0, 7, 2**40, 2**64 - 1, len(text) - 1))
    path.write_bytes(length.to_bytes(8, "little") + text + data)


def npy(array: Any) -> bytes:
    """The bytes of an npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def spoil_archive(path: Path, values: Values) -> None:
    """Arrays of an npz archive: lost, of other types, shapes or numbers, or with lying headers."""
    arrays = dict(np.load(path))
    name = values.choice(sorted(arrays))
    array = arrays.pop(name)
    lie = npy(np.zeros(2)).replace(b"(2,)", values.choice((b"(-2,)", b"(9" + b"9" * 11 + b",)")))
    others: list[bytes] = [
        *(npy(array.astype(kind)) for kind in ("f4", "i8", "c16", "S3", "?")),
        *(npy(a) for a in (array[:0], array[..., None], array.T, array[1:], np.full(3, "x"))),
        *(npy(np.where(array == array, x, x)) for x in (np.nan, np.inf, 0.0, 1e300, -1e-320)),
        *(npy(np.array([{}], dtype=object)), lie, b"", b"\x93NUMPY", npy(array)[:-5]),
    ]
    with zipfile.ZipFile(path, "w") as archive:
        for other, found in arrays.items():
            archive.writestr(f"{other}.npy", npy(found))
        if values.random() < 0.9:
            again = values.choice((name, name, name, name, f"{name}2", "../x", ""))
            archive.writestr(f"{again}.npy", values.choice(others))


def spoil_table(path: Path, values: Values) -> None:
    """Cells, columns, rows and bytes of a table."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    for _ in range(values.randint(1, 3)):
        row = values.choice(rows)
        kind = values.randrange(5)
        if kind == 0 and row:
            row[values.randrange(len(row))] = values.choice(TEXTS)
        elif kind == 1:
            row.append(values.choice(TEXTS))
        elif kind == 2 and row:
            row.pop()
        elif kind == 3 and len(rows) > 1:
            rows.remove(row)
        else:
            rows.insert(0, list(row))
    text = "\n".join(",".join(row) for row in rows)
    content = text.encode()
    if values.random() < 0.2:
        content = values.choice((b"", b"\xff\xfe" + content, text.encode("utf-16"), b"\n" * 9))
    path.write_bytes(content)


Spoil = Callable[[Path, Values], None]
WEAK = ["identify", "navier-stokes", "--method", "weak", "--data"]
READ = ["identify", "pde.py", "--unknown", "k", "--iterations", "2", "--data"]
CASES: list[tuple[str, Spoil, list[str]]] = [
    ("run/config.json", spoil_json, ["show", "run"]),
    ("run/config.json", spoil_json, ["solve", "--resume", "run", "--iterations", "1"]),
    ("run/config.json", spoil_json, ["export", "run", "--format", "npz", "--points", "9"]),
    ("run/summary.json", spoil_json, ["show", "run", "--json"]),
    ("run/metrics.jsonl", spoil_lines, ["show", "run"]),
    ("run/network.safetensors", spoil_header, ["export", "run", "--format", "npz"]),
    ("sequence/config.json", spoil_json, ["stream", "sequence", "--input", "frames.csv"]),
    ("sequence/config.json", spoil_json, ["cost", "sequence"]),
    ("sequence/summary.json", spoil_json, ["cost", "sequence"]),
    ("sequence/model.safetensors", spoil_header, ["stream", "sequence", "--input", "frames.csv"]),
    ("frames.csv", spoil_table, ["stream", "sequence", "--input", "frames.csv"]),
    (
        "state.safetensors",
        spoil_header,
        ["stream", "sequence", "--input", "frames.csv", "--load-state", "state.safetensors"],
    ),
    ("layer/certificate.json", spoil_json, ["verify", "layer"]),
    ("layer/layer.safetensors", spoil_header, ["verify", "layer"]),
    ("heat/flow.json", spoil_json, ["verify", "heat"]),
    ("heat/flow.safetensors", spoil_header, ["verify", "heat"]),
    ("burgers/flow.json", spoil_json, ["verify", "burgers"]),
    ("burgers/flow.safetensors", spoil_header, ["verify", "burgers"]),
    ("samples.csv", spoil_table, [*READ, "samples.csv"]),
    ("samples.npz", spoil_archive, [*READ, "samples.npz"]),
    (
        "flow.npz",
        spoil_archive,
        ["identify", "navier-stokes", "--method", "weak", "--data", "flow.npz"],
    ),
    ("own.npz", spoil_archive, ["train", "lmuformer", "--data", "own.npz", "--epochs", "1"]),
]


def spoilt_file(shelf: Path, path: Path, seed: int) -> None:
    name, spoil, words = CASES[seed % len(CASES)]
    shutil.copytree(shelf, path)
    spoil(path / name, random.Random(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        try:
            check(words)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {name}: {error}") from error
    shutil.rmtree(path)


def test_files_as_they_are(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unspoilt files are accepted, so that refusals say something."""
    shutil.copytree(shelf, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    for words in (["show", "run"], ["verify", "layer"], ["verify", "heat"], ["verify", "burgers"]):
        check(words)


# Found by the slow search: a summary without counts, states, samples and sequences beyond single
# or double precision, a task that is an object.
FOUND = (30, 275, 393, 1458, 1473)


@pytest.mark.parametrize("seed", [*range(len(CASES)), *FOUND])
def test_spoilt_files(shelf: Path, tmp_path: Path, seed: int) -> None:
    """Kills: a reader that takes a type, a size or a name for granted."""
    spoilt_file(shelf, tmp_path / "copy", seed)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(len(CASES)))
def test_many_spoilt_files(shelf: Path, tmp_path: Path, case: int) -> None:
    for k in range(1, 31):
        spoilt_file(shelf, tmp_path / "copy", case + k * len(CASES))
