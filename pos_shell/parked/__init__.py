"""Carts on hold: parked at this till, resumed in any order. They are no facts until they end."""
