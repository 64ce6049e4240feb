"""Solutions in words, for notebooks and titles."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any, Protocol

import sympy

if TYPE_CHECKING:
    from pinn.accuracy import Errors
    from pinn.problem.problem import Problem

LONGEST = 110  # characters of LaTeX that fit above a figure


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
    """Title, equation and relative error above a figure, as far as they fit.

    Args:
        solution: what is drawn.
        said: of its training, behind the title.
    """
    problem = solution.problem
    lines = [(problem.title or problem.name) + said]
    formula = _formula(solution)
    if formula:
        lines.append(formula)
    if problem.reference is not None:
        lines[-1] += f"    relative L2 error {solution.errors().relative_l2:.1e}"
    return "\n".join(lines)


def _formula(solution: Shown) -> str:
    """The equations as matplotlib reads them, fields without their arguments; "" if too long."""
    problem = solution.problem
    names = {f: sympy.Symbol(str(f.func)) for f in problem.fields}
    parts = []
    for equation in problem.equations:
        text = sympy.latex(equation, fold_short_frac=True)
        for field, symbol in names.items():
            text = text.replace(sympy.latex(field), sympy.latex(symbol))
        parts.append(text)
    whole = ",  ".join(f"${part}$" for part in parts)
    return whole if len(whole) <= LONGEST and _is_drawable(whole) else ""


def _is_drawable(text: str) -> bool:
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("agg").parse(text)
    except ValueError:
        return False
    return True
