"""Sections that show single test items: how well each is given back, and where it lies."""
