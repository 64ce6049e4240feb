"""The residual of a claim, by Taylor coefficients of its network."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy

from pinn.certificates.verifier.forms import LEAST, Form, U, side_by_side
from pinn.certificates.verifier.formulas import T, X, evaluate, expression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.certificates.claim import Claim


class Residual:
    """The residual v_t + f'(v) v_x - a v_xx - source.

    Args:
        claim: formulas and weights.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        words = ((), (X,), (X, X), (T,))
        self._offset = [_differentiated(claim.offset, w) for w in words]
        self._factor = [_differentiated(claim.factor, w) for w in words]
        self._source = expression(claim.source)
        self.width = max(len(b) for b in (*claim.biases, *(one.bias for one in claim.wide)))

    def __call__(self, x: Form, t: Form) -> Form:
        """The residual at points or on polydiscs, columns (p, 1)."""
        claim = self._claim
        n0, nx, nxx, nt = self._network(x, t)
        o0, ox, oxx, ot = (evaluate(e, x, t) for e in self._offset)
        f0, fx, fxx, ft = (evaluate(e, x, t) for e in self._factor)
        v = o0.plus(f0.times(n0))
        v_t = ot.plus(ft.times(n0)).plus(f0.times(nt))
        v_x = ox.plus(fx.times(n0)).plus(f0.times(nx))
        twice = fx.times(nx).times(Form.number(2.0))
        v_xx = oxx.plus(fxx.times(n0)).plus(twice).plus(f0.times(nxx))
        speed = [k * c for k, c in enumerate(claim.flux)][1:]
        r = v_t.minus(evaluate(self._source, x, t))
        r = r.minus(_rational(claim.diffusion).times(v_xx))
        if any(speed):
            r = r.plus(_polynomial(speed, v).times(v_x))
        return r

    def _network(self, x: Form, t: Form) -> list[Form]:
        """N, N_x, N_xx and N_t of the network with its wide layers."""
        claim = self._claim
        scales = [_quotient(u) for u in claim.unit]
        shifts = [Form.number(-float(o)) for o in claim.origin]
        inputs = [z.plus(s).times(k) for z, s, k in zip((x, t), shifts, scales, strict=True)]
        nothing = Form.number(0.0)
        scaled = [
            side_by_side(inputs, (1, 1)),
            side_by_side([scales[0], nothing], (1, 1)),
            side_by_side([nothing, nothing], (1, 1)),
            side_by_side([nothing, scales[1]], (1, 1)),
        ]
        seen, units = [scaled], scaled
        for k, (weight, bias) in enumerate(zip(claim.weights, claim.biases, strict=True)):
            if k:
                seen.append(_activated(units))
            units = _layer(seen[-1], weight, bias)
        for one in claim.wide:
            parts = [seen[k] for k in one.layers] + seen[:1]
            widths = [claim.weights[k].shape[1] for k in one.layers] + [2]
            joined = [side_by_side([p[c] for p in parts], widths) for c in range(4)]
            neurons = _activated(_layer(joined, one.weights, one.bias))
            more = _layer(neurons, one.output, None)
            units = [a.plus(b) for a, b in zip(units, more, strict=True)]
        value, first, second, along = units
        return [value, first, second.times(Form.number(2.0)), along]


def _layer(coefficients: list[Form], weight: Any, bias: Any) -> list[Form]:
    """A linear layer of Taylor coefficients: the bias belongs to the value alone."""
    return [c.affine(weight, bias if k == 0 else None) for k, c in enumerate(coefficients)]


def _activated(coefficients: list[Form]) -> list[Form]:
    """Coefficients of y(x + s) = tanh z(x + s), and the slope along t, from those of z:

    y_1 = d z_1,   y_2 = d z_2 - y d z_1^2,   y_t = d z_t,   d = 1 - y^2
    """
    z, first, second, along = coefficients
    y = z.tanh()
    d = Form.number(1.0).minus(y.times(y))
    bent = y.times(d).times(first.times(first))
    return [y, d.times(first), d.times(second).minus(bent), d.times(along)]


def _differentiated(formula: Any, word: Sequence[Any]) -> Any:
    value = expression(formula)
    for symbol in word:
        value = sympy.diff(value, symbol)
    return value


def _quotient(unit: float) -> Form:
    value = 1 / float(unit)
    return Form.number(value, abs(value) * 2 * U + LEAST)


def _rational(value: Fraction) -> Form:
    middle = float(value)
    return Form.number(middle, abs(middle) * 2 * U)


def _polynomial(coefficients: Sequence[Fraction], v: Form) -> Form:
    total = _rational(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = total.times(v).plus(_rational(c))
    return total
