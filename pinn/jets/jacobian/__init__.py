"""Rows of the Jacobian of residuals with respect to parameters."""
