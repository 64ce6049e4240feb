"""Commands of the sequence models."""
