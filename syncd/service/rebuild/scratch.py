"""Every projection made anew from the journal, beside the one that is read.

The rows go into temporary tables of the same names, which PostgreSQL looks for before those of
the schema `public`: so the very statements of the service fill them. They belong to this
connection alone and are gone with it, however it ends; the service goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

from psycopg2 import extensions
from sqlalchemy import Connection, Table, func, select, text

from sentra.cloud.tables import branch, exception, fork_segment
from sentra.events import Fact
from sentra.projection.aside import (
    BODY,
    FACT_DUPLICATE,
    FACT_UNKNOWN,
    FACT_UNREADABLE,
    SET_ASIDE,
    Named,
    named,
)
from sentra.projection.findings import Finding
from sentra.projection.rollups import Increments, no_increments
from sentra.projection.rows import Place
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry, Head
from syncd.service.operations.findings import set_aside
from syncd.service.operations.project import Located, merge, project_facts
from syncd.service.outbound import fork_store, projection_store, stored
from syncd.service.rebuild.compare import PROJECTED

BLOCK_ENTRIES: Final = 2_000
"""Entries that are read and written at once, as the service does."""

TEMPORARY: Final = "pg_temp"
FORKS_DONE: Final = "fork_projection"
"""Which segments of the fork lane have their rows: in the scratch, at first none."""

_FORKS_NOTED: Final = """
    INSERT INTO public.fork_projection
    SELECT branch_id, terminal_id, sealed_sha256, :now_ms FROM pg_temp.fork_projection
    ON CONFLICT DO NOTHING
