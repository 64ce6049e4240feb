"""Residuals as terms of a weighted least-squares problem."""
