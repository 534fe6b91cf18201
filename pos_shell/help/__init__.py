"""The keys of the till on one page."""
