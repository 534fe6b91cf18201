"""The cloud end of the protocol: a pipeline program, read in the alphabet's order.

`inbound/` has one file for each request, `operations/` one for each verb, pure of IO and clock,
`outbound/` what is reached: PostgreSQL and Redis. `bootstrap.py` puts them together. PostgreSQL is
only asked in native threads (`outbound/threads.py`); the hub's greenlets wait and never block.
"""
