"""The raw SQLCipher driver; the standard library's `sqlite3`, which it mirrors, lends its types."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3 as driver
    from sqlite3 import Connection
else:
    from sqlcipher3 import dbapi2 as driver
    from sqlcipher3.dbapi2 import Connection

__all__ = ["Connection", "driver"]
