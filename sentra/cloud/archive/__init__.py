"""Facts in the object store: copied, read back, verified, and only then called archived.

`container` says what an object is, `write` archives, `read` finds what is there, `register` keeps
who the company, its branches and its devices are. An object's key ends with the digest of its
bytes, so it is never overwritten with others, and each object of a journal names the one before.
"""
