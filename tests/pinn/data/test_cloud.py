"""Clouds of measured values: what is refused, in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.data.cloud import Cloud
from sciformer.errors import DataError

GOOD = {
    "points": np.random.default_rng(0).random((120, 2)),
    "values": {"u": np.arange(120.0)},
    "noise": {"u": 0.3},
}


def test_good_data_pass() -> None:
    assert len(Cloud(**GOOD)) == 120


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"points": np.zeros(120)}, r"needs points \(p, c\) .* got points \(120,\)"),
        ({"values": {"u": np.zeros(119)}}, r"u needs one value per point, \(120,\); got \(119,\)"),
        ({"values": {"u": np.zeros((120, 1))}}, r"got \(120, 1\)"),
        ({"values": {}, "noise": {}}, "values .* of at least one quantity"),
        ({"noise": {"u": 0.3, "v": 0.1}}, "one level for each quantity"),
        ({"noise": {"v": 0.3}}, r"values of \['u'\] come with noise levels of \['v'\]"),
        ({"noise": {"u": 0.0}}, "noise levels must be > 0"),
        ({"values": {"u": np.full(120, np.nan)}}, "u has 120 numbers that are not finite"),
        ({"points": np.full((120, 2), np.inf)}, "points has 240 numbers"),
    ],
)
def test_what_is_refused(changes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Cloud(**{**GOOD, **changes})
