"""A run of the wizard from the upload on: its row, its file, and the steps it may take.

A run is `uploaded`, then `queued` and `running` to be checked, `preview`, `queued` and `running`
to be imported, `done`. It is `failed` where a job could not do its work, `discarded` where a
person gave it up. Each step holds only from the states that it names, so that a second click or
a page that was left open changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, cast, select, update

from sentra.cloud.identity import new_id
from sentra.cloud.objects import Objects
from sentra.cloud.tables import app_user, import_run
from sentra.failures import Failure
from sentra.sheets import Sheet, read_sheet, shown
from webapp.catalogue.importing.columns import column_names, guess
from webapp.catalogue.importing.records import KIND
from webapp.catalogue.importing.summary import Summary, stored_summary
from webapp.change import Change

SAMPLES: Final = 3
"""Values of each column that the page shows beside its name."""

RUNS_SHOWN: Final = 20
_CHECKABLE: Final = ("uploaded", "preview", "failed")
FILE_NAME_LENGTH_MAX: Final = 120


class StepRefused(Failure):
    """The run is not where the page that was clicked saw it."""

    code = "import-step"
    sentence = "This import has gone on meanwhile. This is where it is now."


@dataclass(frozen=True, slots=True)
class Run:
    """A run as pages show it. `stage` and the rows say how far a running one is."""

    id: str
    file_name: str
    status: str
    is_check: bool
    stage: str
    rows_total: int
    rows_done: int
    summary: Summary | None
    error: str | None
    by: str | None
    created_at_ms: int
    finished_at_ms: int | None
    columns: tuple[str, ...]
    samples: tuple[tuple[str, ...], ...]
    chosen: Mapping[str, str]
    has_file: bool

    @property
    def is_open(self) -> bool:
        """Whether it waits for the worker or is at work."""
        return self.status in ("queued", "running")


def keep_upload(change: Change, objects: Objects, path: Path, file_name: str, language: str) -> str:
    """Keep an uploaded file and make its run; the run's id. Raises SheetError, ObjectsError."""
    sheet = read_sheet(path)
    run_id = new_id(change.now_ms)
    key = f"imports/{run_id}"
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        source.seek(0)
        objects.put(key, source)
    names = column_names(sheet.header)
    fields = {place: field for field, place in guess(sheet.header).items()}
    change.connection.execute(
        import_run.insert().values(
            id=run_id,
            kind=KIND,
            file_name=file_name[:FILE_NAME_LENGTH_MAX],
            file_sha256=digest,
            object_key=key,
            options={
                "map": {name: fields.get(place, "") for place, name in enumerate(names)},
                "columns": list(names),
                "samples": _samples(sheet),
                "language": language,
                "address": change.actor.address,
            },
            status="uploaded",
            rows_total=len(sheet.rows),
            created_by=change.actor.user_id,
            created_at_ms=change.now_ms,
        )
    )
    change.audit("catalogue.upload", "import", run_id, file=file_name, sha256=digest)
    return run_id


def queue_check(change: Change, run_id: str, chosen: Mapping[str, str]) -> None:
    """Let the worker look what the file would do. Raises StepRefused."""
    options = {"map": dict(chosen), "dry_run": True}
    _step(change, run_id, _CHECKABLE, "queued", options)
    change.audit("catalogue.check", "import", run_id)


def queue_import(change: Change, run_id: str) -> None:
    """Let the worker import what was looked at. Raises StepRefused."""
    _step(change, run_id, ("preview",), "queued", {"dry_run": False})
    change.audit("catalogue.start_import", "import", run_id)


def discard(change: Change, run_id: str) -> str:
    """Give a run up before it was imported; the key of its file. Raises StepRefused."""
    key = _step(change, run_id, _CHECKABLE, "discarded", {})
    change.audit("catalogue.discard_import", "import", run_id)
    return key


def read_run(connection: Connection, run_id: str) -> Run | None:
    """The run with this id, or None."""
    rows = connection.execute(
        _runs().where(import_run.c.id == run_id, import_run.c.kind == KIND)
    ).all()
    return _run(rows[0]) if rows else None


def read_runs(connection: Connection) -> tuple[Run, ...]:
    """The newest runs that were not given up."""
    c = import_run.c
    question = (
        _runs()
        .where(c.status != "discarded", c.kind == KIND)
        .order_by(c.created_at_ms.desc(), c.id)
    )
    return tuple(_run(row) for row in connection.execute(question.limit(RUNS_SHOWN)))


def _step(
    change: Change, run_id: str, states: Sequence[str], status: str, options: dict[str, Any]
) -> str:
    c = import_run.c
    key: str | None = change.connection.execute(
        update(import_run)
        .where(c.id == run_id, c.status.in_(states), c.object_key.is_not(None))
        .values(
            status=status,
            error=None,
            rows_done=0,
            options=c.options.op("||")(cast(options, c.options.type)),
        )
        .returning(c.object_key)
    ).scalar_one_or_none()
    if key is None:
        raise StepRefused
    return key


def _samples(sheet: Sheet) -> list[list[str]]:
    samples: list[list[str]] = [[] for _ in sheet.header]
    for row in sheet.rows[:200]:
        for found, cell in zip(samples, row.cells if row.problem is None else (), strict=False):
            text = shown(cell.strip().replace("\0", ""))
            if text and text not in found and len(found) < SAMPLES:
                found.append(text)
    return samples


def _runs() -> Select[Any]:
    c = import_run.c
    return select(
        c.id,
        c.file_name,
        c.status,
        c.options,
        c.rows_total,
        c.rows_done,
        c.summary,
        c.error,
        c.created_at_ms,
        c.finished_at_ms,
        c.object_key,
        app_user.c.name.label("by"),
    ).select_from(import_run.outerjoin(app_user, app_user.c.id == c.created_by))


def _run(row: Row[Any]) -> Run:
    whole = "groups" in row.summary
    return Run(
        row.id,
        row.file_name,
        row.status,
        bool(row.options.get("dry_run")),
        row.summary.get("stage", ""),
        row.rows_total,
        row.rows_done,
        stored_summary(row.summary) if whole else None,
        row.error,
        row.by,
        row.created_at_ms,
        row.finished_at_ms,
        tuple(row.options.get("columns", ())),
        tuple(tuple(each) for each in row.options.get("samples", ())),
        row.options.get("map", {}),
        row.object_key is not None,
    )
