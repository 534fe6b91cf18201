"""Products, categories, prices: what is sold, at which price, and how it came in."""
