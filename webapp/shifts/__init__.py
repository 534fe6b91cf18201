"""Shifts: what each drawer should have held, what it held, and whether till and cloud agree."""
