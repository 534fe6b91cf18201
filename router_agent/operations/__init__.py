"""What the router decides: one file per verb, pure of IO and clock, everything is passed in."""
