"""The programs of the tutorials run as a reader types them, one page after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

PAGES = Path(__file__).parents[1] / "docs" / "tutorials"
# The others learn by a budget of seconds; their programs are compiled by another test.
WHOLE = [
    "attention",
    "compile",
    "compiled_flows",
    "flows",
    "identify",
    "own_pde",
    "positions",
    "sequences",
    "solve",
    "stream",
]


def programs(page: str) -> list[str]:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", [*WHOLE, pytest.param("../bounds", marks=pytest.mark.slow)])
def test_the_programs_of_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a few steps in place of their budgets. Kills: a name or argument that has moved."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    found = programs(page)
    assert found
    with mpl.rc_context():
        for program in found:
            short = re.sub(r"budget=\d+", "iterations=3", program)
            exec(short.replace("epochs=5", "epochs=1"), names)


def test_a_page_states_question_way_and_trust() -> None:
    """Kills: a tutorial that does not say how far its answers can be trusted."""
    for page in (*WHOLE, "families", "gpu"):
        path = PAGES / f"{page}.md"
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^\*[A-Z].*\?.*\*$", text, re.MULTILINE), path
        assert "\n## The shortest way" in text, path
        for part in ("What happens", "How far to trust it", "Exercises"):
            assert f"\n## {part}\n" in text, (path, part)
