"""PostgreSQL and Redis from wheels, started by us on private sockets: for the demo and the tests.

Rule: nothing here is used in production, nothing here listens on a network, and every server
that is started here is stopped here. No program's code may know which kind of server it got.
"""
