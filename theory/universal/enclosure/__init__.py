"""Interval and ball arithmetic, ranges, and branch and bound."""
