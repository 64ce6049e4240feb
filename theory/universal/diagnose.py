"""Requirements of a formula on a network, with the error of every network that lacks them."""

from __future__ import annotations

from dataclasses import dataclass

from theory.universal.construction.choose import choose
from theory.universal.enclosure.defined import check_defined
from theory.universal.formula.domain import Domain
from theory.universal.formula.target import Formula, Target, read_target
from theory.universal.obstructions import (
    Obstruction,
    bits_needed,
    heads_needed,
    with_a_jump,
    with_relative_positions_only,
    without_attention,
    without_positions,
)
from theory.universal.preconditions import largest_jump

_NOTHING = 1e-9


@dataclass(frozen=True)
class Diagnosis:
    """Requirements of a target.

    Args:
        obstructions: lower bounds of the error of networks that lack something.
        needs: what follows from them, in sentences.
        heads: heads needed and heads that suffice to bring the sequence to every token.
        bits: parameters x bits for the worst 1-Lipschitz map of this shape at error 0.05.
        construction: what `compile` would take, and why.
    """

    obstructions: tuple[Obstruction, ...]
    needs: tuple[str, ...]
    heads: tuple[int, int]
    bits: int
    construction: str


def diagnose(
    formula: Formula,
    tokens: int,
    width: int = 1,
    *,
    epsilon: float = 0.05,
    domain: Domain = (-1.0, 1.0),
) -> Diagnosis:
    """Judges a formula: positions, attention, heads, continuity.

    Args:
        formula: the outputs of a token, or of every token, as for `compile`.
        tokens: number of tokens.
        width: coordinates of a token.
        domain: the interval of every coordinate.
        epsilon: intended error, for the construction and the information bound.

    Raises:
        DomainError: epsilon <= 0, or a formula that is not defined on the whole domain.

    Examples:
        >>> diagnose("x1; x1+x2", tokens=2).needs[0]
        'positions: needed, without them every network has an error of at least 0.5'
    """
    target = read_target(formula, tokens, width, domain)
    bits = bits_needed(target.dimension, tokens * target.outputs, epsilon)
    check_defined(target)
    found = [without_positions(target), without_attention(target)]
    found.append(with_relative_positions_only(target))
    jump = max(largest_jump(p, target)[0] for p in {p for row in target.programs for p in row})
    if jump > 1e-6:
        found.append(with_a_jump(jump))
    return Diagnosis(
        obstructions=tuple(found),
        needs=tuple(_sentence(target, o) for o in found),
        heads=heads_needed(tokens, width),
        bits=bits,
        construction=choose("auto", target, epsilon)[1],
    )


def _sentence(target: Target, obstruction: Obstruction) -> str:
    bound = f"{obstruction.bound:.4g}"
    if obstruction.bound <= _NOTHING:
        return {
            "N1": "positions: not needed, the target is equivariant at all points tried",
            "N2": "attention: not needed, every token's output depends on that token alone",
            "N3": "absolute positions: constant sequences do not require them",
        }[obstruction.name]
    return {
        "N1": f"positions: needed, without them every network has an error of at least {bound}",
        "N2": f"attention: needed, a token-wise network has an error of at least {bound}",
        "N3": "absolute positions: needed, with relative positions alone every network of any "
        f"depth has an error of at least {bound}",
        "N6": "continuity: the target jumps, every continuous network has an error of at least "
        f"{bound}",
    }[obstruction.name]
