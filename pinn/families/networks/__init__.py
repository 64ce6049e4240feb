"""Networks that read the functions and numbers of a member and answer at points."""
