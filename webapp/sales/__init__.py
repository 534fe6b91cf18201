"""Sales, refunds and voids as they were recorded: found, listed, exported, and told whole.

Nothing here changes a sale: a paid one never changes, and a correction is another fact.
"""
