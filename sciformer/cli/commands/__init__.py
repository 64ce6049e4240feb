"""Commands about the command line itself; the others lie in the packages that they are about."""
