"""The worker takes an uploaded courier file in, and says how far it is.

It may be started twice, or again after a crash: what was taken before is found there already.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Engine, Row, select

from sentra import i18n
from sentra.cloud.database import make_engine, wait_for_database
from sentra.cloud.objects import open_objects
from sentra.cloud.redis_client import RedisClient, connect_redis
from sentra.cloud.tables import import_run
from sentra.cloud.wake import wake
from sentra.courier.failures import CourierFailure
from sentra.courier.offers import open_cloud
from sentra.courier.unpacking import Unpacked, unpack
from sentra.failures import Failure
from webapp.catalogue.importing.kinds import N_
from webapp.catalogue.importing.records import SCOPE
from webapp.config import Settings, read_settings
from webapp.courier import files

TELL_SECONDS: Final = 0.4
"""Between two notes of progress: as often as a person sees a difference."""

FAULT: Final = N_(
    "Taking the file in stopped because of a fault of the program. What was taken stays. Try "
    "again, and tell whoever runs Sentra if it happens twice."
)

_log = structlog.get_logger(__name__)


def courier_job(run_id: str) -> None:
    """Called by the queue with the id of a run. Its outcome is in the run's row."""
    settings = read_settings()
    engine = make_engine(settings.database_url, pool_size=1, application="worker courier")
    try:
        wait_for_database(engine)
        with closing(connect_redis(settings.redis_url)) as redis:
            CourierJob(settings, engine, redis).do(run_id)
    finally:
        engine.dispose()


class CourierJob:
    """One file's taking in, with the parts that it needs."""

    def __init__(self, settings: Settings, engine: Engine, redis: RedisClient) -> None:
        self._settings, self._engine, self._redis = settings, engine, redis
        self._told_s = 0.0

    def do(self, run_id: str) -> None:
        """Take the run's file in, unless that is done already."""
        row = self._row(run_id)
        if row is None or row.status not in files.OPEN:
            return
        gettext = i18n.translate(i18n.supported(row.options.get("language")))
        try:
            taken = self._take(row)
        except CourierFailure as failure:
            self._end(run_id, status="failed", error=failure.told(gettext))
            self._forget(row)
        except Failure as failure:
            self._end(run_id, status="failed", error=failure.told(gettext))
            _log.warning("courier file not taken", run=run_id, code=failure.code)
        except Exception:
            self._end(run_id, status="failed", error=gettext(FAULT))
            raise
        else:
            outcome = files.stored_outcome(taken)
            done = row.rows_total
            self._end(run_id, status="done", error=None, rows_done=done, summary=outcome)
            self._forget(row)

    def _take(self, row: Row[Any]) -> Unpacked:
        self._note(row.id, status="running")
        objects = open_objects(self._settings.s3_bucket, self._settings.object_dir)
        with tempfile.TemporaryDirectory(prefix="sentra-courier-") as folder, open_cloud() as cloud:
            path = Path(folder) / "file"
            objects.fetch(row.object_key, path)
            return unpack(
                path,
                cloud,
                revoked_too=bool(row.options.get("revoked_too")),
                name=row.file_name,
                tick=lambda done, total: self._tell(row.id, done, total),
            )

    def _forget(self, row: Row[Any]) -> None:
        """What is in the journal, or is no courier file, needs no copy."""
        objects = open_objects(self._settings.s3_bucket, self._settings.object_dir)
        try:
            objects.remove(row.object_key)
        except Failure as failure:
            _log.warning("courier file not removed", run=row.id, code=failure.code)

    def _row(self, run_id: str) -> Row[Any] | None:
        with self._engine.connect() as connection:
            question = select(import_run).where(
                import_run.c.id == run_id, import_run.c.kind == files.KIND
            )
            return connection.execute(question).one_or_none()

    def _tell(self, run_id: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if done < total and now_s - self._told_s < TELL_SECONDS:
            return
        self._told_s = now_s
        self._note(run_id, rows_done=done)

    def _end(self, run_id: str, **values: object) -> None:
        self._note(run_id, finished_at_ms=time.time_ns() // 1_000_000, **values)

    def _note(self, run_id: str, **values: object) -> None:
        with self._engine.begin() as connection:
            files.note(connection, run_id, **values)
        wake(self._redis, "import", SCOPE)
