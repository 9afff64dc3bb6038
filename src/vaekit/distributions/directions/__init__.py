"""Laws of directions: the von Mises–Fisher law, and what it is computed with."""
