"""The verifier's check of one output of one token."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy
import torch

from theory.universal.arrays import Array
from theory.universal.formula.target import Target
from theory.universal.layer import SingleLayer, weights_from_state
from theory.universal.verifier.dual import Dual, Forms, require
from theory.universal.verifier.network import affine, content_heads, mixed
from theory.universal.verifier.numbers import Number, Numbers
from theory.universal.verifier.tree import covers, read_expression, replay

_MOST_SUBBOXES = 40_000
_FORWARD_POINTS = 3
_MARGIN = 1e-12
"""Relative size of a pre-activation from which a unit counts as active on the whole domain."""


class EntryCheck:
    """One entry's claim against weights and formula.

    The hidden units are shared among the blocks as the claim's affine parts tell; whatever a unit
    has outside its block's coordinates, and whatever the affine parts leave over, is bounded over
    the domain and added to the error.
    """

    def __init__(
        self,
        claim: dict[str, Any],
        target: Target,
        weights: dict[str, Any],
        trees: list[Any],
        numbers: Numbers,
    ) -> None:
        self.claim, self.target, self.weights, self.trees = claim, target, weights, trees
        self.numbers, self.forms = numbers, Forms(numbers)
        self.token, self.output = int(claim["token"]), int(claim["output"])
        self.where = f"token {self.token + 1}, output {self.output + 1}"
        self.limit = max(abs(target.lower), abs(target.upper))
        self._read_blocks()
        self._read_units()
        self.leaves = sum(int(np.sum(tree == 255)) for tree in trees)

    @property
    def bound(self) -> float:
        """The claim's own sum, recomputed: block ranges, then the forward pass."""
        lower = sum(b["lower"] for b in self.claim["blocks"])
        upper = sum(b["upper"] for b in self.claim["blocks"])
        require(
            self.claim["lower"] <= lower + 1e-300 and upper <= self.claim["upper"] + 1e-300,
            f"the blocks of {self.where} do not add up to its range.",
        )
        total = max(-lower, upper) + self.claim["rounding"]
        require(total <= self.claim["bound"], f"the bound of {self.where} is below its parts.")
        return float(self.claim["bound"])

    def _read_blocks(self) -> None:
        """Expressions and linear forms, which must add up to the formula (sympy proves it)."""
        entry = self.target.entries[self.token][self.output]
        self.rows: list[list[list[sympy.Rational]]] = []
        self.expressions: list[sympy.Expr] = []
        total = sympy.Integer(0)
        for block in self.claim["blocks"]:
            rows = [[sympy.Rational(v) for v in row] for row in block["rows"]]
            names = {f"y{k + 1}": sympy.Symbol(f"y{k + 1}", real=True) for k in range(len(rows))}
            expression = read_expression(block["expression"], names)
            forms = {
                names[f"y{k + 1}"]: sum(
                    c * v for c, v in zip(row, self.target.variables, strict=True)
                )
                for k, row in enumerate(rows)
            }
            total += expression.subs(forms, simultaneous=True)
            self.rows.append(rows)
            self.expressions.append(expression)
        gap = entry - total
        same = gap == 0 or sympy.expand(gap) == 0
        require(same, f"the blocks of {self.where} are not the formula.")

    def _read_units(self) -> None:
        """Pre-activations as exact affine functions; units that can be active, and their block."""
        numbers, weights = self.numbers, self.weights
        slope, offset, self.content = affine(weights, self.token, self.forms)
        hidden, bias = weights["hidden.weight"], weights["hidden.bias"]
        readout = weights["readout.weight"][self.output]
        exact, dimension = numbers.exact, self.target.dimension
        self.affine: list[Number] = [exact(0.0)] * dimension
        self.constant = exact(float(weights["readout.bias"][self.output]))
        self.units: list[tuple[list[Number], Number, Number, Array]] = []
        side = numbers.between(self.target.lower, self.target.upper)
        for row, shift, outer in zip(hidden, bias, readout, strict=True):
            if not outer:
                continue
            used = np.flatnonzero(row)
            a = [
                sum((exact(float(row[r])) * slope[r][c] for r in used), exact(0.0))
                for c in range(dimension)
            ]
            b = sum((exact(float(row[r])) * offset[r] for r in used), exact(float(shift)))
            reach = b + sum((v * side for v in a), exact(0.0))
            if not self.content and numbers.upper(reach) <= 0:
                continue
            if not self.content and numbers.lower(reach) > _MARGIN * (1 + numbers.upper(reach)):
                weight = exact(float(outer))
                self.affine = [x + weight * v for x, v in zip(self.affine, a, strict=True)]
                self.constant = self.constant + weight * b
                continue
            self.units.append((a, b, exact(float(outer)), row))
        self._share_units()

    def _share_units(self) -> None:
        """Gives every unit to the first block that spans it; the rest of it becomes slack."""
        numbers = self.numbers
        exact = numbers.exact
        matrices = [np.array([[float(v) for v in row] for row in rows]) for rows in self.rows]
        self.homes: list[list[tuple[list[Number], Number, Number, Array]]] = [[] for _ in self.rows]
        slack = 0.0
        for a, b, outer, row in self.units:
            middle = np.array([(numbers.lower(v) + numbers.upper(v)) / 2 for v in a])
            best = None
            for index, matrix in enumerate(matrices):
                inner = np.linalg.lstsq(matrix.T, middle, rcond=None)[0]
                left = self._outside(a, inner, index)
                if best is None or left < best[0] / 1e3:
                    best = (left, index, inner)
            assert best is not None, "there is at least one block"
            left, index, inner = best
            slack += abs(numbers.upper(abs(outer))) * left
            self.homes[index].append(([exact(float(v)) for v in inner], b, outer, row))
        parts = [np.array(block["slope"], dtype=np.float64) for block in self.claim["blocks"]]
        left_over = list(self.affine)
        for rows, part in zip(self.rows, parts, strict=True):
            for form, value in zip(rows, part, strict=True):
                for c, v in enumerate(form):
                    left_over[c] = left_over[c] - exact(float(value)) * numbers.ratio(
                        int(v.p), int(v.q)
                    )
        slack += sum(numbers.upper(abs(v)) for v in left_over) * self.limit
        constants = [float(block["constant"]) for block in self.claim["blocks"]]
        gap = self.constant - sum((exact(c) for c in constants), exact(0.0))
        self.slack = slack + numbers.upper(abs(gap))
        self.linear = [[exact(float(v)) for v in part] for part in parts]
        self.constants = [exact(c) for c in constants]

    def _outside(self, a: list[Number], inner: Array, index: int) -> float:
        """Largest |a x - inner L x| over the domain."""
        numbers = self.numbers
        total = 0.0
        for c, v in enumerate(a):
            rest = v
            for value, row in zip(inner, self.rows[index], strict=True):
                if row[c] != 0:
                    rest = rest - numbers.exact(float(value)) * numbers.ratio(
                        int(row[c].p), int(row[c].q)
                    )
            total += numbers.upper(abs(rest)) * self.limit
        return total

    def ranges(self, share: float, generator: np.random.Generator) -> int:
        """Checks a share of the leaves of every block; returns how many."""
        checked = 0
        for index, tree in enumerate(self.trees):
            lower, upper = self._domain(index)
            corners = list(replay(tree, lower, upper, self.where))
            leaves = [np.concatenate(part) for part in zip(*corners, strict=True)]
            count = len(leaves[0])
            chosen = np.arange(count)
            if share < 1.0:
                size = min(count, max(1, round(share * count)))
                chosen = generator.choice(count, size, replace=False)
            for at in chosen:
                self._leaf(index, leaves[0][at], leaves[1][at])
            checked += len(chosen)
        return checked

    def _domain(self, index: int) -> tuple[Array, Array]:
        """The box of a block, which must hold every value of its linear forms."""
        claimed = self.claim["blocks"][index]
        lower, upper = np.array(claimed["start"]), np.array(claimed["stop"])
        require(
            covers(self.rows[index], (self.target.lower, self.target.upper), (lower, upper)),
            f"a block of {self.where} does not cover the domain.",
        )
        return lower, upper

    def _leaf(self, index: int, lower: Array, upper: Array) -> None:
        """The error of one block on one leaf, bisected until it is inside what the block claims."""
        claimed = self.claim["blocks"][index]
        low, high = claimed["lower"], claimed["upper"]
        boxes = [(lower, upper)]
        for _ in range(_MOST_SUBBOXES):
            if not boxes:
                return
            left, right = boxes.pop()
            least, most, spread = self._error(index, left, right)
            if least >= low and most <= high:
                continue
            axis = int(np.argmax(spread))
            middle = left[axis] + (right[axis] - left[axis]) / 2
            require(
                bool(left[axis] < middle < right[axis]),
                f"the error of {self.where} leaves its certified range near {list(left)}.",
            )
            near, far = right.copy(), left.copy()
            near[axis] = far[axis] = middle
            boxes += [(left, near), (far, right)]
        require(False, f"the range of {self.where} near {list(lower)} could not be confirmed.")

    def _error(self, index: int, lower: Array, upper: Array) -> tuple[float, float, Array]:
        """Range of the block's error on a box by the mean value form, and what each axis adds."""
        numbers = self.numbers
        middle = lower + (upper - lower) / 2
        at = [numbers.exact(float(v)) for v in middle]
        box = [numbers.between(float(a), float(b)) for a, b in zip(lower, upper, strict=True)]
        total = self._form(index, at).value
        gradient = self._form(index, box).gradient
        spread = np.zeros(len(at))
        for axis, (x, centre, slope) in enumerate(zip(box, at, gradient, strict=True)):
            part = slope * (x - centre)
            total = total + part
            spread[axis] = numbers.upper(abs(part))
        if not math.isfinite(numbers.upper(total)):  # no mean value where the slope is unbounded
            total = self._form(index, box).value
        least, most = numbers.lower(total) - self.slack, numbers.upper(total) + self.slack
        usable = bool(np.isfinite(spread).all())
        return least, most, spread if usable else upper - lower

    def _form(self, index: int, point: list[Number]) -> Dual:
        """net - formula of one block at a point or on a box, with gradient."""
        forms, exact = self.forms, self.numbers.exact
        count = len(point)
        inputs = [forms.variable(v, k, count) for k, v in enumerate(point)]
        net = forms.constant(self.constants[index], count)
        for variable, factor in zip(inputs, self.linear[index], strict=True):
            net = forms.add(net, forms.scale(variable, factor))
        heads = (
            content_heads(self.weights, self.token, self.content, inputs, forms)
            if self.content
            else []
        )
        for a, b, outer, row in self.homes[index]:
            value = b + sum((x * v for x, v in zip(a, point, strict=True)), exact(0.0))
            unit = Dual(value, tuple(a))
            if heads:
                unit = forms.add(unit, mixed(self.weights, self.content, row, heads, self.forms))
            net = forms.add(net, forms.scale(forms.relu(unit), outer))
        symbols = [sympy.Symbol(f"y{k + 1}", real=True) for k in range(count)]
        known: dict[sympy.Basic, Dual] = dict(zip(symbols, inputs, strict=True))
        formula = forms.evaluate(self.expressions[index], known, count)
        return forms.add(net, forms.scale(formula, exact(-1.0)))

    def forward_pass(self, generator: np.random.Generator) -> int:
        """Compares the float64 forward pass with exact numbers at random points of the domain."""
        target, numbers = self.target, self.numbers
        state = {k: v for k, v in self.weights.items() if k != "heads"}
        layer = SingleLayer(weights_from_state(state, int(self.weights["heads"])))
        for _ in range(_FORWARD_POINTS):
            point = generator.uniform(target.lower, target.upper, target.dimension)
            with torch.no_grad():
                sequence = torch.from_numpy(point.reshape(1, target.tokens, target.width))
                given = float(layer(sequence)[0, self.token, self.output])
            gap = abs(self._exact_net(point) - numbers.exact(given))
            require(
                numbers.lower(gap) <= self.claim["rounding"],
                f"the forward pass of {self.where} strays further than its rounding bound.",
            )
        return _FORWARD_POINTS

    def _exact_net(self, point: Array) -> Number:
        numbers, forms = self.numbers, self.forms
        inputs = [forms.constant(numbers.exact(float(v)), 0) for v in point]
        heads = (
            content_heads(self.weights, self.token, self.content, inputs, forms)
            if self.content
            else []
        )
        total = self.constant
        for value, factor in zip(point, self.affine, strict=True):
            total = total + factor * numbers.exact(float(value))
        for a, b, outer, row in self.units:
            active = b + sum(
                (v * numbers.exact(float(x)) for v, x in zip(a, point, strict=True)),
                numbers.exact(0.0),
            )
            if heads:
                active = active + mixed(self.weights, self.content, row, heads, self.forms).value
            total = total + outer * forms.relu(Dual(active, ())).value
        return total
