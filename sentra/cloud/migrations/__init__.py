"""The cloud schema's history, applied by `sentra db migrate` and never edited once released.

Rule: forward only, and each step works while the version before it still runs (blue-green):
add first, use later, drop a release after the last use. A journal is not downgraded; restore.
"""
