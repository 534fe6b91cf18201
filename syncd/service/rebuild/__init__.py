"""Everything that is derived, made anew: from the journal, or from the archive alone.

Rows are made by what the service itself appends with, and only written elsewhere; `compare` then
finds the first one that differs. Nothing here serves requests.
"""
