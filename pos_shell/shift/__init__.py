"""The shift and its drawer: opening float, paid in and out, X report, blind close, Z summary."""
