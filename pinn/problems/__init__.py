"""Problems that the package knows by name, one file each, each with its reference."""
