"""The command `sciformer reproduce`."""
