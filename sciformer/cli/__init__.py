"""The command line: finds commands by entry points and knows none of them."""
