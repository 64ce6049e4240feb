"""key=value words become typed values, or a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciformer.cli.settings import parse_settings
from sciformer.errors import UnknownNameError, UsageError


@dataclass(frozen=True)
class Example:
    width: int = 32
    step: float = 0.1
    hard: bool = True
    name: str = ""
    activation: Literal["tanh", "wavelet"] = "tanh"
    order: Literal[2, 3] = 2
    budget: float | None = None
    old: Optional[int] = None  # noqa: UP045
    layers: tuple[int, ...] = ()
    derived: int = field(default=0, init=False)


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("width=-64", -64),
        ("step=1e-3", 0.001),
        ("step=3", 3.0),
        ("hard=no", False),
        ("hard=True", True),
        ("hard=0", False),
        ("hard=1", True),
        ("name=a=b", "a=b"),
        ("name=", ""),
        ("activation=wavelet", "wavelet"),
        ("order=3", 3),
        ("budget=none", None),
        ("budget=60", 60.0),
        ("old=None", None),
        ("old=7", 7),
        ("layers=50,40,30", (50, 40, 30)),
        ("layers=", ()),
    ],
)
def test_values_have_the_type_of_the_field(pair: str, value: object) -> None:
    """Kills: splitting at the last "="; bool("no"); a literal left as text; a float for an int."""
    (result,) = parse_settings("solve", [pair], Example).values()
    assert result == value
    assert type(result) is type(value)


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_exactly(width: int, step: float) -> None:
    pairs = ["width=5", f"width={width}", f"step={step!r}"]
    assert parse_settings("solve", pairs, Example) == {"width": width, "step": step}


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("width", r"^solve: --set expects key=value; got 'width'\.$"),
        ("width=3.5", r"^solve: --set width expects a whole number; got '3\.5'\.$"),
        ("step=nan", r"^solve: --set step expects a finite number; got 'nan'\.$"),
        ("step=inf", r"^solve: --set step expects a finite number; got 'inf'\.$"),
        ("step=fast", r"^solve: --set step expects a finite number; got 'fast'\.$"),
        ("hard=2", r"^solve: --set hard expects true or false; got '2'\.$"),
        ("activation=relu", r"^solve: --set activation expects one of tanh, wavelet; got 'r"),
        ("layers=5,x", r"^solve: --set layers expects a whole number; got '5,x'\.$"),
        ("old=x", r"^solve: --set old expects a whole number; got 'x'\.$"),
    ],
)
def test_mistakes_are_sentences(pair: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_settings("solve", [pair], Example)


@pytest.mark.parametrize("key", ["wdith", "derived"])
def test_unknown_keys_get_the_nearest(key: str) -> None:
    """Kills: letting a field through that the constructor does not take."""
    with pytest.raises(UnknownNameError, match=rf"^solve: unknown setting '{key}'\.") as caught:
        parse_settings("solve", [f"{key}=1"], Example)
    assert ("Did you mean 'width'?" in str(caught.value)) == (key == "wdith")
