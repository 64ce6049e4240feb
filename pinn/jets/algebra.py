"""Sets of differential operators closed under the product rule, and its coefficients."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from sciformer.errors import DomainError, unknown_name

Exponents = tuple[int, ...]
Polynomial = Mapping[Exponents, float]
Term = tuple[tuple[int, ...], float]
Power = tuple[tuple[int, tuple[Term, ...]], ...]

_TERM = re.compile(r"\s*([+-]?)\s*(\d+\.?\d*|\.\d+|)\*?([A-Za-z]+|1)\s*")
_ROUNDING = 1e-9
# Weights come from a pseudo-inverse; below this share of their terms they are rounding.
_NOISE = 1e-13


class Operators:
    """A finite set of linear differential operators that is closed under the product rule.

    D_c(f g) = sum_{a,b} T[c][a, b] (D_a f)(D_b g),    D_0 = identity

    A name is a sum of words in the coordinates: "xx" is the second derivative in x, "xx+yy" the
    Laplacian, "1" the identity. Decimal factors and minus signs are allowed: "t-0.01xx" carries
    the heat operator in one channel, where "t" and "xx" would take two.

    Args:
        coordinates: one letter each, in the order of the columns of the points.
        names: the operators asked for. The identity comes first; it is added where it is missing,
            and so is every operator that the product rule of the others needs.

    Raises:
        DomainError: a coordinate that is not one letter, or a name that is not an operator in them.

    Cost: the table is computed once, from binomial coefficients, when the object is made.
    Source: Leibniz's rule; the composition rule is Faà di Bruno's formula. The completion is ours.

    Examples:
        >>> from pinn.jets import Operators
        >>> len(Operators("xy", ["xx+yy"]))  # the value, both slopes and the Laplacian
        4
    """

    def __init__(self, coordinates: Sequence[str], names: Sequence[str]) -> None:
        self.coordinates = tuple(coordinates)
        if any(len(letter) != 1 or not letter.isalpha() for letter in self.coordinates):
            raise DomainError(
                "Operators: coordinates must be single letters, so that 'xx' can be read; "
                f"got {self.coordinates}."
            )
        if len(set(self.coordinates)) != len(self.coordinates):
            raise DomainError(f"Operators: coordinates must differ; got {self.coordinates}.")
        asked = [name for name in names if name != "1"]
        polynomials = {name: self._parse(name) for name in ("1", *asked)}
        self._polynomials = self._complete(polynomials)
        self.names = tuple(self._polynomials)
        self.order = max(sum(word) for poly in self._polynomials.values() for word in poly)
        self.table = self._table()
        self.cross = tuple(
            (c, a, b, weight)
            for c, row in enumerate(self.table)
            for (a, b), weight in row.items()
            if a and b
        )
        self.powers = tuple(self._power(degree) for degree in range(2, self.order + 1))

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Operators({self.coordinates}, {self.names})"

    def index(self, name: str) -> int:
        """The channel of an operator.

        Args:
            name: as in `names`; a word may be spelled in any order ("tx" is "xt").

        Raises:
            UnknownNameError: the operator is not in the set.
        """
        if name in self._polynomials:
            return self.names.index(name)
        wanted = self._parse(name)
        for position, polynomial in enumerate(self._polynomials.values()):
            if polynomial == wanted:
                return position
        raise unknown_name("Operators", "operator", name, self.names)

    @property
    def words(self) -> tuple[Polynomial, ...]:
        """The operators as factors by how often each coordinate is differentiated."""
        return tuple(self._polynomials.values())

    def slopes(self) -> list[list[float]]:
        """(operators, coordinates): what each operator makes of each coordinate, value excluded."""
        units = [
            tuple(int(i == j) for j in range(len(self.coordinates)))
            for i in range(len(self.coordinates))
        ]
        return [[poly.get(unit, 0.0) for unit in units] for poly in self._polynomials.values()]

    def _parse(self, name: str) -> Polynomial:
        if name == "1":
            return {(0,) * len(self.coordinates): 1.0}
        polynomial: dict[Exponents, float] = {}
        position = 0
        while position < len(name):
            match = _TERM.match(name, position)
            letters = match.group(3) if match else ""
            joined = bool(match and (position == 0 or match.group(1)))
            if match is None or not joined or not set(letters) <= set(self.coordinates):
                raise DomainError(
                    f"Operators: {name!r} is not an operator; write words in the coordinates "
                    f"{', '.join(self.coordinates)} joined by + or -, such as 'xx' or 'xx+yy'."
                )
            word = tuple(letters.count(letter) for letter in self.coordinates)
            factor = float(match.group(2) or 1)
            signed = -factor if match.group(1) == "-" else factor
            polynomial[word] = polynomial.get(word, 0.0) + signed
            position = match.end()
        return {word: factor for word, factor in polynomial.items() if factor}

    def _spell(self, polynomial: Polynomial) -> str:
        terms = []
        for word, factor in polynomial.items():
            letters = "".join(
                letter * power for letter, power in zip(self.coordinates, word, strict=True)
            )
            size = "" if abs(factor) == 1 else f"{abs(factor):.15g}"
            terms.append(("-" if factor < 0 else "+") + size + letters)
        return "".join(terms).removeprefix("+")

    def _complete(self, polynomials: dict[str, Polynomial]) -> dict[str, Polynomial]:
        """Add the left factors of every product rule until none lies outside the span."""
        queue = list(polynomials.values())
        while queue:
            for factor in _left_factors(queue.pop(0)):
                if not _spans(list(polynomials.values()), factor):
                    polynomials[self._spell(factor)] = factor
                    queue.append(factor)
        return polynomials

    def _table(self) -> tuple[dict[tuple[int, int], float], ...]:
        polynomials = list(self._polynomials.values())
        words, basis = _basis(polynomials, polynomials)
        basis, rows, columns = _balanced(basis)
        if np.linalg.matrix_rank(basis) < len(polynomials):
            raise DomainError(
                f"Operators: {self.names} are linearly dependent; leave out those that are sums "
                "of others."
            )
        inverse = np.linalg.pinv(basis)
        inverse[np.abs(inverse) <= _NOISE * np.abs(inverse).max()] = 0.0
        table = []
        for polynomial in polynomials:
            split = np.zeros((len(words), len(words)))
            for left, row in _coproduct(polynomial).items():
                for right, weight in row.items():
                    split[words[left], words[right]] = weight
            split *= columns[:, None] * columns
            weights = inverse.T @ split @ inverse
            # The rounding of each entry, however small the coefficients of an operator are.
            rounding = _NOISE * (np.abs(inverse).T @ np.abs(split) @ np.abs(inverse))
            sizes = _ROUNDING * np.abs(weights) + rounding
            gap = np.abs(basis.T @ weights @ basis - split)
            allowed = np.abs(basis).T @ sizes @ np.abs(basis) + _ROUNDING * np.abs(split)
            assert (gap <= allowed).all(), "not closed"
            table.append(
                {
                    (int(a), int(b)): float(f"{rows[a] * weights[a, b] * rows[b]:.15g}")
                    for a, b in np.argwhere(np.abs(weights) > rounding)
                }
            )
        return tuple(table)

    def _power(self, degree: int) -> Power:
        """The channels c where [delta^degree / degree!]_c, delta = jet minus value, has terms."""
        previous: dict[int, tuple[Term, ...]] = (
            {c: (((c,), 1.0),) for c in range(1, len(self))}
            if degree == 2
            else dict(self._power(degree - 1))
        )
        totals: dict[int, dict[tuple[int, ...], float]] = {}
        for c, a, b, weight in self.cross:
            total = totals.setdefault(c, {})
            for factors, inner in previous.get(b, ()):
                key = tuple(sorted((a, *factors)))
                total[key] = total.get(key, 0.0) + weight * inner / degree
        return tuple((c, tuple(total.items())) for c, total in totals.items() if total)


@functools.cache
def slopes_of(terms: tuple[Term, ...]) -> list[tuple[int, tuple[int, ...], float]]:
    """The derivative of a combination: channel, factors left over and weight of each product."""
    slopes = []
    for factors, weight in terms:
        for channel in set(factors):
            left = list(factors)
            left.remove(channel)
            slopes.append((channel, tuple(left), weight * factors.count(channel)))
    return slopes


def _coproduct(polynomial: Polynomial) -> dict[Exponents, dict[Exponents, float]]:
    """D(f g) = sum over words of split[left][right] (D_left f)(D_right g)."""
    split: dict[Exponents, dict[Exponents, float]] = {}
    for word, factor in polynomial.items():
        for left in itertools.product(*[range(power + 1) for power in word]):
            ways = math.prod(math.comb(n, k) for n, k in zip(word, left, strict=True))
            right = tuple(n - k for n, k in zip(word, left, strict=True))
            row = split.setdefault(left, {})
            row[right] = row.get(right, 0.0) + factor * ways
    return split


def _left_factors(polynomial: Polynomial) -> list[Polynomial]:
    """The operators that meet some word of f in D(f g), without the identity, which is there."""
    factors: list[Polynomial] = []
    for whole_row in _coproduct(polynomial).values():
        row = {word: value for word, value in whole_row.items() if any(word)}
        if not row:
            continue
        lead = next(iter(row.values()))
        whole = all(abs(v / lead - round(v / lead)) < _ROUNDING for v in row.values())
        scale = lead if whole else 1.0
        factors.append({word: value / scale for word, value in row.items()})
    return factors


def _basis(
    rows: Sequence[Polynomial], words_of: Sequence[Polynomial]
) -> tuple[dict[Exponents, int], np.ndarray]:
    found = {
        word
        for polynomial in words_of
        for top in polynomial
        for word in itertools.product(*[range(power + 1) for power in top])
    }
    words = {word: position for position, word in enumerate(sorted(found))}
    matrix = np.zeros((len(rows), len(words)))
    for position, polynomial in enumerate(rows):
        for word, factor in polynomial.items():
            matrix[position, words[word]] = factor
    return words, matrix


def _spans(polynomials: Sequence[Polynomial], wanted: Polynomial) -> bool:
    _, matrix = _basis([*polynomials, wanted], [*polynomials, wanted])
    matrix, _, _ = _balanced(matrix)
    return int(np.linalg.matrix_rank(matrix[:-1])) == int(np.linalg.matrix_rank(matrix))


def _balanced(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns times powers of two so that all of them are of size 1, and those powers.

    A heat operator in units of its own, "t-1e16xx", is then as independent of "xx" as "t-xx" is.
    """
    rows = _powers(np.abs(matrix).max(1))
    matrix = rows[:, None] * matrix
    columns = _powers(np.abs(matrix).max(0))
    return matrix * columns, rows, columns


def _powers(sizes: np.ndarray) -> np.ndarray:
    """The powers of two that bring sizes to [1, 2); 1 for nothing."""
    return np.exp2(-np.floor(np.log2(np.where(sizes > 0, sizes, 1.0))))
