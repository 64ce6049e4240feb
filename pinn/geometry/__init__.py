"""Regions of space and time, their boundaries, and how they combine: `whole - hole`, `a * b`."""

from __future__ import annotations

from pinn.geometry.base import Domain
from pinn.geometry.regions import Difference, Product


def _subtract(whole: Domain, hole: Domain) -> Domain:
    """The domain without the inside of another with the same coordinates."""
    return Difference(whole, hole)


def _multiply(first: Domain, second: Domain) -> Domain:
    """All points with one share of their coordinates here and the other there."""
    return Product(first, second)


Domain.__sub__ = _subtract
Domain.__mul__ = _multiply
