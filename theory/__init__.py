"""Transformer theory made executable: certified constructions and positional expressivity."""
