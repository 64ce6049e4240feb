"""Layers whose attention is written down: one theorem per file."""
