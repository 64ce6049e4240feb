"""Explicit constructions with closed-form weights and error bounds."""