"""

Told = Callable[[int], None]


@dataclass(slots=True)
class Scratch:
    """The projection that is made anew, on one connection.

    It can be brought further: `fill` takes what came since. `findings` are the facts that have no
    rows in it, by branch.
    """

    connection: Connection
    entries: int = 0
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    _reached: dict[str, Head] = field(default_factory=dict)

    def make(self) -> None:
        """Empty tables, with the keys that tell a fact recorded twice."""
        for name in (*(table.name for table in PROJECTED), FORKS_DONE):
            self.connection.execute(
                text(
                    f"CREATE TEMPORARY TABLE {name} "
                    f"(LIKE public.{name} INCLUDING INDEXES) ON COMMIT PRESERVE ROWS"
                )
            )

    def fill(self, told: Told = lambda _: None) -> None:
        """Project every entry behind where it was filled up to, branch by branch."""
        for branch_id in self._branches():
            twice = self._recorded_twice(branch_id)
            sums = no_increments()
            for journal in stored.journals(self.connection, branch_id):
                self._fill_journal(branch_id, journal.terminal_id, twice, sums, told)
            self._fill_lanes(branch_id, sums)
            if not projection_store.add_sums(self._cursor(), sums):
                self._note(branch_id, Finding("sums-overflow", "error", "sums-overflow"))

    def analyse(self) -> None:
        """Let PostgreSQL know how large they are, before they are compared."""
        for table in PROJECTED:
            self.connection.execute(text(f"ANALYZE pg_temp.{table.name}"))

    def replace(self, names: Collection[str], now_ms: int) -> int:
        """Put what differs into the place of what is there, in the tables of these names; how many
        rows were removed or added.

        The caller has locked the heads, has filled the scratch up to them, and commits. Facts that
        have rows now are noted as projected; nothing else about them changes.
        """
        changed = 0
        for table in PROJECTED:
            if table.name in names:
                for statement in (_remove(table), _add(table)):
                    changed += self.connection.execute(text(statement)).rowcount
        self.connection.execute(text(_FORKS_NOTED), {"now_ms": now_ms})
        for branch_id in self._branches():
            for entry in self._projected_after_all(branch_id):
                self._note_projected(branch_id, entry, now_ms)
        return changed

    def _projected_after_all(self, branch_id: str) -> set[Named]:
        """Facts that were set aside and have rows here."""
        still = {
            (one.terminal_id or "", one.epoch or 0, one.seq or 0, one.params.get(BODY, ""))
            for one in self.findings.get(branch_id, ())
        }
        aside = stored.set_aside(self.connection, branch_id)
        return aside - still - self._recorded_twice(branch_id)

    def _note_projected(self, branch_id: str, entry: Named, now_ms: int) -> None:
        columns = exception.c
        body = func.coalesce(columns.params[BODY].astext, "")
        name = (columns.terminal_id, columns.epoch, columns.seq, body)
        self.connection.execute(
            exception.update()
            .where(columns.branch_id == branch_id, columns.kind.in_(SET_ASIDE))
            .where(*(column == value for column, value in zip(name, entry, strict=True)))
            .values(projected_at_ms=now_ms)
        )

    def _fill_journal(
        self,
        branch_id: str,
        terminal_id: str,
        twice: set[Named],
        sums: Increments,
        told: Told,
    ) -> None:
        before = self._reached.get(terminal_id, EMPTY)
        while block := stored.entries_after(
            self.connection, branch_id, terminal_id, before, BLOCK_ENTRIES
        ):
            facts = [
                Located(Place(branch_id, entry.terminal, entry.epoch, entry.seq), entry, fact)
                for entry, fact in self._read(branch_id, block)
                if named(entry) not in twice
            ]
            prepared = projection_store.encode_rows(project_facts(facts))
            written = projection_store.write(self._cursor(), prepared)
            merge(sums, written.increments)
            for finding in written.findings:
                self._note(branch_id, finding)
            last = block[-1]
            before = self._reached[terminal_id] = Head(last.epoch, last.seq, last.hash)
            self.entries += len(block)
            told(len(block))

    def _fill_lanes(self, branch_id: str, sums: Increments) -> None:
        """What only the fork lanes hold, behind the main lines."""
        forks = fork_segment.c
        forked = select(forks.terminal_id).where(forks.branch_id == branch_id).distinct()
        terminal_ids = list(self.connection.execute(forked.order_by(forks.terminal_id)).scalars())
        written = fork_store.project_lanes(self._cursor(), branch_id, terminal_ids, 0)
        merge(sums, written.increments)
        for finding in written.findings:
            self._note(branch_id, finding)

    def _read(self, branch_id: str, block: list[Entry]) -> Iterator[tuple[Entry, Fact]]:
        for entry in block:
            try:
                yield entry, decode_fact(entry.kind, entry.schema, entry.body)
            except UnknownKind as error:
                self._note(branch_id, set_aside(entry, FACT_UNKNOWN, str(error)))
            except BodyUnreadable as error:
                self._note(branch_id, set_aside(entry, FACT_UNREADABLE, str(error)))

    def _branches(self) -> list[str]:
        return list(self.connection.execute(select(branch.c.id).order_by(branch.c.id)).scalars())

    def _recorded_twice(self, branch_id: str) -> set[Named]:
        """Facts that another entry had recorded before: which of them came first is not in the
        journals' order, but was decided when they came in."""
        return stored.set_aside(self.connection, branch_id, {FACT_DUPLICATE})

    def _note(self, branch_id: str, finding: Finding) -> None:
        self.findings.setdefault(branch_id, []).append(finding)

    def _cursor(self) -> extensions.cursor:
        """psycopg2's own, in the same transaction."""
        plain = cast(extensions.connection, self.connection.connection.dbapi_connection)
        return plain.cursor()


def _remove(table: Table) -> str:
    keys, name = ", ".join(column.name for column in table.primary_key), table.name
    return (
        f"DELETE FROM public.{name} WHERE ({keys}) IN (SELECT {keys} FROM "  # noqa: S608 - our own
        f"(SELECT * FROM public.{name} EXCEPT SELECT * FROM pg_temp.{name}) AS other)"
    )


def _add(table: Table) -> str:
    name = table.name
    return (
        f"INSERT INTO public.{name} SELECT * FROM pg_temp.{name} "  # noqa: S608 - our own
        f"EXCEPT SELECT * FROM public.{name}"
    )
