"""Formulas: parsing, programs, and their decomposition."""
