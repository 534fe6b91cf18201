"""The cloud, examined: settings, database, schema, partitions, Redis, file store, keys, TLS."""

from __future__ import annotations

import io
import os
import secrets
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cryptography import x509
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from sentra.cloud.archive import lag, source
from sentra.cloud.company import find_company
from sentra.cloud.database import make_engine, wait_for_database
from sentra.cloud.keys import load_keys
from sentra.cloud.objects import open_objects
from sentra.cloud.redis_client import connect_redis
from sentra.cloud.schema import current_revision, newest_revision
from sentra.cloud.tables import PARTITIONED, branch
from sentra.config import Environment
from sentra.examination import checks, network
from sentra.examination.findings import Finding, attention, bad, gathered, ok
from sentra.i18n import say
from sentra.sync_status import age
from syncd.service.config import POSTGRES_SCHEMES, REDIS_SCHEMES

ANSWER_S_MAX: Final = 5.0
"""For the database at its first answer; an examination does not wait for a start."""

ARCHIVE_LATE_MS: Final = 3 * 60 * 60 * 1_000
"""A journal is archived once an hour: after three of them something is the matter."""

RESERVE_BYTES: Final = 1024 * 1024 * 1024
"""Of the folder that stands in for a bucket: a month's archive of a hundred branches."""

_WORKERS: Final = "rq:workers"
_PROBE: Final = b"sentra doctor"


def examine_cloud() -> Sequence[Finding]:
    """The findings of the cloud of this environment's settings."""
    read = Environment(os.environ)
    found = [ok("software", "Sentra " + version("sentra"))]
    for check, step in (
        ("database", lambda: _database(read)),
        ("redis", lambda: _redis(read, "SENTRA_REDIS_URL")),
        ("redis", lambda: _redis(read, "SENTRA_QUEUE_URL")),
        ("program", lambda: _worker(read)),
        ("objects", lambda: _objects(read)),
        ("keys", lambda: _keys(read)),
        ("tls", lambda: _service(read)),
    ):
        found += gathered(check, [step])
    return found


def now_ms() -> int:
    """The present instant."""
    return time.time_ns() // 1_000_000


def _database(read: Environment) -> list[Finding]:
    url = read.url("SENTRA_DATABASE_URL", schemes=POSTGRES_SCHEMES)
    engine = make_engine(url, pool_size=1, application="sentra doctor")
    try:
        return gathered(
            "database", [lambda: _answers(engine), lambda: _holds(engine), lambda: _archive(engine)]
        )
    finally:
        engine.dispose()


def _answers(engine: Engine) -> list[Finding]:
    wait_for_database(engine, seconds_max=ANSWER_S_MAX)
    with engine.connect() as connection:
        began_ms = now_ms()
        name, there_ms = connection.execute(
            text(
                "SELECT current_setting('server_version'),"
                " (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
            )
        ).one()
        middle_ms = (began_ms + now_ms()) // 2
        revision, wanted = current_revision(connection), newest_revision()
    found = [
        ok("database", say("PostgreSQL %(version)s answers", version=name)),
        checks.clock(middle_ms - there_ms, say("the database")),
    ]
    if revision == wanted:
        return [*found, ok("database", say("its tables are at %(revision)s", revision=revision))]
    told = say(
        "its tables are at %(revision)s, this version needs %(wanted)s",
        revision=revision or "0",
        wanted=wanted,
    )
    advice = say("Run sentra db migrate with the newest version, as the owner of the database.")
    return [*found, bad("database", told, advice)]


def _holds(engine: Engine) -> list[Finding]:
    """What must be in it: the company, and a partition of each table for each branch."""
    try:
        with engine.connect() as connection:
            company = find_company(connection)
            missing = _missing_partitions(connection)
    except SQLAlchemyError:
        return []  # Its tables are of another version, which was said before.
    if company is None:
        told = say("the database has no company yet")
        return [bad("database", told, say("Run sentra db init."))]
    if missing:
        told = say("partitions are missing: %(names)s", names=", ".join(missing))
        advice = say(
            "Run sentra db migrate as the owner of the database, then SELECT make_partitions(id) "
            "FROM branch."
        )
        return [bad("partitions", told, advice)]
    return [ok("partitions", say("each branch has its partitions"))]


def _archive(engine: Engine) -> list[Finding]:
    """How old the oldest fact is of which there is no verified copy, whether runs end well, and
    what could not come back from there."""
    try:
        with engine.connect() as connection:
            oldest_ms, runs = lag.oldest_waiting_ms(connection), lag.runs(connection)
            left_out = source.left_out(connection)
    except SQLAlchemyError:
        return []  # Its tables are of another version, which was said before.
    return [*_left_out(left_out), *_age(oldest_ms, runs)]


def _left_out(count: int) -> list[Finding]:
    """What a database that was set back could not take back from the archive."""
    if not count:
        return []
    told = say(
        "the database was restored, and %(count)s objects of the archive could not be taken back",
        count=count,
    )
    advice = say(
        "Run sentra db archive --take-back: it names them. Put what is damaged or missing back "
        "from a copy of the file store, and run it again."
    )
    return [bad("archive", told, advice)]


