"""The commands of the theory package."""
