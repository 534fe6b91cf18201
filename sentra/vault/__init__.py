"""The encrypted database of a till or a router: one folder, one SQLCipher file.

`database` opens it and hands out connections, `keys` keeps its key, `schema` makes its tables;
the other modules are functions over an open connection, one module for each kind of content.
Whatever is wrong with a file at open, it is left as it was: nothing here repairs or deletes.
"""
