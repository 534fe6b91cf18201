"""A courier file that was uploaded: its row among the runs, and what became of its journals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select, update

from sentra.cloud.identity import new_id
from sentra.cloud.objects import Objects
from sentra.cloud.tables import app_user, device, import_run
from sentra.courier.unpacking import Unpacked
from sentra.failures import Failure
from sentra.protocol.courier import CourierHeader
from webapp.change import Change
from webapp.roles import Member

KIND: Final = "courier"
FILES_SHOWN: Final = 20
FILE_NAME_LENGTH_MAX: Final = 120
OPEN: Final = ("queued", "running")
"""The states of a file that still has to be taken in."""


class NotYourBranch(Failure):
    """A file of a branch that is not this person's business."""

    code = "courier-not-your-branch"
    sentence = (
        "%(file)s is of a branch that you do not look after. Give it to somebody who does; nothing "
        "was taken from it."
    )


@dataclass(frozen=True, slots=True)
class JournalResult:
    """What became of one journal. `name` is the terminal's, `outcome` as the protocol says it."""

    name: str
    outcome: str
    appended: int
    last_seq: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class CourierFile:
    """A file as pages show it. `done_bytes` of `size_bytes` were taken so far."""

    id: str
    file_name: str
    status: str
    device_name: str
    packed_at_ms: int
    done_bytes: int
    size_bytes: int
    journals: tuple[JournalResult, ...]
    receipt: Mapping[str, Any] | None
    error: str | None
    by: str | None
    created_at_ms: int

    @property
    def is_open(self) -> bool:
        """Whether it waits for the worker or is at work."""
        return self.status in OPEN

    @property
    def appended(self) -> int:
        """Entries that were new."""
        return sum(one.appended for one in self.journals)

    @property
    def is_whole(self) -> bool:
        """Whether all of it is in the cloud now, in its place."""
        return all(one.outcome in ("already", "appended") for one in self.journals)


def keep_upload(
    change: Change,
    objects: Objects,
    path: Path,
    header: CourierHeader,
    file_name: str,
    *,
    revoked_too: bool,
    language: str,
) -> str:
    """Keep an uploaded file and queue its taking in; the run's id. Raises ObjectsError."""
    run_id = new_id(change.now_ms)
    key = f"courier/{run_id}"
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        source.seek(0)
        objects.put(key, source)
    change.connection.execute(
        import_run.insert().values(
            id=run_id,
            kind=KIND,
            file_name=file_name[:FILE_NAME_LENGTH_MAX],
            file_sha256=digest,
            object_key=key,
            options={
                "branch_id": header.branch_id,
                "name": header.name[:FILE_NAME_LENGTH_MAX],
                "packed_at_ms": header.packed_at_ms,
                "revoked_too": revoked_too,
                "language": language,
            },
            status="queued",
            rows_total=header.size_bytes,
            created_by=change.actor.user_id,
            created_at_ms=change.now_ms,
        )
    )
    change.audit(
        "courier.upload",
        "courier",
        run_id,
        file=file_name,
        sha256=digest,
        device=header.device_id,
        revoked_too=revoked_too,
    )
    return run_id


def stored_outcome(unpacked: Unpacked) -> dict[str, Any]:
    """What a run's row keeps of what became of its file."""
    receipt = unpacked.receipt()
    return {
        "journals": [
            {
                "terminal": one.terminal,
                "outcome": one.outcome,
                "appended": one.appended,
                "last_seq": one.here.seq,
                "problem": one.problem,
            }
            for one in unpacked.outcomes.values()
        ],
        "receipt": None if receipt is None else msgspec.to_builtins(receipt),
    }


def note(connection: Connection, run_id: str, **values: object) -> None:
    """Write down how far a file is."""
    connection.execute(update(import_run).where(import_run.c.id == run_id).values(**values))


def read_file(connection: Connection, run_id: str, person: Member) -> CourierFile | None:
    """The file with this id, if its branch is this person's business."""
    found = _read(connection, person, import_run.c.id == run_id)
    return found[0] if found else None


def read_files(connection: Connection, person: Member) -> tuple[CourierFile, ...]:
    """The newest files of this person's branches."""
    return _read(connection, person, import_run.c.kind == KIND)


def _read(connection: Connection, person: Member, which: Any) -> tuple[CourierFile, ...]:
    c = import_run.c
    question = (
        select(import_run, app_user.c.name.label("by"))
        .select_from(import_run.outerjoin(app_user, app_user.c.id == c.created_by))
        .where(which, c.kind == KIND)
        .order_by(c.created_at_ms.desc(), c.id)
        .limit(FILES_SHOWN)
    )
    if person.branch_ids is not None:
        question = question.where(c.options["branch_id"].astext.in_(person.branch_ids))
    rows = connection.execute(question).all()
    names = _names(connection, rows)
    return tuple(_file(row, names) for row in rows)


def _names(connection: Connection, rows: Any) -> dict[str, str]:
    terminals = {one["terminal"] for row in rows for one in row.summary.get("journals", ())}
    if not terminals:
        return {}
    question = select(device.c.id, device.c.name).where(device.c.id.in_(terminals))
    return {str(row.id): row.name for row in connection.execute(question)}


def _file(row: Row[Any], names: Mapping[str, str]) -> CourierFile:
    return CourierFile(
        id=row.id,
        file_name=row.file_name,
        status=row.status,
        device_name=row.options.get("name", ""),
        packed_at_ms=row.options.get("packed_at_ms", 0),
        done_bytes=row.rows_done,
        size_bytes=row.rows_total,
        journals=tuple(
            JournalResult(
                names.get(one["terminal"], one["terminal"]),
                one["outcome"],
                one["appended"],
                one["last_seq"],
                one["problem"],
            )
            for one in row.summary.get("journals", ())
        ),
        receipt=row.summary.get("receipt"),
        error=row.error,
        by=row.by,
        created_at_ms=row.created_at_ms,
    )
