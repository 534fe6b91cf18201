"""Where the steps of a long change find their transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from sentra.vault.driver import Connection


class Room(Protocol):
    """Where the steps of a change find their transactions: a vault, or one that is open."""

    def reader(self) -> AbstractContextManager[Connection]:
        """Sees one moment."""

    def writer(self) -> AbstractContextManager[Connection]:
        """One transaction."""


class Within:
    """The caller's one transaction in place of many: for what is little."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """The open transaction."""
        yield self._db

    writer = reader


def go_on() -> None:
    """Between two steps nobody is let in."""
