"""After a restore to an earlier moment: what only the archive still has comes back from it.

Tills and routers send again what they hold. But a till may be broken by now, a device may have been
enrolled, or revoked, after that moment. The archive was not set back: each object of it that this
database does not know is delivered once more, by the very append of `POST /v1/journal`. Whatever
came from elsewhere meanwhile is had already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg2 import extensions
from sqlalchemy import Connection, Engine, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from sentra.cloud import devices
from sentra.cloud.archive import source
from sentra.cloud.archive.container import (
    ArchiveApart,
    ArchivedSegment,
    ArchiveError,
    Columns,
    JournalObject,
)
from sentra.cloud.archive.read import Archive
from sentra.cloud.branches import publish_branch
from sentra.cloud.company import the_company
from sentra.cloud.findings import Products
from sentra.cloud.identity import new_id
from sentra.cloud.objects import Objects
from sentra.cloud.tables import archive_object, branch, device
from sentra.protocol.envelope import Custody, Parcel
from syncd.service.operations.append import append_envelope
from syncd.service.operations.journals import Carrier, Journal, admit, sort_parcels
from syncd.service.outbound.journal_store import JournalStore

DONE: Final = "taken-back"
"""The kind of the row that says for which timeline this was done."""


@dataclass(slots=True)
class TakenBack:
    """What came back, and what of the archive could not be read."""

    entries: int = 0
    objects: int = 0
    devices: int = 0
    failures: list[ArchiveError] = field(default_factory=list)


def take_back(
    engine: Engine,
    objects: Objects,
    signing_key: Ed25519PrivateKey,
    now_ms: int,
    *,
    again: bool = False,
) -> TakenBack | None:
    """Take back what the archive has and this database does not; None where that was done in this
    timeline, unless `again`. What had to be left out is written down. Raises ObjectsUnavailable,
    and then is done again as a whole, which is harmless."""
    with engine.connect() as connection:
        timeline = the_company(connection).timeline
        if _is_done(connection, timeline) and not again:
            return None
        known = set(source.keys(connection))
    archive = Archive(objects, signing_key.public_key())
    archive.look()
    result = TakenBack()
    _take_register(engine, archive, signing_key, now_ms, result)
    for lane in ("main", "fork"):
        for (_, of_lane), keys in sorted(archive.journals.items()):
            if of_lane == lane:
                for key in keys:
                    if key not in known:
                        _take_object(engine, archive, key, now_ms, result)
    with engine.begin() as connection:
        _note(connection, f"{DONE}/{timeline}", DONE, now_ms)
    return result


def note_taken_back(connection: Connection, timeline: str, archive: Archive, now_ms: int) -> None:
    """Write down that this database has everything of the archive, and which objects those are."""
    for keys in archive.journals.values():
        for key in keys:
            _note(connection, key, "journal", now_ms)
    _note(connection, f"{DONE}/{timeline}", DONE, now_ms)


def _is_done(connection: Connection, timeline: str) -> bool:
    query = select(func.count()).where(archive_object.c.key == f"{DONE}/{timeline}")
    return bool(connection.execute(query).scalar_one())


def _note(connection: Connection, key: str, kind: str, now_ms: int) -> None:
    values = {"key": key, "kind": kind, "archived_at_ms": now_ms}
    new = insert(archive_object).values(**values, size_bytes=0, segment_count=0)
    connection.execute(new.on_conflict_do_nothing())


def _take_register(
    engine: Engine, archive: Archive, key: Ed25519PrivateKey, now_ms: int, result: TakenBack
) -> None:
    """Branches and devices that were made after the moment, and revocations."""
    try:
        register = archive.register()
    except ArchiveError as failure:
        if archive.journals:
            result.failures.append(failure)
        return
    with engine.begin() as connection:
        there = set(connection.execute(select(branch.c.id)).scalars())
        for row in register.branches:
            if row["id"] not in there and _is_added(connection, row, is_branch=True):
                publish_branch(connection, str(row["id"]), now_ms=now_ms, signing_key=key)
        rows = connection.execute(select(device.c.id, device.c.status))
        statuses = {row.id: row.status for row in rows}
        for row in register.devices:
            if _is_news(connection, row, statuses):
                devices.publish_device(connection, str(row["id"]), now_ms=now_ms, signing_key=key)
                result.devices += 1


def _is_news(connection: Connection, row: Columns, statuses: dict[str, str]) -> bool:
    """Whether the device was not there, or was revoked since; it is written, too."""
    status = statuses.get(str(row["id"]))
    if status is None:
        return _is_added(connection, row, is_branch=False)
    if row["status"] != "revoked" or status == "revoked":
        return False
    values = {"status": "revoked", "revoked_at_ms": row["revoked_at_ms"]}
    connection.execute(update(device).where(device.c.id == row["id"]).values(values))
    return True


def _is_added(connection: Connection, row: Columns, *, is_branch: bool) -> bool:
    """False where another has its code or number by now: that one stays, and this is enrolled
    anew by a person."""
    try:
        with connection.begin_nested():
            connection.execute(insert(branch if is_branch else device).values(row))
    except IntegrityError:
        return False
    if is_branch:
        made = text("SELECT make_partitions(CAST(:id AS uuid))")
        connection.execute(made, {"id": row["id"]})
    return True


def _take_object(
    engine: Engine, archive: Archive, key: str, now_ms: int, result: TakenBack
) -> None:
    """One object in one transaction: delivered as it once was, and known from then on, if all of
    it is there now."""
    try:
        stored = archive.object(key)
    except ArchiveError as failure:
        result.failures.append(failure)
        with engine.begin() as connection:
            source.note_left_out(connection, key, now_ms)
        return
    problem: str | None = None
    with engine.begin() as connection:
        plain = cast(extensions.connection, connection.connection.dbapi_connection)
        store = JournalStore(plain, new_id, Products())
        if stored.lane == "main":
            count, problem = _append(store, stored)
            result.entries += count
        else:
            _keep_forks(store, stored)
        if problem is None:
            _note(connection, key, "journal", now_ms)
            result.objects += 1
        else:
            source.note_left_out(connection, key, now_ms)
            result.failures.append(ArchiveApart(key=key, problem=problem))


def _append(store: JournalStore, stored: JournalObject) -> tuple[int, str | None]:
    """The entries that were new, and why not every segment was taken; those that came together
    come together again."""
    count, problem = 0, None
    for (delivered_by, at_ms), segments in groupby(
        stored.segments, key=lambda one: (one.delivered_by, one.received_at_ms)
    ):
        role = "terminal" if delivered_by == stored.terminal else "router"
        carrier = Carrier(delivered_by, role, stored.branch)
        parcels = [_parcel(segment) for segment in segments]
        for journal in append_envelope(store, parcels, carrier, at_ms).journals:
            count += journal.appended
            if journal.outcome in ("gap", "refused"):
                problem = problem or journal.problem or journal.outcome
    return count, problem


def _keep_forks(store: JournalStore, stored: JournalObject) -> None:
    """Under the journal's lock, as an append would keep them."""
    terminals = store.terminals([stored.terminal])
    if not terminals:
        return
    store.lock_heads(stored.branch, [stored.terminal])
    for segment in stored.segments:
        carrier = Carrier(segment.delivered_by, "router", stored.branch)
        for journal in _admitted([_parcel(segment)], store, carrier):
            journal.forks = journal.deliveries
            store.keep_forks(stored.branch, [journal], carrier, segment.received_at_ms)
    written = store.project_forks(stored.branch, [stored.terminal], stored.at_ms)
    store.add_sums(written.increments)
    if written.findings:
        store.raise_findings(stored.branch, written.findings, stored.at_ms)


def _admitted(
    parcels: Sequence[Parcel], store: JournalStore, carrier: Carrier
) -> Iterator[Journal]:
    found, _ = sort_parcels(parcels)
    for journal in admit(found, store.terminals(list(found)), carrier):
        if journal.admitted and journal.deliveries:
            yield journal


def _parcel(segment: ArchivedSegment) -> Parcel:
    stamp = None
    if segment.custody_router is not None and segment.custody_at_ms is not None:
        stamp = Custody(segment.custody_router, segment.custody_at_ms)
    return Parcel(segment.sealed, stamp)
