"""Sales by USB stick: from a real vault into PostgreSQL, twice, in any order, and hostile files."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from router_agent.courier import open_router
from router_agent.outbound import store
from sentra.cloud.company import CompanyFacts
from sentra.cloud.keys import CompanyKeys
from sentra.command import sentra
from sentra.courier import packing, unpacking
from sentra.courier.failures import (
    CourierFailure,
    FileAltered,
    FileCutOff,
    FileDamaged,
    FileNotForUs,
    FileUnwritable,
    NotUnpackedHere,
    OtherBranch,
    OtherCompany,
    PackedByRevoked,
    PackedByUnknown,
)
from sentra.courier.files import Receipt, read_receipt, write_receipt
from sentra.protocol.courier import (
    RANDOM_BYTES,
    CourierHeader,
    contents_bytes,
    open_envelopes,
    read_header,
    seal,
)
from sentra.protocol.entry import EMPTY
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import (
    HeadNote,
    JournalOutcome,
    Watermark,
    sign_timeline,
    sign_watermark,
)
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.identity import Identity
from syncd.daemon.outbound.courier import TillDepot
from syncd.service.courier import CloudTaker
from syncd.service.operations.journals import Piece
from syncd.service.outbound.journal_store import JournalStore, PreparedRun
from tests.present import NOW_MS
from tests.support.courier import offline_device, tell_router, tell_till
from tests.support.journals import a_sale, an_id
from tests.support.tills import sell

Till = tuple[Vault, Identity]
SMALL_PART = 800
"""Two or three live sales."""


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Iterator[None]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def enrol(
    tmp_path: Path, engine: Engine, company_keys: CompanyKeys, company: CompanyFacts, branch: str
) -> Iterator[Callable[..., Till]]:
    opened: list[Vault] = []

    def make(name: str, role: str = "terminal", number: int = 1) -> Till:
        vault, identity = offline_device(
            tmp_path / name, engine, company_keys, company, branch, role, number
        )
        opened.append(vault)
        return vault, identity

    yield make
    for vault in opened:
        vault.close()


@pytest.fixture
def till(enrol: Callable[..., Till]) -> Till:
    return enrol("till")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def taker(app_engine: Engine, company_keys: CompanyKeys) -> CloudTaker:
    return CloudTaker(app_engine, company_keys, None)


def run(*words: object) -> Result:
    return CliRunner().invoke(sentra, ["--language", "en", "courier", *map(str, words)])


def told(result: Result) -> dict[str, Any]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def live_sales(till: Till, count: int) -> None:
    """Sales that were sealed one by one, as by a daemon whose line is there."""
    vault, identity = till
    for _ in range(count):
        sell(vault, identity)
        with vault.writer() as db:
            journal.seal_pending(db, identity)


def parts_of(till: Till, stick: Path) -> Sequence[Path]:
    depot = TillDepot(*till)
    return packing.pack(depot, stick, now_ms=NOW_MS, part_bytes=SMALL_PART).written


def in_cloud(engine: Engine) -> list[tuple[str, int, bytes]]:
    with engine.connect() as connection:
        query = "SELECT terminal_id::text, seq, hash FROM journal_entry ORDER BY 1, epoch, seq"
        return [(one, seq, bytes(digest)) for one, seq, digest in connection.execute(text(query))]


def in_vault(till: Till) -> list[tuple[str, int, bytes]]:
    with till[0].reader() as db:
        entries = journal.entries(db, EMPTY, -1)
        return [(one.terminal, one.seq, one.hash) for one in entries]


def backlog(till: Till) -> int:
    with till[0].reader() as db:
        return journal.backlog(db, "cloud").count


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


HARM: dict[str, tuple[Callable[[bytes], bytes], type[CourierFailure]]] = {
    "altered": (lambda data: data[:-200] + bytes([data[-200] ^ 1]) + data[-199:], FileAltered),
    "cut off": (lambda data: data[:-100], FileCutOff),
    "of another kind": (lambda data: b"PK" + data[2:], FileDamaged),
    "too long": (lambda data: data + b"x", FileDamaged),
    "empty": (lambda _: b"", FileCutOff),
}


def test_a_file_that_is_not_what_was_packed_changes_nothing(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    sell(*till, 3)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    whole = part.read_bytes()
    for name, (harm, failure) in HARM.items():
        part.write_bytes(harm(whole))
        before = unpacking.REFUSED.labels(failure.code)._value.get()
        with pytest.raises(failure, match=part.name):
            unpacking.unpack(part, taker)
        assert in_cloud(engine) == [], name
        assert unpacking.REFUSED.labels(failure.code)._value.get() == before + 1, name
    part.write_bytes(whole)
    assert unpacking.unpack(part, taker).appended == 3


def forged(
    part: Path, identity: Identity, cloud: CompanyKeys, more: bytes = b"", **changes: Any
) -> None:
    """The same contents, and perhaps more, under another header, signed by the identity's key."""
    data = part.read_bytes()
    envelopes = [*open_envelopes([data], cloud.signing_key), *([more] if more else [])]
    changes["size_bytes"] = contents_bytes(len(one) for one in envelopes)
    header = msgspec.structs.replace(read_header([data]), **changes)
    readers = [identity.cloud_public_key]
    part.write_bytes(
        b"".join(seal(header, envelopes, readers, identity.private_key, bytes(RANDOM_BYTES)))
    )


