"""The aggregate posterior: its density, its parts, and what its moments tell."""
