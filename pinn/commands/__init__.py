"""Commands of physics-informed networks; each module's top imports the standard library only."""
