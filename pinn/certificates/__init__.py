"""Proven errors of solutions, with certificates that need not be believed."""
