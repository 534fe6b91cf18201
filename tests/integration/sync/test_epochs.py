"""Old copies and copied machines, every part real: till, daemon, router, service, PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine, text

from sentra.cloud import devices
from sentra.enrolment import enrol_again
from sentra.protocol.entry import EMPTY, head_of
from sentra.vault import journal
from sentra.vault.aside import DRAINED
from sentra.vault.database import Vault
from sentra.vault.epochs import forked, secure_head
from sentra.vault.identity import Identity
from syncd.daemon.bootstrap import wall_clock
from tests.integration.sync.conftest import running_service
from tests.support.branch import a_router, enrolled, running_daemon
from tests.support.journals import a_sale

Until = Callable[..., None]
SECONDS_MAX = 40.0


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    with structlog.testing.capture_logs():
        yield


def sell(vault: Vault, identity: Identity, *numbers: int) -> None:
    for number in numbers:
        with vault.writer() as db:
            entry = journal.append(db, identity, a_sale(number), wall_clock())
        journal.write_head_file(vault.folder, head_of(entry))


def reopened(folder: Path) -> Vault:
    """As the till opens it at its start."""
    vault = Vault.open(folder)
    secure_head(vault, wall_clock())
    return vault


def receipts(engine: Engine) -> list[int]:
    """The numbers of all sales in the back office's books."""
    with engine.connect() as connection:
        rows = connection.scalars(text("SELECT receipt_number FROM sale"))
        return sorted(int(receipt[-4:]) for receipt in rows)


def total(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT sum(total) FROM hourly_sales")) or 0)


def kinds(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(text("SELECT kind FROM exception")))


def is_sent(vault: Vault) -> bool:
    with vault.reader() as db:
        return journal.head(db).seq > 0 and journal.backlog(db, "cloud").count == 0


def put_back_after_two_more_sales(
    folder: Path, till: Vault, identity: Identity, until: Until
) -> Vault:
    """Three sales, a backup, two more sales, all sent; then the backup is put back, its head file
    left as it was."""
    backup, head = folder.with_name("backup"), folder.with_name("head.json")
    sell(till, identity, 1, 2, 3)
    with running_daemon(folder):
        until(lambda: is_sent(till), SECONDS_MAX)
    till.close()
    shutil.copytree(folder, backup)
    till = reopened(folder)
    sell(till, identity, 4, 5)
    with running_daemon(folder):
        until(lambda: is_sent(till), SECONDS_MAX)
    till.close()
    (folder / "head.json").rename(head)
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)
    head.replace(folder / "head.json")
    return reopened(folder)


def test_an_old_copy_gets_back_what_it_lost_and_a_copied_machine_loses_no_sale(
    environment: dict[str, str], engine: Engine, branch: str, tmp_path: Path, until: Until
) -> None:
    with ExitStack() as held:
        service = held.enter_context(running_service(environment, "--tls"))
        router, _ = a_router(tmp_path / "router", service.address, engine, branch)
        held.callback(router.stop)

        folder = tmp_path / "till"
        till, identity = enrolled(folder, "terminal", service.address, engine, branch)
        till = put_back_after_two_more_sales(folder, till, identity, until)
        sell(till, identity, 6)
        held.enter_context(running_daemon(folder))
        until(lambda: is_sent(till), SECONDS_MAX)
        assert receipts(engine) == [1, 2, 3, 4, 5, 6]
        with till.reader() as db:
            assert journal.head(db).epoch == 3
            assert len(journal.entries(db, EMPTY, 100)) == 6
        assert kinds(engine) == ["journal-restored"]

        # A second machine is made from the till as it is now, and both sell.
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.lock"))
        clone = reopened(copy)
        sell(till, identity, 7)
        until(lambda: is_sent(till), SECONDS_MAX)
        with running_daemon(copy):
            sell(clone, identity, 51)
            until(lambda: 51 in receipts(engine), SECONDS_MAX)
            sell(clone, identity, 52)
            until(lambda: 52 in receipts(engine), SECONDS_MAX)
            sell(till, identity, 8)
            until(lambda: 8 in receipts(engine), SECONDS_MAX)

            def told() -> bool:
                with till.reader() as mine, clone.reader() as other:
                    return forked(mine) is not None or forked(other) is not None

            until(told, SECONDS_MAX)
            assert "journal-fork" in kinds(engine)

            # The copied machine is enrolled anew; what it still holds is sent from its old vault.
            sell(clone, identity, 53)
            clone.close()
            with engine.begin() as connection:
                made = devices.create_code(
                    connection, branch_id=branch, role="terminal", name=None, now_ms=wall_clock()
                )
            fresh, aside = enrol_again(copy, service.address, made.code)
            assert fresh.device_id != identity.device_id
            assert aside is not None
            until(lambda: 53 in receipts(engine), SECONDS_MAX)
            until((aside / DRAINED).exists, SECONDS_MAX)
        assert receipts(engine) == [1, 2, 3, 4, 5, 6, 7, 8, 51, 52, 53]
        assert total(engine) == 11 * 4_500
        till.close()
