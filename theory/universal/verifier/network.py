"""The verifier's reading of the weights: exact affine maps, and heads on duals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from theory.universal.arrays import Array
from theory.universal.verifier.dual import Dual, Forms
from theory.universal.verifier.numbers import Number


def affine(
    weights: Mapping[str, Any], token: int, forms: Forms
) -> tuple[list[list[Number]], list[Number], list[int]]:
    """Exact slope and offset of the state of one token, constant heads included.

    Returns:
        Slope (w, n d), offset (w,) and the heads whose scores depend on the tokens.
    """
    exact = forms.numbers.exact
    embedding, positions = weights["embedding.weight"], weights["positions"]
    n, (w, d) = len(positions), embedding.shape
    zero = exact(0.0)
    slope = [[zero] * (n * d) for _ in range(w)]
    offset = [exact(float(positions[token, r])) for r in range(w)]
    for r in range(w):
        for c in range(d):
            slope[r][token * d + c] = exact(float(embedding[r, c]))
    content = []
    heads = int(weights["heads"])
    inner = len(weights["attention.query.weight"]) // heads
    for head in range(heads):
        rows = range(head * inner, (head + 1) * inner)
        query, key = (
            weights[f"attention.{k}.weight"][rows.start : rows.stop] for k in ("query", "key")
        )
        if (abs(query) @ abs(embedding)).any() or (abs(key) @ abs(embedding)).any():
            content.append(head)
            continue
        shares = _constant_softmax(query, key, positions, token, forms)
        for r in rows:
            value = weights["attention.value.weight"][r]
            passed = [_dot(value, embedding[:, c], forms) for c in range(d)]
            shift = sum((shares[j] * _dot(value, positions[j], forms) for j in range(n)), zero)
            for target in range(w):
                out = float(weights["attention.output.weight"][target, r])
                if out:
                    offset[target] += shift * exact(out)
                    for j in range(n):
                        for c in range(d):
                            slope[target][j * d + c] += shares[j] * passed[c] * exact(out)
    return slope, offset, content


def _dot(left: Any, right: Any, forms: Forms) -> Number:
    exact = forms.numbers.exact
    total = exact(0.0)
    for a, b in zip(left, right, strict=True):
        if a and b:
            total = total + exact(float(a)) * exact(float(b))
    return total


def _constant_softmax(
    query: Any, key: Any, positions: Any, token: int, forms: Forms
) -> list[Number]:
    asked = [_dot(row, positions[token], forms) for row in query]
    scores = []
    for position in positions:
        pairs = zip(asked, key, strict=True)
        scores.append(
            sum((a * _dot(row, position, forms) for a, row in pairs), forms.numbers.exact(0.0))
        )
    root = forms.numbers.function("sqrt", forms.numbers.exact(float(len(query))))
    terms = [forms.numbers.function("exp", s / root) for s in scores]
    total = sum(terms[1:], terms[0])
    return [t / total for t in terms]


def content_heads(
    weights: Mapping[str, Any], token: int, heads: Sequence[int], inputs: list[Dual], forms: Forms
) -> list[Dual]:
    """Outputs of the heads whose scores depend on the tokens, channel by channel."""
    embedding, positions = weights["embedding.weight"], weights["positions"]
    n, d, count = len(positions), embedding.shape[1], len(inputs[0].gradient)
    inner = len(weights["attention.query.weight"]) // int(weights["heads"])
    root = forms.numbers.function("sqrt", forms.numbers.exact(float(inner)))

    def project(row: Any, j: int) -> Dual:
        total = forms.constant(_dot(row, positions[j], forms), count)
        for c in range(d):
            factor = _dot(row, embedding[:, c], forms)
            total = forms.add(total, forms.scale(inputs[j * d + c], factor))
        return total

    outputs = []
    for head in heads:
        query, key, value = (
            weights[f"attention.{name}.weight"][head * inner : (head + 1) * inner]
            for name in ("query", "key", "value")
        )
        asked = [project(row, token) for row in query]
        scores = []
        for j in range(n):
            total = forms.constant(forms.numbers.exact(0.0), count)
            for a, row in zip(asked, key, strict=True):
                total = forms.add(total, forms.multiply(a, project(row, j)))
            scores.append(forms.scale(total, 1 / root))
        shares = [_share(scores, j, forms) for j in range(n)]
        for row in value:
            mixed = [forms.multiply(shares[j], project(row, j)) for j in range(n)]
            total = mixed[0]
            for part in mixed[1:]:
                total = forms.add(total, part)
            outputs.append(total)
    return outputs


def _share(scores: list[Dual], j: int, forms: Forms) -> Dual:
    minus = forms.scale(scores[j], forms.numbers.exact(-1.0))
    terms = [forms.exp(forms.add(s, minus)) for k, s in enumerate(scores) if k != j]
    total = forms.constant(forms.numbers.exact(1.0), len(minus.gradient))
    for term in terms:
        total = forms.add(total, term)
    return forms.reciprocal(total)


def mixed(
    weights: Mapping[str, Any], heads: Sequence[int], row: Array, found: list[Dual], forms: Forms
) -> Dual:
    """The part of one pre-activation that comes from content heads."""
    exact = forms.numbers.exact
    output = weights["attention.output.weight"]
    inner = len(weights["attention.query.weight"]) // int(weights["heads"])
    columns = [c for h in heads for c in range(h * inner, (h + 1) * inner)]
    total = forms.constant(exact(0.0), len(found[0].gradient))
    for column, dual in zip(columns, found, strict=True):
        used = np.flatnonzero(row * output[:, column])
        terms = (exact(float(row[r])) * exact(float(output[r, column])) for r in used)
        total = forms.add(total, forms.scale(dual, sum(terms, exact(0.0))))
    return total
