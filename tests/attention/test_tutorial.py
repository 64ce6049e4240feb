"""The page on attention cores runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "attention.md"


def test_the_programs_of_the_page_run() -> None:
    """One after the other, as a reader types them. Kills: a name that has moved."""
    names: dict[str, Any] = {}
    for program in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(program, names)
    wanted = names["attend"](names["query"], names["key"], names["value"])
    torch.testing.assert_close(names["whole"].output, wanted)
    torch.testing.assert_close(names["rest"].output, names["second"].output, rtol=1e-4, atol=1e-4)
    assert names["output"].shape == (1, 1000, 16)
