"""Sentra whole, on one machine: every program as a process of its own, and links to cut.

It stands above the programs and imports none of them: it starts `sentra …` and talks to the
kernel. `cli` is the command, `stage` builds and runs the parts, `check` is the same without
people, `control` is the page where links are cut.
"""