def _age(oldest_ms: int | None, runs: lag.Runs) -> list[Finding]:
    at_ms, told = now_ms(), say("every fact is archived")
    if oldest_ms is not None:
        told = say(
            "the oldest fact that is not archived waits for %(age)s", age=age(oldest_ms, at_ms)
        )
    is_late = oldest_ms is not None and at_ms - oldest_ms > ARCHIVE_LATE_MS
    if not is_late and runs.failing_since_ms is None:
        return [ok("archive", told)]
    if runs.failing_since_ms is not None:
        since = age(runs.failing_since_ms, at_ms)
        told = say("%(told)s; for %(since)s each run left something out", told=told, since=since)
    advice = say(
        "Run sentra db archive: it archives now, or says what is in the way. See that a worker "
        "runs (sentra worker) and that the file store takes files. Nothing is lost: tills and "
        "routers keep what is not archived."
    )
    return [attention("archive", told, advice)]


def _missing_partitions(connection: Connection) -> list[str]:
    """Tables that have fewer partitions than there are branches."""
    branches = connection.execute(text(f"SELECT count(*) FROM {branch.name}")).scalar_one()  # noqa: S608 - our own name
    counted = connection.execute(
        text(
            "SELECT p.relname, count(i.inhrelid) FROM pg_class p"
            " LEFT JOIN pg_inherits i ON i.inhparent = p.oid"
            " WHERE p.relkind = 'p' AND p.relname = ANY(:names) GROUP BY 1"
        ),
        {"names": [table.name for table in PARTITIONED]},
    )
    counts = {row.relname: row.count for row in counted}
    return sorted(table.name for table in PARTITIONED if counts.get(table.name, 0) < branches)


def _redis(read: Environment, setting: str) -> list[Finding]:
    if read.optional(setting) is None and setting != "SENTRA_REDIS_URL":
        return []
    client = connect_redis(read.url(setting, schemes=REDIS_SCHEMES))
    try:
        client.ping()
    except RedisError as error:
        told = say("%(setting)s does not answer: %(detail)s", setting=setting, detail=error)
        advice = say(
            "Start Redis or correct the setting. Tills go on selling and sending; sign-in to the "
            "back office and live pages wait for it."
        )
        return [bad("redis", told, advice)]
    finally:
        client.close()
    return [ok("redis", say("%(setting)s answers", setting=setting))]


def _worker(read: Environment) -> list[Finding]:
    """Whether anybody takes jobs from the queue, by the names that RQ's workers leave there."""
    setting = "SENTRA_QUEUE_URL" if read.optional("SENTRA_QUEUE_URL") else "SENTRA_REDIS_URL"
    client = connect_redis(read.url(setting, schemes=REDIS_SCHEMES))
    try:
        count = client.scard(_WORKERS)
    except RedisError:
        return []  # It was said before that it does not answer.
    finally:
        client.close()
    if count:
        return [ok("program", say("%(count)s workers wait for jobs", count=count))]
    told = say("no worker waits for jobs")
    advice = say("Imports, exports and courier files wait for one. Start it: sentra worker.")
    return [attention("program", told, advice)]


def _objects(read: Environment) -> list[Finding]:
    """Puts a small file, fetches it, and removes it again. Raises ObjectsError."""
    bucket = read.optional("SENTRA_S3_BUCKET")
    folder = read.folder("SENTRA_OBJECT_DIR", Path("objects"))
    objects, key = open_objects(bucket, folder), f"doctor/{secrets.token_hex(8)}"
    objects.put(key, io.BytesIO(_PROBE))
    try:
        with tempfile.TemporaryDirectory(prefix="sentra-doctor-") as place:
            copy = Path(place) / "probe"
            objects.fetch(key, copy)
            came_back = copy.read_bytes() == _PROBE
    finally:
        objects.remove(key)
    where = bucket or folder
    if not came_back:
        told = say("what was put into %(where)s came back altered", where=where)
        return [bad("objects", told, say("Do not use this store until it is repaired."))]
    found = [ok("objects", say("%(where)s takes files and gives them back", where=where))]
    return found if bucket else [*found, checks.disk(folder, RESERVE_BYTES)]


def _keys(read: Environment) -> list[Finding]:
    """Raises KeysError, whose sentence names the file and the remedy."""
    folder = read.folder("SENTRA_KEYS_DIR", must_exist=True)
    keys = load_keys(folder)
    server = x509.load_pem_x509_certificate(keys.server_certificate_file.read_bytes())
    return [
        ok(
            "keys",
            say("the company's keys are in %(folder)s, for this account only", folder=folder),
        ),
        network.certificate(keys.ca_certificate, say("the company's authority"), now_ms),
        network.certificate(server, say("the sync service"), now_ms),
    ]


def _service(read: Environment) -> list[Finding]:
    """The sync service as devices reach it, where its address is set."""
    place = read.optional("SENTRA_SYNC_URL")
    if place is None or not place.startswith("https://"):
        return []
    anchors = load_keys(read.folder("SENTRA_KEYS_DIR", must_exist=True)).anchors
    return network.tls(place, None, anchors, now_ms)
