"""Solves every problem of the package once, and draws the pictures of the documents' gallery.

    python -m benchmarks.gallery [--budget 15] [NAME ...]

Each solve is the command that the gallery prints, and so is each export of a film. Pictures, films
and results.json lie in docs/figures/gallery; what is there already is replaced name by name. Errors
of one seed and a short budget are a look at each problem, not a benchmark.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sciformer.cli.registry import entries

FOLDER = Path(__file__).parents[1] / "docs" / "figures" / "gallery"
FILMS = ("burgers", "cylinder-wake", "kdv", "taylor-green")  # a few, each some 0.3 MB
# 680 px wide. Median cut alone gives rare colours those of the maps, and orange turns yellow; some
# rounds of k-means give them back.
DPI, COLOURS = 80, 256


def solved(name: str, budget: float) -> dict[str, Any]:
    """Runs the command, draws the picture, and says what it reached."""
    words = ["solve", name, "--budget", f"{budget:g}"]
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        command = [sys.executable, "-m", "sciformer", *words, "--json", "--out", str(run)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in (0, 3):  # 3 says that it has not converged, which is shown
            raise SystemExit(f"{name}: {done.stderr.splitlines()[-1]}")
        found = json.loads(done.stdout)
        draw(run, FOLDER / f"{name}.png")
        if name in FILMS:
            export = [sys.executable, "-m", "sciformer", "export", str(run), "--format", "gif"]
            subprocess.run([*export, "--out", str(FOLDER / f"{name}.gif")], check=True)
    return {
        "command": " ".join(["sciformer", *words]),
        "relative_l2": found.get("relative_l2"),
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "verdict": found["verdict"],
    }


def draw(run: Path, path: Path) -> None:
    """The picture of a run with few colours, so that a page of pictures stays small."""
    from PIL import Image

    with Image.open(run / "figure.png") as picture:
        height = round(picture.height * 8.5 * DPI / picture.width)
        small = picture.convert("RGB").resize((round(8.5 * DPI), height), Image.Resampling.LANCZOS)
        small.quantize(COLOURS, kmeans=3).save(path, optimize=True)


def main() -> None:
    """Draws the problems that are named, or all of ours."""
    ours = [
        name for name, entry in entries("problems").items() if entry.distribution == "sciformer"
    ]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="problems, by default all")
    parser.add_argument("--budget", type=float, default=15.0, help="CPU seconds of each solve")
    chosen = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    record = FOLDER / "results.json"
    for name in chosen.names or ours:
        results = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        results[name] = solved(name, chosen.budget)
        text = json.dumps(dict(sorted(results.items())), indent=1)
        record.write_text(text + "\n", encoding="utf-8")
        print(name, results[name], flush=True)


if __name__ == "__main__":
    main()
