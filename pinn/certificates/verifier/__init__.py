"""Re-checks certificates of solutions: believes weights, equation and domain, and nothing else."""
