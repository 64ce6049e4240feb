"""Legendre memories: the delay line, ways to evaluate it, the unit built on it."""

from __future__ import annotations
