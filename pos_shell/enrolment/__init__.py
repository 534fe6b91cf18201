"""A new till: the code from the back office, then the wait for the first catalogue."""
