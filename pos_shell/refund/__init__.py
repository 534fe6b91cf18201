"""Giving back lines of an earlier sale: a fact of its own that points at it."""
