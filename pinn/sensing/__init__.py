"""Flows from the stream of a few velocity sensors: records, modes, filters, baselines."""
