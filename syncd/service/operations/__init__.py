"""What the service decides: one file per verb. No IO, no clock, no randomness: all is passed in."""
