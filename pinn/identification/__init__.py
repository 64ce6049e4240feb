"""Coefficients of an equation from data of its solution."""
