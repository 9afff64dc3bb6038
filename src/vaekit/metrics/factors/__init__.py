"""Scores of a code against known factors."""
