"""Polynomials in the place of networks, where a problem's own structure is looked at."""
