"""The trainer, its schedule, and where a training stands."""
