"""Reference solutions: oracles that share no code with the solver."""
