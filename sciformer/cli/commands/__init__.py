"""The commands of the house itself; the others live with what they command."""
