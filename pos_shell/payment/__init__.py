"""Taking payment: tenders, change and cash rounding, and the commit that makes a sale."""
