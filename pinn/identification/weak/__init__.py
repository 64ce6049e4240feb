"""Identification by weak forms: regression on test functions."""
