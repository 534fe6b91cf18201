"""The open cart: searching, scanning, adding, changing, voiding; payment is the next subject."""
