"""What readers of a page can touch: each has its template here, and its script in page.js."""
