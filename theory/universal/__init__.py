"""Universal approximation by one layer: formula in, weights and certificate out."""

from __future__ import annotations

from theory.universal.certificate import CompiledLayer as CompiledLayer
from theory.universal.certificate import load_layer as load_layer
from theory.universal.certify import certify as certify
from theory.universal.compile import compile as compile  # noqa: A004
from theory.universal.format import Certificate as Certificate
from theory.universal.formula.target import Target as Target
from theory.universal.formula.target import read_target as read_target
