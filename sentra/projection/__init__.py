"""Fact -> rows: the tables that both databases share, and the sums that the cloud keeps.

Pure: facts in, rows out. A store writes them as it likes; a rebuild is the same call again.
"""
