"""Columns of tables: what they hold, and how they are scaled."""
