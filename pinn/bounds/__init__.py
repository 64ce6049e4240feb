"""A-posteriori error bounds: from a residual that is known to an error that is not."""
