"""Fields that stay near to a level, such as temperatures in kelvins, count as their distance."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch
from torch import nn

from pinn import Box, Condition, Disc, Problem
from pinn.problem.monomials import monomials
from pinn.problem.scales import Scales
from pinn.sampling.samplers import UniformSobol
from pinn.training.evidence import relative_residuals
from pinn.trial import conditions
from pinn.trial.windows import window
from sciformer.errors import UsageError

x, y, t = sympy.symbols("x y t")
u, w = sympy.Function("u")(t), sympy.Function("w")(x, y)
RATE = 0.2


FIFTH = sympy.Rational(1, 5)


def cooling(ambient: Any, excess: Any = FIFTH, **more: Any) -> Problem:
    """Newton's law, from some degrees above an ambient temperature."""
    start = Condition(sympy.Eq(u, ambient + excess), on="t=0")
    law = sympy.Eq(u.diff(t), -RATE * (u - ambient - sympy.sin(t) / 100))
    return Problem("cooling", t, u, law, Box(t=(0, 10)), start, **more)


def ring(inner: Any, outer: Any) -> Problem:
    domain = Disc(2, x=0, y=0, name="rim") - Disc(1, x=0, y=0, name="hole")
    on = [Condition(sympy.Eq(w, inner), on="hole"), Condition(sympy.Eq(w, outer), on="rim")]
    return Problem("ring", (x, y), w, w.diff(x, 2) + w.diff(y, 2), domain, on)


@pytest.mark.parametrize("ambient", [20.1, 293.15, 101325])
def test_the_zero_of_a_unit_says_nothing(ambient: float) -> None:
    """Kills: a level that is not subtracted from terms, values or conditions; rounding of terms
    that cancel taken for a source.
    """
    scales, cold = Scales.of(cooling(ambient)), Scales.of(cooling(0, 0))
    assert scales.levels[u] == pytest.approx(ambient + 0.2)
    assert scales.fields[u] == pytest.approx(0.2, rel=0.1)
    assert scales.equations[0] == pytest.approx(0.1, rel=0.5)
    balanced = Scales.of(cooling(ambient, 0))
    assert balanced.fields[u] == pytest.approx(cold.fields[u], rel=0.1)


def test_only_what_stays_near_to_a_level_has_one() -> None:
    """Kills: a decay to nothing, or a bar between 20 and 500, counted from a level."""
    decay = Problem("d", t, u, u.diff(t) + u, Box(t=(0, 5)), Condition(sympy.Eq(u, 1), on="t=0"))
    assert Scales.of(decay).levels == {}
    assert Scales.of(ring(20, 500)).levels == {}
    assert Scales.of(ring(300, 301)).levels == {w: pytest.approx(300.5)}
    assert Scales.of(ring(300, 300)).levels == {}  # nothing says how it varies


def test_a_residual_counts_beside_what_varies() -> None:
    """Kills: 1e-5 of terms that are as large as the temperature, for a rate that is half as large
    again.
    """

    class Wrong(nn.Module):
        def forward(self, points: Any) -> Any:
            return 293.15 + 0.2 * torch.exp(-1.5 * RATE * points)

    problem = cooling(sympy.Rational(29315, 100))
    sample = UniformSobol(problem.domain, 0).draw(128)
    [size] = relative_residuals(problem, Wrong(), sample, {}).values()  # type: ignore[arg-type]
    assert size > 0.05


def test_terms_about_a_level_add_up_to_the_same() -> None:
    """Kills: terms that are not turned back into the field itself."""
    form = u.diff(t) + RATE * (u**4 - 3) + sympy.sin(u)
    gap = sympy.Add(*monomials(form, (u,), {u: 1.5})) - form
    at = {u.diff(t): sympy.Rational(7, 3), u: sympy.Rational(-11, 5)}
    assert abs(gap.xreplace({u.diff(t): at[u.diff(t)]}).xreplace({u: at[u]}).evalf()) < 1e-12


def test_a_fresh_network_begins_at_the_level() -> None:
    """Kills: a network that has to reach 300 with outputs of a hundredth, where no condition is
    built in.
    """
    constraint = conditions.auto(ring(300, sympy.Rational(30001, 100)))
    points = torch.tensor([[1.5, 0.0], [0.0, -1.7]], dtype=torch.float64)
    fields = constraint(points, torch.zeros(2, 1, dtype=torch.float64))
    assert fields[:, 0].tolist() == pytest.approx([300.005] * 2, abs=1e-9)
    moved = constraint(points, torch.ones(2, 1, dtype=torch.float64))
    assert float((moved - fields).abs().max()) == pytest.approx(4 * 0.005, rel=0.1)


def test_windows_keep_the_level_of_the_whole() -> None:
    """Kills: a state of each window taken for a level of its own."""
    part = window(cooling(293), 2.0, 3.0, [293.1])
    assert part.levels == {"u": pytest.approx(293.2)}
    assert Scales.of(part).levels[u] == pytest.approx(293.2)
    assert window(cooling(0), 2.0, 3.0, [293.1]).levels == {"u": 0.0}


def test_levels_are_of_fields() -> None:
    assert Scales.of(cooling(293, levels={"u": 290})).levels == {u: 290.0}
    with pytest.raises(UsageError, match="levels must give a number for some of the fields u"):
        cooling(293, levels={"v": 290})
