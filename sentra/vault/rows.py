"""A fact's rows in this vault's projection; of one that comes twice the first counts."""

from __future__ import annotations

from typing import Final

from sentra.events import Fact
from sentra.projection.rows import Place, project
from sentra.projection.tables import SHARED
from sentra.vault.driver import Connection

_INSERTS: Final = {
    table.name: 'INSERT INTO "{}" ({}) VALUES ({})'.format(  # noqa: S608 - our own names
        table.name,
        ", ".join(column.name for column in table.columns),
        ", ".join("?" for _ in table.columns),
    )
    for table in SHARED
}

_KEYS: Final = {table.name: list(table.columns)[1].name for table in SHARED}
"""The column of a fact's own id in each table."""

_EXISTS: Final = {
    name: f'SELECT 1 FROM "{name}" WHERE branch_id = ? AND "{key}" = ? LIMIT 1'  # noqa: S608
    for name, key in _KEYS.items()
}

_SELECTS: Final = {
    table.name: 'SELECT {} FROM "{}" WHERE branch_id = ? AND "{}" = ? LIMIT 1'.format(  # noqa: S608
        ", ".join(column.name for column in table.columns), table.name, _KEYS[table.name]
    )
    for table in SHARED
}

_DELETES: Final = {
    name: f'DELETE FROM "{name}" WHERE branch_id = ? AND "{key}" = ?'  # noqa: S608 - our names
    for name, key in _KEYS.items()
}

_MOVES: Final = {
    table.name: f'UPDATE "{table.name}" SET epoch = ?, seq = ? WHERE branch_id = ?'  # noqa: S608
    f' AND "{_KEYS[table.name]}" = ? AND epoch = ? AND seq = ?'
    for table in SHARED
    if "seq" in table.columns
}


def add_rows(db: Connection, place: Place, fact: Fact) -> None:
    """Adds the fact's rows; the driver's IntegrityError where its identity was used before."""
    for table, row in project(place, fact):
        db.execute(_INSERTS[table], row)


def add_first_rows(db: Connection, place: Place, fact: Fact) -> bool:
    """Adds the fact's rows unless a fact of its identity has some already; whether it did."""
    rows = list(project(place, fact))
    table, first = rows[0]
    if db.execute(_EXISTS[table], first[:2]).fetchone() is not None:
        return False
    for table, row in rows:
        db.execute(_INSERTS[table], row)
    return True


RowKeys = set[tuple[str, tuple[object, ...]]]
"""(table, the key of a fact's rows in it)."""


def row_keys(place: Place, fact: Fact) -> RowKeys:
    """Where the rows of a fact are."""
    return {(table, row[:2]) for table, row in project(place, fact)}


def drop_rows(db: Connection, keys: RowKeys) -> None:
    """Removes the rows of facts that are about to be recorded at another place, or forgotten."""
    for table, statement in _DELETES.items():
        db.executemany(statement, [key for name, key in keys if name == table])


def drop_own_rows(db: Connection, place: Place, fact: Fact) -> None:
    """Removes the fact's rows if they are those of the entry at this place: an earlier one that
    bears the same identity keeps its own."""
    table, first = next(project(place, fact))
    kept = db.execute(_SELECTS[table], first[:2]).fetchone()
    if kept is not None and tuple(kept) == first:
        drop_rows(db, row_keys(place, fact))


def move_rows(db: Connection, old: Place, new: Place, fact: Fact) -> None:
    """The fact's rows are of another entry that says the same, where they were of the old one: a
    fraction of what it costs to make them anew."""
    table, key = fact_key(fact)
    if table in _MOVES:
        places = (new.epoch, new.seq, old.branch_id, key, old.epoch, old.seq)
        db.execute(_MOVES[table], places)


def fact_key(fact: Fact) -> tuple[str, str]:
    """(table, id): the identity that a fact bears, minted at the till when it began."""
    table, row = next(project(Place("", "", 1, 1), fact))
    return table, str(row[1])
