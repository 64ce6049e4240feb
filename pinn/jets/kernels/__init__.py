"""Kernels that propagate derivatives, each with a reverse pass of its own."""
