"""The import that a page put into the queue: fetch the file, write it, say how far it is.

It may be started twice, or again after a crash: the run is marked as done in the very transaction
that writes the products, under the catalogue's lock, so a second start finds nothing to do.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Engine, Row, select, update

from sentra import i18n
from sentra.cloud.database import make_engine, wait_for_database
from sentra.cloud.keys import load_keys
from sentra.cloud.objects import open_objects
from sentra.cloud.redis_client import connect_redis
from sentra.cloud.tables import app_user, import_run
from sentra.cloud.wake import wake
from sentra.failures import Failure
from webapp.catalogue.importing import run
from webapp.catalogue.importing.kinds import N_
from webapp.catalogue.importing.records import SCOPE, outcome_columns
from webapp.catalogue.publishing import lock_catalogue
from webapp.change import Actor, Change, Parts, open_change
from webapp.config import Settings, read_settings

TELL_SECONDS: Final = 0.4
"""Between two notes of progress: as often as a person sees a difference."""

OPEN: Final = ("queued", "running")
"""The states of a run that still has to be done."""

FAULT: Final = N_(
    "The import stopped because of a fault of the program; nothing was changed. Try again, and "
    "tell whoever runs Sentra if it happens twice."
)

_log = structlog.get_logger(__name__)


def import_run_job(run_id: str) -> None:
    """Called by the queue with the id of a run. Its outcome is in the run's row."""
    settings = read_settings()
    with _parts(settings) as (engine, parts):
        ImportJob(settings, engine, parts).do(run_id)


class _DoneMeanwhile(Exception):
    """Another process has done this run while this one read the file."""


class ImportJob:
    """One run's import, with the parts that it needs."""

    def __init__(self, settings: Settings, engine: Engine, parts: Parts) -> None:
        self._settings, self._engine, self._parts = settings, engine, parts
        self._told_s = 0.0

    def do(self, run_id: str) -> None:
        """Import the run's file, unless that is done already."""
        row = self._row(run_id)
        if row is None or row.status not in OPEN:
            return
        gettext = i18n.translate(i18n.supported(row.options.get("language")))
        log = _log.bind(run=run_id, file=row.file_name)
        try:
            taken = self._import(row)
            log.info("import_done", taken=taken, dry_run=bool(row.options.get("dry_run")))
        except _DoneMeanwhile:
            log.info("import_done_meanwhile")
        except Failure as failure:
            self._end(run_id, failure.told(gettext))
            log.warning("import_refused", code=failure.code)
        except Exception:
            self._end(run_id, gettext(FAULT))
            log.exception("import_failed")
            raise

    def _import(self, row: Row[Any]) -> int:
        self._note(row.id, status="running")
        objects = open_objects(self._settings.s3_bucket, self._settings.object_dir)
        with tempfile.TemporaryDirectory(prefix="sentra-import-") as folder:
            path = Path(folder) / "file"
            objects.fetch(row.object_key, path)
            with self._engine.connect() as connection:
                loaded = run.load(connection, path, row.options["map"], self._progress(row.id))
        if row.options.get("dry_run"):
            return self._keep_preview(row.id, loaded)
        actor = Actor(row.created_by, row.user_name or "", row.options.get("address", ""))
        with open_change(self._engine, self._parts, actor) as change:
            lock_catalogue(change.connection)
            now = self._row(row.id)
            if now is None or now.status not in OPEN:
                raise _DoneMeanwhile
            outcome = run.write(change, loaded, row.file_name, self._progress(row.id))
            self._write_outcome(change, row.id, outcome)
        return outcome.summary.taken

    def _keep_preview(self, run_id: str, loaded: run.Loaded) -> int:
        with self._engine.connect() as connection:
            outcome = run.preview(connection, loaded, self._parts.clock())
        self._note(run_id, status="preview", error=None, **outcome_columns(outcome))
        return outcome.summary.taken

    def _write_outcome(self, change: Change, run_id: str, outcome: run.Outcome) -> None:
        values = {
            **outcome_columns(outcome),
            "status": "done",
            "error": None,
            "finished_at_ms": change.now_ms,
        }
        change.connection.execute(
            update(import_run).where(import_run.c.id == run_id).values(**values)
        )

    def _row(self, run_id: str) -> Row[Any] | None:
        question = (
            select(import_run, app_user.c.name.label("user_name"))
            .select_from(import_run.outerjoin(app_user, app_user.c.id == import_run.c.created_by))
            .where(import_run.c.id == run_id)
        )
        with self._engine.connect() as connection:
            return connection.execute(question).one_or_none()

    def _progress(self, run_id: str) -> run.Progress:
        """Notes in the run's row how far it is, on a connection of its own."""

        def tell(stage: run.Stage, done: int, total: int) -> None:
            now_s = time.monotonic()
            if done < total and now_s - self._told_s < TELL_SECONDS:
                return
            self._told_s = now_s
            self._note(run_id, rows_total=total, rows_done=done, summary={"stage": stage})

        return tell

    def _note(self, run_id: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(import_run).where(import_run.c.id == run_id).values(**values))
        wake(self._parts.redis, "import", SCOPE)

    def _end(self, run_id: str, sentence: str) -> None:
        self._note(run_id, status="failed", error=sentence, finished_at_ms=self._parts.clock())


@contextmanager
def _parts(settings: Settings) -> Iterator[tuple[Engine, Parts]]:
    """The parts of one job's process, made after the fork."""
    keys = load_keys(settings.keys_dir)
    engine = make_engine(settings.database_url, pool_size=2, application="worker import")
    redis = connect_redis(settings.redis_url)
    try:
        wait_for_database(engine)
        yield engine, Parts(redis, keys, _now_ms)
    finally:
        redis.close()
        engine.dispose()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
