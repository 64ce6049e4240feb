"""Formulas become MathML, which browsers show without a script, and numbers do not break.

MathJax typesets the MathML more beautifully where its server can be reached; a page that is read
offline, or printed, shows the same formulas without it.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)
VERBATIM = re.compile(r"(<(pre|code|math|svg)\b.*?</\2>|<[^>]+>)", re.DOTALL)
NUMBER = re.compile(r"\d[\d.,]*e-\d+")


def on_page_content(content: str, **_: Any) -> str:
    """Rewrites the content of a page."""
    return unbroken(FORMULA.sub(_formula, content))


def _formula(found: re.Match[str]) -> str:
    display = "block" if found["open"] == "[" else "inline"
    tex = html.unescape(found["tex"]).strip()
    mathml: str = convert(tex, display=display)
    # sympy prints in a line of text what is a line of its own, and may be wider than a phone.
    kind = "arithmatex display" if tex.startswith(r"\displaystyle") else "arithmatex"
    return f'<{found["tag"]} class="{kind}">{mathml}</{found["tag"]}>'


def unbroken(content: str) -> str:
    """Numbers such as 1e-4 kept on one line: browsers may break after a hyphen."""
    parts = VERBATIM.split(content)
    # Text, then what a tag or a verbatim element says, then its name, and again.
    for index in range(0, len(parts), 3):
        parts[index] = NUMBER.sub(r'<span class="number">\g<0></span>', parts[index])
    return "".join(part for index, part in enumerate(parts) if index % 3 != 2)
