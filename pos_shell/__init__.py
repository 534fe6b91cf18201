"""The till: one package per subject of the cashier's work, over the terminal's encrypted vault.

Rule of this folder: `routes` turn a request into a call and a template, `actions` write (one
function per verb, each one transaction), `queries` read and return frozen dataclasses, `forms`
check input. What they work on is the `Till` of `till.py`, which `bootstrap.py` builds.
"""