def test_a_signed_file_whose_second_envelope_is_none_changes_nothing(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine, company_keys: CompanyKeys
) -> None:
    sell(*till, 3)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    forged(part, till[1], company_keys, more=b"no envelope")
    with pytest.raises(FileDamaged):
        unpacking.unpack(part, taker)
    assert in_cloud(engine) == []


def test_a_file_of_others_changes_nothing(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine, company_keys: CompanyKeys
) -> None:
    vault, identity = till
    sell(vault, identity, 3)
    part = packing.pack(TillDepot(vault, identity), stick, now_ms=NOW_MS).written[0]
    cases: tuple[tuple[dict[str, Any], type[CourierFailure]], ...] = (
        ({"company_id": an_id(5)}, OtherCompany),
        ({"device_id": an_id(6)}, PackedByUnknown),
        ({"device_id": "../../etc"}, PackedByUnknown),
        ({"branch_id": an_id(7)}, PackedByUnknown),
        ({"role": "router"}, PackedByUnknown),
    )
    whole: dict[str, Any] = {"company_id": identity.company_id, "device_id": identity.device_id}
    whole |= {"branch_id": identity.branch_id, "role": "terminal"}
    for changes, failure in cases:
        forged(part, identity, company_keys, **changes)
        with pytest.raises(failure):
            unpacking.unpack(part, taker)
        forged(part, identity, company_keys, **whole)
    secret = replace(identity, cloud_public_key=identity.private_key.public_key())
    part = packing.pack(TillDepot(vault, secret), stick, now_ms=NOW_MS, again=True).written[0]
    with pytest.raises(FileNotForUs):
        unpacking.unpack(part, taker)
    assert in_cloud(engine) == []


