"""A trained run in use: what goes in, and what comes out."""
