"""Collocation points: how they are drawn and weighted."""
