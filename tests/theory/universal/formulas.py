"""Random formulas in x1 and x2 that use the whole grammar, as text."""

from __future__ import annotations

from hypothesis import strategies as st

_ONE_ARGUMENT = ("sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "exp", "log", "sqrt", "abs")
_FUNCTIONS = (*_ONE_ARGUMENT, "sign", "heaviside", "relu", "sigmoid")
_LEAVES = st.sampled_from(["x1", "x2", "2", "0.3", "pi", "e", "1/3", "(x1 + 1.5)", "x1²"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(st.sampled_from(_FUNCTIONS), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(pairs, st.sampled_from("+-*/")).map(lambda p: f"({p[0][0]} {p[1]} {p[0][1]})"),
        st.tuples(inner, st.sampled_from(["2", "3", "-1", "0.5", "-1.5", "1/3"])).map(
            lambda p: f"({p[0]})**({p[1]})"
        ),
        pairs.map(lambda p: f"max({p[0]}, {p[1]})"),
        pairs.map(lambda p: f"min({p[0]}, 0.2, {p[1]})"),
        inner.map(lambda a: f"-|{a}|"),
        st.tuples(inner, inner, pairs, st.sampled_from(["<", "<=", ">", ">="])).map(
            lambda p: f"where({p[0]} {p[3]} {p[1]}, {p[2][0]}, {p[2][1]})"
        ),
    )


raw_formulas = st.recursive(_LEAVES, _grown, max_leaves=6)
"""Formulas that need not be defined anywhere."""


def _readable(text: str) -> bool:
    from sciformer.errors import SciformerError
    from theory.universal.formula.target import read_target

    try:
        read_target(text, 2)
    except SciformerError:
        return False
    return True


formulas = raw_formulas.filter(_readable)
"""Formulas whose constants are real."""
