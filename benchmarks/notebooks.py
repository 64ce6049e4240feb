"""Runs the notebooks in full and writes them, with their outputs, as pages of the documents.

    pip install nbconvert && python -m benchmarks.notebooks [NAME ...]

The notebooks in the repository have no outputs, so that a change of one is a change of its text.
Their pages in docs/notebooks were run in full by this script, which takes some minutes; the tests
run every notebook in a short form, and say which page is older than its notebook.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import resource
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
PAGES = ROOT / "docs" / "notebooks"
COLOURS = 128  # a palette of this size makes a picture of some 40 KB


def fingerprint(source: Path) -> str:
    """The mark by which a page is known to belong to its notebook as it is."""
    return hashlib.sha256(source.read_bytes()).hexdigest()[:16]


def executed(source: Path) -> tuple[Any, float]:
    """A notebook with its outputs, and the CPU seconds that it took."""
    import jupytext
    import nbclient

    notebook = jupytext.read(source)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as scratch:
        where = {"metadata": {"path": scratch}}
        nbclient.NotebookClient(notebook, timeout=1800, resources=where).execute()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return notebook, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def without_bars(notebook: Any) -> None:
    """Progress bars and warnings go to stderr; a page shows what was printed and drawn."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = re.sub(r"^%matplotlib inline\n", "", cell.source)
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]


def page(source: Path) -> None:
    """Runs a notebook and writes its page and pictures."""
    from nbconvert import MarkdownExporter
    from PIL import Image

    notebook, seconds = executed(source)
    without_bars(notebook)
    exporter = MarkdownExporter(no_prompt=True)
    body, resources = exporter.from_notebook_node(notebook)
    for old in PAGES.glob(f"{source.stem}_*.png"):
        old.unlink()
    for number, (name, data) in enumerate(sorted(resources["outputs"].items())):
        kept = f"{source.stem}_{number}.png"
        body = body.replace(f"({name})", f"({kept})").replace("![png]", "![output]")
        with Image.open(io.BytesIO(data)) as picture:
            picture.convert("RGB").quantize(COLOURS, kmeans=3).save(PAGES / kept, optimize=True)
    mark = (
        f"<!-- {fingerprint(source)} -->\n\n"
        f"*Run in full in {seconds:.0f} s of CPU time by `python -m benchmarks.notebooks`; "
        f"the notebook is `notebooks/{source.stem}.ipynb`.*\n\n"
    )
    title, _, rest = body.strip().partition("\n")
    text = f"{title}\n\n{mark}{rest.strip()}\n"
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text)
    (PAGES / f"{source.stem}.md").write_text(text, encoding="utf-8")
    print(f"{source.stem}: {seconds:.0f} s of CPU time", flush=True)


def main() -> None:
    """Writes the pages of the notebooks that are named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="how the names begin")
    chosen = parser.parse_args()
    PAGES.mkdir(exist_ok=True)
    for source in NOTEBOOKS:
        if not chosen.names or source.stem.startswith(tuple(chosen.names)):
            page(source)


if __name__ == "__main__":
    main()
