"""Proven error bounds of solutions, with certificates that anybody can check."""
