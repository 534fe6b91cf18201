"""The sync daemon: moves a till's journal up and the decisions down, in a process of its own.

Read in the alphabet's order, the folders are the flow: `inbound` wakes it (a file watch, a timer,
the store's stream), `operations` are the steps, pure of input, output and clock, `outbound` is
what they reach (the vault, the links).
"""
