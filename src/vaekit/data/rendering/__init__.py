"""Pictures that are drawn from formulas: clouds of points, and a head made of them."""
