"""Facts in the object store: copied, read back, and only then archived; in a folder and in S3."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, insert, text

from sentra.cloud.archive import container, decided, lag, source
from sentra.cloud.archive.container import JournalObject, RegisterObject
from sentra.cloud.archive.read import Archive, audit, read_object
from sentra.cloud.archive.write import EVERY_MS, ArchiveReport, Archivist
from sentra.cloud.cli import db
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import LocalObjects, Objects, ObjectsUnavailable, S3Objects
from sentra.cloud.tables import archive_head, fork_segment, segment
from sentra.protocol.entry import Head
from tests.present import NOW_MS
from tests.support.backoffice import as_owner, chain, chain_engine, chain_url, filled_chain
from tests.support.bucket import bucket
from tests.support.chain import Chain

__all__ = ["as_owner", "bucket", "chain", "chain_engine", "chain_url", "filled_chain"]


@pytest.fixture
def folder(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


def run(engine: Engine, objects: Objects, keys: CompanyKeys, at_ms: int = NOW_MS) -> ArchiveReport:
    return Archivist(engine, objects, keys.signing_key, at_ms).run()


def heads(engine: Engine, table: str) -> dict[str, tuple[int, int, bytes]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(f"SELECT terminal_id::text, epoch, seq, hash FROM {table}")  # noqa: S608
        )
        return {row[0]: (row[1], row[2], bytes(row[3])) for row in rows}


def archived_segments(objects: Objects, keys: CompanyKeys) -> list[bytes]:
    found = Archive(objects, keys.signing_key.public_key())
    found.look()
    return sorted(
        each.sealed
        for terminal, lane in found.journals
        for _, each in found.segments(terminal, lane)
    )


@pytest.fixture(params=["folder", "bucket"])
def objects(request: pytest.FixtureRequest) -> Objects:
    if request.param == "folder":
        return LocalObjects(request.getfixturevalue("tmp_path") / "objects")
    return S3Objects(request.getfixturevalue("bucket"))


def test_every_segment_is_archived_byte_for_byte_and_then_the_heads_say_so(
    chain_engine: Engine, objects: Objects, company_keys: CompanyKeys
) -> None:
    report = run(chain_engine, objects, company_keys)
    assert (report.failures, report.is_another_at_it) == ([], False)
    assert heads(chain_engine, "archive_head") == heads(chain_engine, "journal_head")
    with chain_engine.connect() as connection:
        stored = connection.execute(segment.select()).all()
        keys = source.keys(connection)
    assert report.segments == len(stored)
    assert archived_segments(objects, company_keys) == sorted(bytes(one.sealed) for one in stored)
    assert list(objects.keys("archive/")) == sorted(keys)
    assert list(audit(objects, keys, company_keys.signing_key.public_key())) == [None] * len(keys)
    again = run(chain_engine, objects, company_keys, NOW_MS + EVERY_MS)
    assert (again.objects, again.failures) == (0, [])


def test_custody_and_who_is_who_are_archived_too(
    chain_engine: Engine, chain: Chain, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    run(chain_engine, folder, company_keys)
    found = Archive(folder, company_keys.signing_key.public_key())
    found.look()
    register = found.register()
    assert {row["id"] for row in register.branches} == set(chain.branches.values())
    till = next(iter(chain.tills.values()))
    (row,) = [row for row in register.devices if row["id"] == till.id]
    assert row["public_key"] == till.key.public_key().public_bytes_raw().hex()
    with chain_engine.connect() as connection:
        rows = connection.execute(
            segment.select().where(segment.c.terminal_id == till.id).order_by("epoch", "last_seq")
        ).all()
    assert [
        (each.delivered_by, each.received_at_ms, each.custody_router, each.custody_at_ms)
        for _, each in found.segments(till.id, "main")
    ] == [
        (one.delivered_by, one.received_at_ms, one.custody_router, one.custody_at_ms)
        for one in rows
    ]


class Forgetful(LocalObjects):
    """Says that it has put what it has not."""

    def put_once(self, key: str, data: bytes) -> None:
        if "journal" not in key:
            super().put_once(key, data)


class Bent(LocalObjects):
    """Gives back one byte that is another."""

    def read(self, key: str) -> bytes:
        data = super().read(key)
        return data if "journal" not in key else data[:100] + bytes([data[100] ^ 1]) + data[101:]


@pytest.mark.parametrize(("kind", "told"), [(Forgetful, "is missing"), (Bent, "is damaged")])
def test_nothing_is_archived_before_it_was_read_back_whole(
    chain_engine: Engine,
    tmp_path: Path,
    company_keys: CompanyKeys,
    kind: type[LocalObjects],
    told: str,
) -> None:
    report = run(chain_engine, kind(tmp_path / "objects"), company_keys)
    assert heads(chain_engine, "archive_head") == {}
    assert report.segments == 0
    assert len(report.failures) == len(heads(chain_engine, "journal_head"))
    assert told in str(report.failures[0])
    assert "archive/journal/" in str(report.failures[0])
    # What was only put, or only lost on the way, is done when the store is well again.
    healed = run(chain_engine, LocalObjects(tmp_path / "objects"), company_keys)
    assert healed.failures == []
    assert heads(chain_engine, "archive_head") == heads(chain_engine, "journal_head")


def test_a_segment_that_was_altered_in_the_database_is_not_archived_and_holds_up_no_other(
    as_owner: Engine, chain: Chain, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    till = next(iter(chain.tills.values()))
    with as_owner.begin() as connection:
        connection.execute(
            text(
                "UPDATE segment SET sealed = set_byte(sealed, 120, get_byte(sealed, 120) # 1) "
                "WHERE terminal_id = :id AND first_seq = 1"
            ),
            {"id": till.id},
        )
    (failure,) = run(as_owner, folder, company_keys).failures
    assert till.id in str(failure)
    reached = heads(as_owner, "archive_head")
    assert till.id not in reached
    assert len(reached) == len(chain.tills) - 1


def test_the_fork_lane_is_archived(
    chain_engine: Engine, chain: Chain, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    run(chain_engine, folder, company_keys)
    till = next(iter(chain.tills.values()))
    with chain_engine.begin() as connection:
        one = connection.execute(
            segment.select().where(segment.c.terminal_id == till.id).limit(1)
        ).one()
        row = {
            column.name: getattr(one, column.name)
            for column in fork_segment.columns
            if column.name != "sealed_sha256"
        }
        connection.execute(
            insert(fork_segment).values(**row, sealed_sha256=hashlib.sha256(one.sealed).digest())
        )
    before = heads(chain_engine, "archive_head")
    later = NOW_MS + EVERY_MS
    assert run(chain_engine, folder, company_keys, later - 1).segments == 0
    assert run(chain_engine, folder, company_keys, later).segments == 1
    assert heads(chain_engine, "archive_head") == before
    assert archived_segments(folder, company_keys).count(bytes(one.sealed)) == 2
    assert run(chain_engine, folder, company_keys, later + EVERY_MS).objects == 0
    with chain_engine.begin() as connection:
        connection.execute(insert(fork_segment).values(**row, sealed_sha256=bytes(32)))
    (failure,) = run(chain_engine, folder, company_keys, later + 2 * EVERY_MS).failures
    assert "was altered" in str(failure)


def test_an_object_is_never_overwritten_and_what_was_altered_or_lost_is_named(
    chain_engine: Engine, tmp_path: Path, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    run(chain_engine, folder, company_keys)
    keys = [key for key in folder.keys("archive/") if "/journal/" in key]
    path, lost = tmp_path / "objects" / keys[0], tmp_path / "objects" / keys[1]
    altered = bytearray(path.read_bytes())
    altered[len(altered) // 2] ^= 1
    path.write_bytes(altered)
    lost.unlink()
    folder.put_once(keys[0], b"other bytes")
    assert path.read_bytes() == altered
    public = company_keys.signing_key.public_key()
    found = [str(failure) for failure in audit(folder, keys, public) if failure is not None]
    assert [keys[0] in found[0], keys[1] in found[1]] == [True, True]
    assert len(found) == 2


def test_an_object_that_the_company_did_not_sign_is_none(
    chain_engine: Engine, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    run(chain_engine, folder, company_keys)
    key = next(key for key in folder.keys("archive/") if "/journal/" in key)
    stored = read_object(folder, key, company_keys.signing_key.public_key())
    assert isinstance(stored, JournalObject)
    data = container.pack(stored, Ed25519PrivateKey.generate())
    forged = container.key_of(stored, data)
    folder.put_once(forged, data)
    with pytest.raises(container.ArchiveDamaged, match="did not sign"):
        read_object(folder, forged, company_keys.signing_key.public_key())
    renamed = key.replace("main-", "fork-")
    folder.put_once(renamed, folder.read(key))
    with pytest.raises(container.ArchiveDamaged, match="belongs elsewhere"):
        read_object(folder, renamed, company_keys.signing_key.public_key())


def test_two_at_once_archive_everything_once(
    chain_engine: Engine, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    reports: list[ArchiveReport] = []

    class Meeting(LocalObjects):
        """While the first archives, a second one comes."""

        def put_once(self, key: str, data: bytes) -> None:
            if not reports:
                reports.append(run(chain_engine, folder, company_keys))
            super().put_once(key, data)

    report = run(chain_engine, Meeting(folder._folder), company_keys)
    assert reports[0].is_another_at_it
    assert report.failures == []


def test_a_head_that_another_moved_meanwhile_is_not_moved_back(
    chain_engine: Engine, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    with chain_engine.connect() as connection:
        journal = source.journals_waiting(connection, None)[0]
        found = source.read_next(connection, journal, "main")
    assert found is not None
    with chain_engine.begin() as connection:
        assert source.move_head(connection, journal, found, Head(1, 9, bytes(32)), "one", 1)
    with chain_engine.begin() as connection:
        assert not source.move_head(connection, journal, found, Head(1, 5, bytes(32)), "two", 2)
        assert connection.execute(archive_head.select()).one().seq == 9


def test_the_register_is_written_again_only_when_it_says_something_else(
    chain_engine: Engine, as_owner: Engine, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    def registers() -> int:
        return len(list(folder.keys("archive/register/")))

    run(chain_engine, folder, company_keys)
    run(chain_engine, folder, company_keys, NOW_MS + 1)
    assert registers() == 1
    with as_owner.begin() as connection:
        connection.execute(text("UPDATE device SET last_heard_at_ms = 5, name = name || '!'"))
    run(chain_engine, folder, company_keys, NOW_MS + 2)
    assert registers() == 2
    key = list(folder.keys("archive/register/"))[-1]
    newest = read_object(folder, key, company_keys.signing_key.public_key())
    assert isinstance(newest, RegisterObject)
    assert all(str(row["name"]).endswith("!") for row in newest.devices)


def test_a_feed_is_written_again_when_it_says_more_and_in_a_new_timeline_at_once(
    chain_engine: Engine, as_owner: Engine, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    def written(at_ms: int) -> int:
        before = len(list(folder.keys("archive/feed/")))
        run(chain_engine, folder, company_keys, at_ms)
        return len(list(folder.keys("archive/feed/"))) - before

    with as_owner.begin() as connection:
        connection.execute(text("UPDATE feed_head SET revision = 1 WHERE revision = 0"))
        scopes = connection.execute(text("SELECT count(*) FROM feed_head")).scalar_one()
    assert [written(NOW_MS), written(NOW_MS + 1)] == [scopes, 0]
    with as_owner.begin() as connection:
        connection.execute(text("UPDATE feed_head SET revision = revision + 1"))
    assert [written(NOW_MS + 2), written(NOW_MS + decided.EVERY_MS)] == [0, scopes]
    with as_owner.begin() as connection:
        connection.execute(text("UPDATE company SET timeline = gen_random_uuid()"))
    assert written(NOW_MS + decided.EVERY_MS + 1) == scopes


@pytest.fixture
def command(chain_url: str, company_keys: CompanyKeys, tmp_path: Path) -> Callable[..., Result]:
    environment = {
        "SENTRA_DATABASE_URL": chain_url,
        "SENTRA_KEYS_DIR": str(company_keys.folder),
        "SENTRA_OBJECT_DIR": str(tmp_path / "objects"),
        "SENTRA_LANGUAGE": "en",
    }
    return lambda *words: CliRunner(env=environment).invoke(db, words)


def test_by_hand_everything_is_archived_and_checked(
    command: Callable[..., Result], tmp_path: Path, chain_engine: Engine
) -> None:
    done = command("archive")
    assert done.exit_code == 0, done.output
    assert "segments were archived in" in done.output
    assert heads(chain_engine, "archive_head") == heads(chain_engine, "journal_head")
    checked = command("archive", "--check")
    assert checked.exit_code == 0, checked.output
    one = next((tmp_path / "objects" / "archive" / "journal").rglob("*.snta"))
    one.write_bytes(one.read_bytes()[:-1])
    checked = command("archive", "--check")
    assert checked.exit_code == 1
    assert one.name in checked.output


class Away(LocalObjects):
    """Takes nothing."""

    def put_once(self, key: str, data: bytes) -> None:
        raise ObjectsUnavailable(where="s3://away", reason="refused")


def told(engine: Engine) -> tuple[int | None, lag.Runs]:
    with engine.connect() as connection:
        return lag.oldest_waiting_ms(connection), lag.runs(connection)


def test_how_old_the_oldest_is_that_waits_and_which_runs_failed_is_known(
    chain_engine: Engine, tmp_path: Path, folder: LocalObjects, company_keys: CompanyKeys
) -> None:
    with chain_engine.connect() as connection:
        oldest_ms = connection.execute(text("SELECT min(received_at_ms) FROM segment")).scalar()
    assert told(chain_engine) == (oldest_ms, lag.Runs())
    for at_ms in (NOW_MS, NOW_MS + 1):
        report = run(chain_engine, Away(tmp_path / "away"), company_keys, at_ms)
        assert "s3://away" in str(report.failures[0])
    assert told(chain_engine) == (oldest_ms, lag.Runs(NOW_MS + 1, 2, failing_since_ms=NOW_MS))
    run(chain_engine, folder, company_keys, NOW_MS + 2)
    assert told(chain_engine) == (None, lag.Runs(NOW_MS + 2, 2))


def test_one_late_journal_is_found_among_others_and_the_fork_lane_counts(
    chain_engine: Engine,
    chain: Chain,
    folder: LocalObjects,
    company_keys: CompanyKeys,
    as_owner: Engine,
) -> None:
    run(chain_engine, folder, company_keys)
    till = {"till": next(iter(chain.tills.values())).id}
    with as_owner.begin() as connection:
        last_ms = connection.execute(
            text(
                "SELECT received_at_ms FROM segment WHERE terminal_id = :till"
                " ORDER BY epoch DESC, last_seq DESC LIMIT 1"
            ),
            till,
        ).scalar_one()
        one_less = "UPDATE archive_head SET seq = seq - 1 WHERE terminal_id = :till"
        connection.execute(text(one_less), till)
    assert told(chain_engine)[0] == last_ms
    with as_owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO fork_segment (branch_id, terminal_id, sealed_sha256, epoch, first_seq,"
                " last_seq, last_hash, sealed, delivered_by, received_at_ms)"
                " SELECT branch_id, terminal_id, sha256(sealed), epoch, first_seq, last_seq,"
                " last_hash, sealed, delivered_by, 5 FROM segment"
                " WHERE terminal_id = :till LIMIT 1"
            ),
            till,
        )
    assert told(chain_engine)[0] == 5
