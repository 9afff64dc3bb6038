"""Recordings: how they are cut into windows."""
