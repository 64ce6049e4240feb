"""Certified error bounds of a layer against a formula."""
