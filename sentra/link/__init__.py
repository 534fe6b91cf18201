"""The client end of the protocol over HTTPS, used by the daemon and the router.

`client` speaks signed requests over pinned TLS, `enrol` the one unsigned request that begins a
device's life, `stream` reads wake-ups. Nothing here decides when to try again: the callers do.
"""
