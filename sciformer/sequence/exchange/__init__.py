"""Trained sequence models as programs that run without this package."""
