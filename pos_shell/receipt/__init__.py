"""Receipts: numbers, the list of earlier ones, one on the screen, and the PDF of 80 mm."""
