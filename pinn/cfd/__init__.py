"""Flows computed with finite elements (NGSolve), from which the shipped references are made."""
