"""Regions of space and time, their boundaries, and how they combine."""
