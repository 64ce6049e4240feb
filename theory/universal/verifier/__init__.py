"""An independent verifier of certificates."""
