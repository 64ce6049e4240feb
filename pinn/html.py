"""Solutions in words, for notebooks and titles."""

from __future__ import annotations

import base64
import html
import io
import math
from typing import TYPE_CHECKING, Any, Protocol

import sympy

from sciformer.pictures import STYLE, WIDTH

if TYPE_CHECKING:
    from pinn.accuracy import Errors
    from pinn.problem.problem import Problem

MOST = 60  # operations of an equation beyond which nobody reads it above a picture
LINES, SHARE = 3, 0.88  # of a title: lines for equations, and their part of a figure's width


class Shown(Protocol):
    """All that is shown of a solution; a protocol that `pinn.Solution` satisfies."""

    problem: Problem

    @property
    def parameters(self) -> dict[str, float]:
        """All parameters of the problem."""
        ...

    @property
    def parameter_count(self) -> int:
        """Number of trained parameters."""
        ...

    def errors(self) -> Errors:
        """Errors against the problem's reference."""
        ...

    def plot(self) -> Any:
        """A matplotlib figure."""
        ...


def solution_html(solution: Shown) -> str:
    """Equations in LaTeX, a table of parameters and errors, and a small figure."""
    problem = solution.problem
    rows = {
        "fields": ", ".join(problem.expressions),
        "domain": str(problem.domain),
        "trained parameters": f"{solution.parameter_count:,}",
        **{name: f"{value:.6g}" for name, value in solution.parameters.items()},
    }
    if problem.reference is not None:
        errors = solution.errors()
        rows["relative L2 error"] = f"{errors.relative_l2:.2e}"
        rows["largest error"] = f"{errors.max_error:.2e}"
    cells = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    picture = io.BytesIO()
    solution.plot().savefig(picture, format="png", dpi=60)
    data = base64.b64encode(picture.getvalue()).decode()
    return (
        f"<div><b>{html.escape(problem.title or problem.name)}</b>"
        f"{html.escape(problem._repr_latex_())}<table>{cells}</table>"
        f'<img alt="figure" src="data:image/png;base64,{data}"></div>'
    )


def headline(solution: Shown, said: str = "") -> str:
    """Title and relative error above a figure, and below them the equations if they fit.

    Args:
        solution: what is drawn.
        said: of its training, behind the title.
    """
    problem = solution.problem
    first = (problem.title or problem.name) + said
    if problem.reference is not None:
        first += f"    relative L2 error {solution.errors().relative_l2:.1e}"
    return "\n".join([first, *_lines(list(map(_formula, _short(problem))))])


def _short(problem: Problem) -> list[Any]:
    """The equations with fields as u and their derivatives as u_xx, those too long left out."""
    names = {field: sympy.latex(sympy.Symbol(str(field.func))) for field in problem.fields}

    def subscripts(derivative: Any) -> Any:
        by = "".join(sympy.latex(x) * int(times) for x, times in derivative.variable_count)
        return sympy.Symbol(f"{names[derivative.expr]}_{{{by}}}")

    def is_of_a_field(part: Any) -> bool:
        return isinstance(part, sympy.Derivative) and part.expr in names

    symbols = {field: sympy.Symbol(name) for field, name in names.items()}
    equations = [e if isinstance(e, sympy.Eq) else sympy.Eq(e, 0) for e in problem.equations]
    if any(equation.count_ops() > MOST for equation in equations):
        return []
    return [e.replace(is_of_a_field, subscripts).subs(symbols) for e in equations]


def _formula(equation: Any) -> str:
    return f"${sympy.latex(equation, fold_short_frac=True)}$"


def _lines(formulas: list[str]) -> list[str]:
    """Formulas in as few lines of a title as they need; none if they do not fit into three."""
    lines: list[str] = []
    for formula in formulas:
        longer = f"{lines[-1]},   {formula}" if lines else formula
        if lines and _width(longer) <= WIDTH * SHARE:
            lines[-1] = longer
        elif _width(formula) <= WIDTH * SHARE:
            lines.append(formula)
        else:
            return []
    return lines if len(lines) <= LINES else []


def _width(text: str) -> float:
    """Inches that a line of a title takes; infinite if matplotlib cannot read it."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser

    font = FontProperties(size=STYLE["figure.titlesize"], weight=STYLE["figure.titleweight"])
    try:
        return float(MathTextParser("path").parse(text, dpi=72, prop=font)[0]) / 72
    except ValueError:
        return math.inf
