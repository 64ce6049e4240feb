"""Commands about the command line itself; the others live beside what they command."""