def test_a_file_signed_by_another_till_in_this_ones_name_is_refused(
    till: Till, enrol: Callable[..., Till], stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    vault, identity = till
    sell(vault, identity, 2)
    thief = replace(identity, private_key=enrol("other", number=2)[1].private_key)
    part = packing.pack(TillDepot(vault, thief), stick, now_ms=NOW_MS).written[0]
    with pytest.raises(FileAltered):
        unpacking.unpack(part, taker)
    assert in_cloud(engine) == []


def test_a_revoked_devices_file_is_taken_only_when_a_person_says_so(
    till: Till, stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    sell(*till, 3)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    with engine.begin() as connection:
        connection.execute(text("UPDATE device SET status = 'revoked'"))
    with pytest.raises(PackedByRevoked):
        unpacking.unpack(part, taker)
    assert in_cloud(engine) == []
    assert unpacking.unpack(part, taker, revoked_too=True).appended == 3
    with engine.connect() as connection:
        kinds = connection.execute(text("SELECT DISTINCT kind FROM exception")).scalars().all()
    assert list(kinds) == ["device-revoked"]


def test_one_bad_file_on_a_stick_keeps_no_good_one_back(
    till: Till, stick: Path, engine: Engine
) -> None:
    sell(*till, 3)
    run("pack", "--data", till[0].folder, "--to", stick)
    (stick / "a.courier").write_bytes(b"not one of ours")
    result = run("unpack", stick, "--json")
    assert result.exit_code == 1
    assert [one["code"] for one in told(result)["refused"]] == ["courier-damaged"]
    assert len(in_cloud(engine)) == 3


def test_a_router_takes_its_tills_file_in_and_packs_it_on_with_its_custody(
    till: Till, enrol: Callable[..., Till], stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    router, router_identity = enrol("router", "router")
    with open_router(router.folder):
        pass  # Makes its tables.
    tell_router(router.folder, till[1], router_identity)
    tell_till(till[0], router_identity)
    sell(*till, 4)
    run("pack", "--data", till[0].folder, "--to", stick / "from-till")

    first = run("unpack", stick / "from-till.courier", "--data", router.folder, "--json")
    assert (first.exit_code, told(first)["appended"]) == (0, 4)
    again = told(run("unpack", stick / "from-till.courier", "--data", router.folder, "--json"))
    assert again["files"][0]["journals"][0]["outcome"] == "already"

    onward = told(run("pack", "--data", router.folder, "--to", stick / "from-router", "--json"))
    assert onward["entries"] == 4
    assert told(run("unpack", *onward["files"], "--json"))["appended"] == 4
    assert in_cloud(engine) == in_vault(till)
    with engine.connect() as connection:
        custody = connection.execute(text("SELECT custody_router::text FROM segment")).scalars()
        assert set(custody) == {router_identity.device_id}

    receipt = stick / f"{router_identity.device_id}.receipt"
    assert "the cloud has" in run("receipt", receipt, "--data", router.folder).output
    nothing = told(run("pack", "--data", router.folder, "--to", stick / "x", "--json"))
    assert nothing["entries"] == 0


def test_a_router_believes_no_receipt_of_a_timeline_that_was_left(
    till: Till,
    enrol: Callable[..., Till],
    stick: Path,
    taker: CloudTaker,
    company_keys: CompanyKeys,
) -> None:
    router, router_identity = enrol("router", "router")
    sell(*till, 2)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    words = unpacking.unpack(part, taker).receipt()
    assert words is not None
    with open_router(router.folder) as depot:
        tell_router(router.folder, till[1], router_identity)
        key = company_keys.signing_key
        restored_at_ms = words.marks[0].at_ms + 1
        with router.writer() as db:
            store.set_since(db, sign_timeline(key, an_id(4), restored_at_ms))
        tell_till(till[0], router_identity)
        again = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS, again=True).written[0]
        unpacking.unpack(again, depot)
        assert depot.take_receipt(words.marks) == 0
        head = words.marks[0].head.to_head()
        later = sign_watermark(key, "cloud", words.marks[0].terminal, head, restored_at_ms)
        assert depot.take_receipt([later]) == 1


def test_a_second_line_that_a_router_keeps_travels_too(
    till: Till, enrol: Callable[..., Till], stick: Path, taker: CloudTaker, engine: Engine
) -> None:
    """Two machines with one identity: both sell, neither has a network, no sale is lost."""
    vault, identity = till
    sell(vault, identity, 2)
    vault.close()
    shutil.copytree(vault.folder, stick.with_name("clone"))
    router, router_identity = enrol("router", "router")
    with open_router(router.folder) as depot:
        tell_router(router.folder, identity, router_identity)
        for folder, sold in ((vault.folder, 1), (stick.with_name("clone"), 2)):
            machine = Vault.open(folder)
            tell_till(machine, router_identity)
            for _ in range(sold):
                with machine.writer() as db:
                    fact = a_sale(sold * 50 + journal.head(db).seq)
                    journal.append(db, identity, fact, NOW_MS)
            place = stick / folder.name
            place.mkdir()
            packed = packing.pack(TillDepot(machine, identity), place, now_ms=NOW_MS)
            unpacking.unpack(packed.written[0], depot)
            machine.close()
        onward = packing.pack(depot, stick, now_ms=NOW_MS).written
    outcomes = [
        one.outcome for path in onward for one in unpacking.unpack(path, taker).outcomes.values()
    ]
    assert outcomes == ["fork"]
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT sum(last_seq) FROM fork_segment")).scalar_one()
    assert (len(in_cloud(engine)), kept) == (3, 4)


def test_a_router_refuses_what_is_not_its_branchs(
    till: Till, enrol: Callable[..., Till], stick: Path
) -> None:
    router, router_identity = enrol("router", "router")
    sell(*till, 2)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    with open_router(router.folder) as depot:
        with pytest.raises(PackedByUnknown):
            unpacking.unpack(part, depot)
        tell_router(router.folder, till[1], router_identity, revoked=True)
        with pytest.raises(PackedByRevoked):
            unpacking.unpack(part, depot)
        tell_router(router.folder, till[1], router_identity)
        with pytest.raises(FileNotForUs):
            unpacking.unpack(part, depot)
        elsewhere = replace(till[1], branch_id=an_id(9))
        part = packing.pack(
            TillDepot(till[0], elsewhere), stick, now_ms=NOW_MS, again=True
        ).written[0]
        with pytest.raises(OtherBranch):
            unpacking.unpack(part, depot)
        assert depot.starts() == {}


def test_a_till_that_says_it_is_a_router_is_nobody_that_a_router_knows(
    till: Till, enrol: Callable[..., Till], stick: Path, company_keys: CompanyKeys
) -> None:
    router, router_identity = enrol("router", "router")
    sell(*till, 2)
    part = packing.pack(TillDepot(*till), stick, now_ms=NOW_MS).written[0]
    tell_router(router.folder, till[1], router_identity)
    forged(part, till[1], company_keys, role="router")
    with open_router(router.folder) as depot, pytest.raises(PackedByUnknown):
        unpacking.unpack(part, depot)


def test_a_till_takes_no_file_in(till: Till, stick: Path) -> None:
    result = run("unpack", stick, "--data", till[0].folder)
    assert isinstance(result.exception, NotUnpackedHere)


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
