"""A till's courier file at a router that holds nothing of its journal yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.courier import RouterDepot
from router_agent.outbound import store
from router_agent.outbound.schema import ROOMS
from sentra.courier import packing, unpacking
from sentra.protocol.entry import EMPTY, Head, head_of
from sentra.protocol.messages import Watermark, sign_timeline, sign_watermark
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.identity import Identity
from sentra.vault.watermarks import set_watermark
from syncd.daemon.outbound.courier import TillDepot
from tests.support.courier import tell_router, tell_till
from tests.support.journals import START_MS, an_id
from tests.support.tills import CLOUD_KEY, a_till, an_identity, sell

ROUTER = an_identity(9, role="router")
SMALL_PART = 800
"""Two or three live sales."""


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Vault, Identity]]:
    """Ten sales, sealed one by one; the cloud has six of them and said so."""
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, identity = a_till(tmp_path / "till")
    for _ in range(10):
        sell(vault, identity)
        with vault.writer() as db:
            journal.seal_pending(db, identity)
    with vault.writer() as db:
        mark = the_word(vault, identity, 6)
        set_watermark(db, "cloud", mark.head.to_head(), mark.at_ms, mark.signature)
    tell_till(vault, ROUTER)
    yield vault, identity
    vault.close()


@pytest.fixture
def router(tmp_path: Path, till: tuple[Vault, Identity]) -> Iterator[RouterDepot]:
    vault = Vault.create(tmp_path / "router", "router", ROOMS)
    tell_router(vault.folder, till[1])
    yield RouterDepot(vault, ROUTER, lambda: START_MS)
    vault.close()


def the_word(
    vault: Vault, identity: Identity, seq: int, key: Ed25519PrivateKey = CLOUD_KEY
) -> Watermark:
    with vault.reader() as db:
        head = head_of(journal.entries(db, Head(1, seq - 1, bytes(32)), 1)[0])
    return sign_watermark(key, "cloud", identity.device_id, head, START_MS)


def small_parts(till: tuple[Vault, Identity], place: Path) -> Sequence[Path]:
    return packing.pack(TillDepot(*till), place, now_ms=START_MS, part_bytes=SMALL_PART).written


def here(router: RouterDepot, till: tuple[Vault, Identity]) -> Head:
    with Vault.open(router_folder(till), ROOMS).reader() as db:
        return store.head_of(db, till[1].device_id)


def router_folder(till: tuple[Vault, Identity]) -> Path:
    return till[0].folder.parent / "router"


def test_a_tills_file_begins_its_journal_at_an_empty_router_behind_what_the_cloud_has(
    till: tuple[Vault, Identity], router: RouterDepot, tmp_path: Path
) -> None:
    parts = small_parts(till, tmp_path)
    assert len(parts) > 1
    done = [unpacking.unpack(part, router) for part in parts]
    assert [one.is_whole for one in done] == [True] * len(parts)
    assert sum(one.appended for one in done) == 4
    assert here(router, till).seq == 10
    onward = packing.pack(router, tmp_path / "onward", now_ms=START_MS, again=True)
    assert onward.entries == 4, "what the cloud signed for is not packed again"


def test_a_word_that_is_not_the_clouds_present_one_on_this_journal_begins_nothing(
    till: tuple[Vault, Identity], router: RouterDepot, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, identity = till
    true = the_word(vault, identity, 6)
    other_till = an_identity(2)
    tell_router(router_folder(till), other_till)
    forged = [
        (),
        (the_word(vault, identity, 6, identity.private_key),),
        (msgspec.structs.replace(true, at_ms=true.at_ms + 1),),
        (msgspec.structs.replace(true, name="archived"),),
        (sign_watermark(CLOUD_KEY, "cloud", other_till.device_id, true.head.to_head(), START_MS),),
        (msgspec.structs.replace(true, head=msgspec.structs.replace(true.head, hash="00")),),
    ]
    for number, words in enumerate(forged):
        monkeypatch.setattr(TillDepot, "words", lambda _self, said=words: said)
        assert outcome_at(router, till, vault.folder.parent / f"{number}") == ("gap", 0)
    with Vault.open(router_folder(till), ROOMS).reader() as db:
        assert store.journals(db) == [], "not even the other till's has begun"


def test_a_word_of_a_timeline_that_was_left_begins_nothing(
    till: tuple[Vault, Identity], router: RouterDepot, tmp_path: Path
) -> None:
    with Vault.open(router_folder(till), ROOMS).writer() as db:
        store.set_since(db, sign_timeline(CLOUD_KEY, an_id(4), START_MS + 1))
    assert outcome_at(router, till, tmp_path / "part") == ("gap", 0)


def test_a_file_that_begins_elsewhere_leaves_the_journals_beginning_open(
    till: tuple[Vault, Identity], router: RouterDepot, tmp_path: Path
) -> None:
    parts = small_parts(till, tmp_path)
    late = unpacking.unpack(parts[-1], router)
    assert (late.has_gap, here(router, till)) == (True, EMPTY)
    assert all(unpacking.unpack(part, router).is_whole for part in parts)
    everything = packing.pack(
        TillDepot(*till), tmp_path, now_ms=START_MS, again=True, everything=True
    )
    assert unpacking.unpack(everything.written[0], router).appended == 0


def test_everything_from_the_first_sale_on_needs_no_word(
    till: tuple[Vault, Identity], router: RouterDepot, tmp_path: Path
) -> None:
    packed_all = packing.pack(TillDepot(*till), tmp_path, now_ms=START_MS, everything=True)
    assert unpacking.unpack(packed_all.written[0], router).appended == 10


def outcome_at(router: RouterDepot, till: tuple[Vault, Identity], place: Path) -> tuple[str, int]:
    """(outcome, appended) of the till's file, packed anew."""
    (part,) = packing.pack(TillDepot(*till), place, now_ms=START_MS, again=True).written
    (one,) = unpacking.unpack(part, router).outcomes.values()
    return one.outcome, one.appended
