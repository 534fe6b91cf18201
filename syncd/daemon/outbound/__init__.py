"""What the steps reach: the till's vault behind a small interface, and the lines to the stores."""
