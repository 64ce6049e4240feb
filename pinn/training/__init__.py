"""The trainer, its schedule, and its progress."""
