"""Re-derives the bound of a compiled flow from weights and equation, sharing no code with it."""
