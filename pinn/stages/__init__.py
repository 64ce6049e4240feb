"""Stages of a solve: which network, its training, and the wide layer on it."""
