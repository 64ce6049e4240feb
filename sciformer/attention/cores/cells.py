"""Keys in cells of their own space, each cell by its moments: attention at sub-quadratic cost."""

from __future__ import annotations

import math

from torch import Tensor

from sciformer.attention.cores.cell_boxes import Boxes
from sciformer.attention.cores.cell_moments import ROWS, Held, Moments
from sciformer.attention.cores.core import Core
from sciformer.attention.cores.key_masses import key_masses, refuse_differences, without_absent
from sciformer.attention.cores.materialised import Materialised
from sciformer.attention.scoring import Scoring
from sciformer.errors import DomainError

EVERY_PAIR = Materialised()


class Cells(Core):
    """Attention to cells of keys, each represented by the first two moments of its keys and values.

    The keys of each head lie in the cells of a k-d tree in the space of the keys. In a cell of mass
    w, mean key k, mean value v, covariance S of keys and C of values with keys, a query sees

        logit = log w + q.k + (root - 1) / c,   value = v + C q / root
        root = sqrt(1 + c x),   x = q.S q,   c = 2 / 5

    which are the logarithm of the cell's sum of exp(q.k_j) and its mean value, both up to terms of
    second order in the logits' deviations inside the cell. The root continues the series as for
    keys that fill their cell evenly, so that no logit grows faster than the cell is wide.

    Derivatives of every order exist while the keys stay in their cells; where a key changes its
    cell the output jumps by part of its error.

    Args:
        size: keys in a cell at most, >= 1; at 1 this is full attention. By default near sqrt(m).

    Raises:
        DomainError: size < 1; a scheme that adds by offset; a mask other than `Padding`, `Mass` and
            what `&` makes of them; a normaliser other than the softmax.

    Examples:
        >>> import torch
        >>> from sciformer.attention import attend
        >>> from sciformer.attention.cores import Cells
        >>> tokens = torch.linspace(-1, 1, 256, dtype=torch.float64)[None, :, None]
        >>> error = attend(tokens, tokens, tokens, core=Cells(16)) - attend(tokens, tokens, tokens)
        >>> bool(error.abs().max() < 1e-7)
        True

    Cost: n cells pairs, each of about d (d + e) products instead of d + e: for narrow heads. Memory
        n d e.
    Accuracy: `bound` has a proven bound of every row's error.
    Source: Barnes and Hut 1986 and Lindsay and Krasny 2001 for moments of cells as far field;
        the expansion of the softmax, its root and its bound are ours.
    """

    exact = False
    smooth = False

    def __init__(self, size: int | None = None) -> None:
        if size is not None and (type(size) is not int or size < 1):
            raise DomainError(f"Cells: a cell has a whole number of keys >= 1; got {size}.")
        self.size = size

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        if not (key.numel() and query.numel() and value.numel()):
            return EVERY_PAIR.attend(query, key, value, scoring)  # zeros, or nothing
        held = self._held(query, key, value, scoring)
        moments = Moments.of(held)
        return held.restored([moments.seen_by(some).output for some in held.queries()])

    def bound(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        """Bound of each output's distance from full attention, up to rounding.

        Let s be the deviations of a query's logits in a cell from their mean, R >= max s - min s
        and up >= max s by the box of the keys, D the diagonal of the box of the values. Every
        tilted distribution of s has |third cumulant| <= min(R^3 / (6 sqrt 3), R x exp(up)) and
        |cumulant of value, s, s| <= D min(R^2 / 4, x exp(up)), so that by Taylor's theorem with
        Lagrange's remainder the logit of a cell is off by at most

            e = min(R^3 / (36 sqrt 3), R x exp(up) / 6) + x / 2 - (root - 1) / c

        and its value by at most

            b = D min(R^2 / 8, x exp(up) / 2) + D sqrt(x) / 2 (1 - 1 / root)

        (Hoeffding's bound of the logit, 0 to R^2 / 8, and the total variation tanh(R / 4) of the
        tilted keys take their place where they are smaller). With weights A and values y of the
        cells, and the output o,

            |out - exact| <= sum A (|y - o| (exp(e) - 1) + b exp(e)) / sum A exp(-e)

        No bound exceeds the distance of the output from the box of all values.

        Args: as `attend`.

        Returns:
            Shape (..., h, n), in the Euclidean norm of an output row.
        """
        if not (key.numel() and query.numel() and value.numel()):
            return self.attend(query, key, value, scoring).sum(-1)
        held = self._held(query, key, value, scoring)
        moments, box = Moments.of(held), Boxes.of(held)
        bounds = [box.bound(some, moments.seen_by(some), moments) for some in held.queries()]
        return held.restored(bounds).squeeze(-1)

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        return refuse_differences("cells", scoring)

    def pairs(self, scoring: Scoring) -> int:
        return scoring.patch.n * (1 << self._levels(scoring.patch.m))

    def peak(self, scoring: Scoring) -> int:
        # Roots, logits, what is held, masked logits, their softmax and the weights.
        return 5 * min(scoring.patch.n, ROWS) * (1 << self._levels(scoring.patch.m))

    def _levels(self, m: int) -> int:
        size = math.sqrt(max(m, 1)) if self.size is None else self.size
        return max(math.ceil(math.log2(max(m, 1) / size)), 0)

    def _held(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Held:
        masses = key_masses(scoring, key)
        key, value = without_absent(key, value, masses, scoring)
        return Held.of(query, key, value, masses, self._levels(scoring.patch.m))
