"""Layers whose attention is written down: one theorem a file."""
