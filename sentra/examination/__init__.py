"""`sentra doctor`: looks a place over, and says for each finding what to do.

Whoever keeps facts examines its own place, under the entry points' group `sentra.examiners`
(`offers`); what several places share is in `checks`, `network` and `device`. An examination changes
nothing, and one check that fails never keeps the others from being made.
"""
