"""Sales by USB stick: from a real vault into PostgreSQL, twice, in any order, and hostile files."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sentra.cloud.keys import CompanyKeys
from sentra.courier import packing, unpacking
from sentra.courier.failures import (
    FileUnwritable,
)
from sentra.courier.files import Receipt, read_receipt, write_receipt
from sentra.protocol.courier import (
    CourierHeader,
)
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import (
    HeadNote,
    JournalOutcome,
    Watermark,
)
from sentra.vault import journal
from sentra.vault.database import Vault
from syncd.daemon.outbound.courier import TillDepot
from syncd.service.courier import CloudTaker
from syncd.service.operations.journals import Piece
from syncd.service.outbound.journal_store import JournalStore, PreparedRun
from tests.integration.sync.sticks import (
    SMALL_PART,
    Till,
    backlog,
    enrol,
    forged,
    in_cloud,
    in_vault,
    live_sales,
    parts_of,
    quiet,
    run,
    stick,
    taker,
    till,
    told,
)
from tests.present import NOW_MS
from tests.support.journals import an_id
from tests.support.tills import sell

__all__ = ["enrol", "quiet", "stick", "taker", "till"]


def test_a_tills_sales_come_into_the_cloud_by_stick_and_its_word_comes_back(
    till: Till, stick: Path, engine: Engine
) -> None:
    vault, identity = till
    sell(vault, identity, 5)
    packed = told(run("pack", "--data", vault.folder, "--to", stick, "--json"))
    assert (packed["entries"], len(packed["files"])) == (5, 1)

    first = told(run("unpack", stick, "--json"))
    assert (first["appended"], first["refused"]) == (5, [])
    assert in_cloud(engine) == in_vault(till)

    again = run("unpack", stick, "--json")
    assert (again.exit_code, told(again)["appended"]) == (0, 0)
    assert told(again)["files"][0]["journals"][0]["outcome"] == "already"
    assert in_cloud(engine) == in_vault(till)

    assert backlog(till) == 5
    receipt = next(stick.glob("*.receipt"))
    assert "the cloud has these sales" in run("receipt", receipt, "--data", vault.folder).output
    assert backlog(till) == 0
    assert "nothing more to pack" in run("pack", "--data", vault.folder, "--to", stick).output


def test_the_stick_that_comes_back_brings_the_receipt_to_the_next_packing(
    till: Till, stick: Path
) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    run("pack", "--data", vault.folder, "--to", stick)
    run("unpack", stick)
    sell(vault, identity, 2)
    packed = told(run("pack", "--data", vault.folder, "--to", stick, "--json"))
    assert (packed["watermarks_moved"], packed["entries"]) == (1, 2)


def test_a_receipt_keeps_the_latest_word_on_each_journal(stick: Path) -> None:
    def mark(terminal: int, seq: int, at_ms: int) -> Watermark:
        return Watermark("cloud", an_id(terminal), HeadNote(1, seq, "00" * 32), at_ms, "")

    def receipt(*marks: Watermark) -> Receipt:
        return Receipt(company_id=an_id(1), device_id=an_id(2), name="R", marks=marks)

    path = write_receipt(stick, receipt(mark(1, 5, 10), mark(2, 7, 10)))
    write_receipt(stick, receipt(mark(1, 3, 20), mark(2, 9, 5), mark(3, 1, 20)))
    assert {one.terminal: one.head.seq for one in read_receipt(path).marks} == {
        an_id(1): 3,
        an_id(2): 7,
        an_id(3): 1,
    }
    path.write_text("{")
    write_receipt(stick, receipt(mark(1, 5, 10)))
    assert len(read_receipt(path).marks) == 1


def test_a_receipt_that_the_cloud_did_not_sign_moves_nothing(till: Till, stick: Path) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    run("pack", "--data", vault.folder, "--to", stick)
    run("unpack", stick)
    receipt = next(stick.glob("*.receipt"))
    forged = json.loads(receipt.read_text())
    forged["marks"][0]["at_ms"] += 1
    receipt.write_text(json.dumps(forged))
    assert "Nothing new" in run("receipt", receipt, "--data", vault.folder).output
    receipt.write_text("{")
    assert run("receipt", receipt, "--data", vault.folder).exit_code == 1
    assert backlog(till) == 3


def test_parts_may_come_in_any_order(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    live_sales(till, 7)
    parts = parts_of(till, stick)
    assert len(parts) >= 3
    late = unpacking.unpack(parts[1], taker)
    assert ([one.outcome for one in late.outcomes.values()], late.appended) == (["gap"], 0)
    assert not late.is_whole
    for part in parts:
        assert unpacking.unpack(part, taker).is_whole
    assert in_cloud(engine) == in_vault(till)


def test_a_folder_of_many_parts_is_taken_in_the_order_of_their_packing(
    till: Till, stick: Path, engine: Engine
) -> None:
    live_sales(till, 24)
    assert len(parts_of(till, stick)) > 10, "their names are in another order than their numbers"
    result = run("unpack", stick, "--json")
    assert (result.exit_code, told(result)["appended"]) == (0, 24)
    assert in_cloud(engine) == in_vault(till)


def test_a_cloud_that_was_restored_asks_by_its_receipt_for_what_it_lost(
    till: Till, stick: Path, engine: Engine
) -> None:
    vault, identity = till
    sell(vault, identity, 2)
    run("pack", "--data", vault.folder, "--to", stick)
    run("unpack", stick)
    live_sales(till, 3)
    with vault.writer() as db:
        journal.set_watermark(db, "cloud", journal.head(db), NOW_MS, None)
    live_sales(till, 1)
    for part in stick.glob("*.courier"):
        part.unlink()
    next(stick.glob("*.receipt")).unlink()
    assert told(run("pack", "--data", vault.folder, "--to", stick, "--json"))["entries"] == 1
    lost = run("unpack", stick)
    assert (lost.exit_code, len(in_cloud(engine))) == (1, 2)
    assert "take the receipt back" in lost.output
    again = told(run("pack", "--data", vault.folder, "--to", stick, "--json"))
    assert (again["watermarks_moved"], again["entries"]) == (1, 4)
    assert run("unpack", stick).exit_code == 0
    assert in_cloud(engine) == in_vault(till)
    whole = told(run("pack", "--data", vault.folder, "--to", stick, "--all", "--again", "--json"))
    assert whole["entries"] == 6


def test_packing_that_was_interrupted_goes_on_behind_the_parts_that_are_whole(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    live_sales(till, 7)
    written: list[int] = []

    def pull_out(done: int, _all: int) -> None:
        written.append(done)
        if len(written) > 4:
            raise KeyboardInterrupt

    depot = TillDepot(*till)
    with pytest.raises(KeyboardInterrupt):
        packing.pack(depot, stick, now_ms=NOW_MS, part_bytes=SMALL_PART, tick=pull_out)
    whole = sorted(stick.glob("*.courier"))
    assert whole
    assert not list(stick.glob(".*.draft")), "a hidden half would fill the stick"
    packed = packing.pack(depot, stick, now_ms=NOW_MS, part_bytes=SMALL_PART)
    assert packed.kept == tuple(whole)
    assert 0 < packed.entries < 7
    for part in [*packed.kept, *packed.written]:
        assert unpacking.unpack(part, taker).is_whole
    assert in_cloud(engine) == in_vault(till)


def test_a_part_on_the_stick_that_was_damaged_is_packed_again(till: Till, stick: Path) -> None:
    live_sales(till, 7)
    first = parts_of(till, stick)[0]
    first.write_bytes(first.read_bytes()[:-1])
    packed = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS)
    assert packed.entries == 7


def test_a_part_that_somebody_put_there_keeps_nothing_from_being_packed(
    till: Till, stick: Path, company_keys: CompanyKeys
) -> None:
    """Whoever writes such a part could otherwise have the sales left behind."""
    live_sales(till, 4)
    part = parts_of(till, stick)[0]
    forged(part, replace(till[1], private_key=company_keys.signing_key), company_keys)
    packed = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS)
    assert part not in packed.kept
    assert packed.entries == 4, "all from the first on: the parts behind do not follow"


def test_a_run_is_made_while_the_one_before_is_written(
    till: Till, stick: Path, taker: CloudTaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers: set[int] = set()
    prepare = JournalStore.prepare

    def noted(store: JournalStore, run: Sequence[Piece]) -> PreparedRun:
        makers.add(threading.get_ident())
        return prepare(store, run)

    monkeypatch.setattr(JournalStore, "prepare", noted)
    sell(*till, 3)
    (part,) = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written
    assert unpacking.unpack(part, taker).appended == 3
    assert makers
    assert threading.get_ident() not in makers


class StopsAfterOne:
    """The cloud, whose power goes after the first envelope."""

    def __init__(self, taker: CloudTaker) -> None:
        self._taker, self.own_key, self.admit = taker, taker.own_key, taker.admit
        self.taken = 0

    def take(self, header: CourierHeader, parcels: Sequence[Parcel]) -> Sequence[JournalOutcome]:
        if self.taken:
            raise ConnectionError("the power went")
        self.taken += 1
        return self._taker.take(header, parcels)


def test_an_unpacking_that_was_interrupted_begins_again_without_harm(
    till: Till,
    stick: Path,
    taker: CloudTaker,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "ENVELOPE_BYTES", 500)
    live_sales(till, 6)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    with pytest.raises(ConnectionError):
        unpacking.unpack(part, StopsAfterOne(taker))
    assert 0 < len(in_cloud(engine)) < 6
    assert unpacking.unpack(part, taker).is_whole
    assert in_cloud(engine) == in_vault(till)


def test_packing_seals_beside_a_daemon_and_never_seals_twice(till: Till, stick: Path) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    beside = Vault.open(vault.folder)
    packing.pack(TillDepot(beside, identity), stick, now_ms=NOW_MS)
    beside.close()
    with vault.writer() as db:
        assert journal.seal_pending(db, identity) == 0
    with vault.reader() as db:
        assert db.execute("SELECT count(*) FROM sealed_segment").fetchone()[0] == 1


def test_a_stick_that_is_full_leaves_no_half_part(
    till: Till, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(*till, 2)

    def no_room(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(FileUnwritable, match="No space left"):
        packing.pack(TillDepot(*till), stick, now_ms=NOW_MS)
    assert list(stick.iterdir()) == []
