"""The small store of odds and ends, and the daemon's word on its links."""

from __future__ import annotations

from sentra.vault import state
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, read_identity, write_identity
from tests.support.tills import an_identity

Till = tuple[Vault, Identity]


def test_a_value_comes_back_and_none_deletes_it(till: Till) -> None:
    vault, _ = till
    with vault.writer() as db:
        assert state.get(db, "cart") is None
        state.put(db, "cart", {"lines": [1, "a", None]})
        assert state.get(db, "cart") == {"lines": [1, "a", None]}
        state.put(db, "cart", None)
        assert state.get(db, "cart") is None


def test_the_sync_status_is_what_the_daemon_wrote_last(till: Till) -> None:
    vault, _ = till
    status = state.SyncStatus(
        router=state.LinkState(reachable=False, since_ms=5, last_error="timeout"),
        cloud=state.LinkState(reachable=True, last_ok_at_ms=7),
        skew_ms=-3,
        updated_at_ms=9,
        via="cloud",
    )
    with vault.writer() as db:
        assert state.sync_status(db) == state.SyncStatus()
        state.put_sync_status(db, status)
    with vault.reader() as db:
        assert state.sync_status(db) == status


def test_a_folder_without_enrolment_has_no_identity(till: Till) -> None:
    vault, _ = till
    with vault.writer() as db:
        db.execute("DELETE FROM identity")
        assert read_identity(db) is None


def test_a_routers_identity_keeps_its_certificate_and_key(till: Till) -> None:
    vault, _ = till
    router = an_identity(3, role="router", certificate="CERT", tls_key="KEY", epoch=4)
    with vault.writer() as db:
        write_identity(db, router)
        found = read_identity(db)
    assert found is not None
    assert (found.role, found.certificate, found.tls_key, found.epoch) == (
        "router",
        "CERT",
        "KEY",
        4,
    )


def test_no_secret_is_in_what_an_identity_says_of_itself() -> None:
    identity = an_identity(1, tls_key="SECRETKEY")
    assert "SECRETKEY" not in repr(identity)
    assert "pepper" not in repr(identity)
