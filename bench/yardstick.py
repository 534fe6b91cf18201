"""The yardstick of the sync benches: COPY of the very same rows by plain psycopg2.

The rows are taken out of the tables that the service filled, as files in COPY's binary form. Then
the tables are emptied, and the files are copied in again: each branch in one transaction, the
branches shared out among connections. Nothing is faster from Python.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

JOURNAL: Final = ("journal_entry", "segment", "journal_head")
PROJECTION: Final = (
    "sale",
    "sale_line",
    "sale_tax",
    "tender",
    "stock_movement",
    "hourly_sales",
    "hourly_tender",
    "daily_product",
    "stock_level",
)
ALL: Final = (*JOURNAL, *PROJECTION)
_CHUNK_BYTES: Final = 256 * 1024


@contextmanager
def _plain(engine: Engine) -> Iterator[Any]:
    """A psycopg2 connection, nothing around it."""
    held = engine.raw_connection()
    try:
        yield held.driver_connection
    finally:
        held.close()


def empty(engine: Engine) -> None:
    """Empties the tables and brings everything to disk, so that every run starts alike."""
    with _plain(engine) as connection, connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(ALL)}, exception")
        connection.commit()
        connection.autocommit = True
        cursor.execute("CHECKPOINT")
        connection.autocommit = False


class Yardstick:
    """The rows of some branches, in files."""

    def __init__(self, engine: Engine, folder: Path, branches: Sequence[str]) -> None:
        self._engine, self._folder, self._branches = engine, folder, branches
        folder.mkdir(exist_ok=True)

    def take_rows(self) -> None:
        """Reads what the service wrote."""
        with _plain(self._engine) as connection, connection.cursor() as cursor:
            for branch in self._branches:
                for table in ALL:
                    query = f"SELECT * FROM {table} WHERE branch_id = '{branch}'"  # noqa: S608 - our own ids
                    with self._file(branch, table).open("wb") as file:
                        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", file)

    def run(self, tables: Sequence[str], connections: int) -> float:
        """Empties the tables and copies the rows in; the seconds of the copying."""
        empty(self._engine)
        shares = [self._branches[start::connections] for start in range(connections)]
        failures: list[BaseException] = []
        gate = threading.Barrier(len(shares) + 1)

        def copy(branches: Sequence[str]) -> None:
            with _plain(self._engine) as connection:
                gate.wait()
                try:
                    for branch in branches:
                        self._copy(connection, branch, tables)
                        connection.commit()
                except BaseException as error:
                    failures.append(error)

        threads = [threading.Thread(target=copy, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        gate.wait()
        began_s = time.perf_counter()
        for thread in threads:
            thread.join()
        taken_s = time.perf_counter() - began_s
        if failures:
            raise failures[0]
        return taken_s

    def _copy(self, connection: Any, branch: str, tables: Sequence[str]) -> None:
        with connection.cursor() as cursor:
            for table in tables:
                with self._file(branch, table).open("rb") as file:
                    statement = f"COPY {table} FROM STDIN (FORMAT binary)"
                    cursor.copy_expert(statement, file, size=_CHUNK_BYTES)

    def _file(self, branch: str, table: str) -> Path:
        return self._folder / f"{branch}-{table}"
