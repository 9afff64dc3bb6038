"""Sections of rows of tables."""
