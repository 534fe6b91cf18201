"""Whether a fact that is there already is there with the same contents."""

from __future__ import annotations

from typing import Final

from psycopg2 import extensions
from sqlalchemy import Table

from sentra.cloud.tables import SHARED
from sentra.projection.rows import project
from syncd.service.operations.project import Located

_PLACE: Final = frozenset({"epoch", "seq"})
"""Columns that say where a fact stands, and nothing of what it says."""


def _question(table: Table) -> tuple[str, tuple[int, ...]]:
    """A query for one row, and the positions of the values that it takes."""
    said = [(at, c.name) for at, c in enumerate(table.columns) if c.name not in _PLACE]
    # The branch first, alone and plainly equal: it chooses the partition.
    same = " AND ".join(f"{name} IS NOT DISTINCT FROM %s" for _, name in said[2:])
    keys = " AND ".join(f"{name} = %s" for _, name in said[:2])
    query = f"SELECT 1 FROM {table.name} WHERE {keys} AND {same} LIMIT 1"  # noqa: S608 - our names
    return query, tuple(at for at, _ in said)


_QUESTIONS: Final = {name: _question(table) for name, table in SHARED.items()}


def is_same(cursor: extensions.cursor, located: Located) -> bool:
    """Whether every row that the fact gives is there, whatever entry it came from.

    So it is with a fact that a restored till recorded again, or that a second machine's line held
    too: it counts once and nobody needs to look at it.
    """
    for table, row in project(located.place, located.fact):
        query, positions = _QUESTIONS[table]
        cursor.execute(query, tuple(row[at] for at in positions))
        if cursor.fetchone() is None:
            return False
    return True
