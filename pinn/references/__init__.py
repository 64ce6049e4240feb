"""Reference solutions: they share no code with the solver."""
