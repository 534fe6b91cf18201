"""Tickets of another till, recorded again through this till's own actions.

`reader` reads a file and touches nothing else; `actions` record one ticket at one till; `run`
goes through all tickets in the order of their time.
"""
