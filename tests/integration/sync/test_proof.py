"""Till, router and cloud count the same entries, and say where they are equal and where not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, text

from router_agent.operations.take import take_parcels
from router_agent.outbound import store
from router_agent.outbound.proofs import Proofs
from router_agent.outbound.schema import ROOMS
from sentra.cloud import proofs
from sentra.cloud.proofs import Difference, ProofStatus
from sentra.events import ShiftClosed
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel, pack
from sentra.protocol.messages import Hello, HelloAnswer, ProofNote, note_of, sign_proof
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity
from sentra.vault.proof import proof_note
from syncd.daemon.operations.proving import LOOK_EVERY_MS, Prover
from tests.integration.sync.conftest import TestDevice
from tests.integration.sync.requests import a_hello
from tests.present import NOW_MS
from tests.support.journals import DAY, an_id
from tests.support.tills import a_till, an_identity, sell


def a_close(vault: Vault, sales: int) -> ShiftClosed:
    with vault.reader() as db:
        last = journal.head(db)
    return ShiftClosed(
        shift_id=an_id(910_000 + last.seq),
        cashier_id=an_id(900_001),
        cashier_name="Dewi",
        currency="IDR",
        closed_at_ms=NOW_MS,
        business_date=DAY,
        sale_count=sales,
        refund_count=0,
        void_count=0,
        total=sales * 4_500,
        rounding=0,
        tenders=(),
        expected_cash=sales * 4_500,
        counted_cash=sales * 4_500,
        difference=0,
        denominations=(),
        last_hash=last.hash.hex(),
    )


@dataclass
class Branch:
    """A till, its router and the cloud, all of production code, and the lines between them."""

    engine: Engine
    till: TestDevice
    vault: Vault
    identity: Identity
    router: TestDevice
    router_vault: Vault
    router_identity: Identity
    tick_ms: int = 0

    def __post_init__(self) -> None:
        self.prover = Prover(self.till.id, self.count)
        self.proofs = Proofs(self.router_vault)

    def count(self, base: Head, now_ms: int) -> ProofNote | None:
        with self.vault.reader() as db:
            return proof_note(db, self.identity, base, now_ms)

    def close_shift(self, sales: int) -> None:
        sell(self.vault, self.identity, sales)
        fact = a_close(self.vault, sales)
        with self.vault.writer() as db:
            journal.append(db, self.identity, fact, NOW_MS)
            journal.seal_pending(db, self.identity)

    def send(self) -> None:
        """Everything up, to the router and to the cloud."""
        with self.vault.reader() as db:
            found = journal.parcels_after(db, EMPTY, 10**9, 1_000)
        parcels = [Parcel(sealed) for _, sealed in found]
        with self.router_vault.writer() as db:
            key = self.till.key.public_key()
            taken, _ = take_parcels(parcels, lambda _: key, lambda one: store.head_of(db, one))
            store.keep(db, taken, NOW_MS)
        assert self.till.post("/v1/journal", pack(parcels)).status_code == 200

    def say(self, speaker: TestDevice, notes: tuple[ProofNote, ...]) -> HelloAnswer:
        answered = speaker.post("/v1/hello", a_hello(speaker, proofs=notes))
        assert answered.status_code == 200, answered.text
        return msgspec.json.decode(answered.data, type=HelloAnswer)

    def greet(self) -> tuple[ProofNote, ...]:
        """The till greets its router, the router the cloud; what the till said."""
        self.tick_ms += LOOK_EVERY_MS
        said = self.prover.notes(NOW_MS, self.tick_ms)
        hello = msgspec.json.decode(a_hello(self.till, proofs=said), type=Hello)
        self.proofs.hear(self.till.id, hello)
        answer = self.say(self.router, self.proofs.notes(self.router_identity, NOW_MS))
        self.proofs.learn(answer.proved)
        self.prover.note_answer(
            msgspec.structs.replace(answer, proved=self.proofs.proved(self.till.id))
        )
        return said

    def compare(self) -> str:
        with self.engine.begin() as connection:
            for one in proofs.due(connection, NOW_MS):
                return proofs.compare(connection, *one, NOW_MS)
        return "none"

    def status(self) -> ProofStatus:
        with self.engine.connect() as connection:
            return proofs.read_proof(connection, self.till.branch_id, self.till.id)


@pytest.fixture
def branch_of_three(
    tmp_path: Path,
    engine: Engine,
    terminal: TestDevice,
    router: TestDevice,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Branch]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    own = {"device_id": terminal.id, "branch_id": terminal.branch_id, "private_key": terminal.key}
    vault, identity = a_till(tmp_path / "till", 1, **own)
    there = Vault.create(tmp_path / "router", "router", ROOMS)
    box = replace(an_identity(1), device_id=router.id, role="router", private_key=router.key)
    with there.writer() as db:
        write_identity(db, box)
    made = Branch(engine, terminal, vault, identity, router, there, box)
    sell(vault, identity, 1)
    with vault.writer() as db:
        journal.seal_pending(db, identity)
    made.send()
    yield made
    vault.close()
    there.close()


def test_at_a_shifts_close_till_router_and_cloud_are_proved_equal(branch_of_three: Branch) -> None:
    branch = branch_of_three
    assert branch.status() == proofs.NOTHING
    assert branch.greet() == (), "nobody said yet that the cloud proves"
    branch.close_shift(3)
    branch.send()
    (said,) = branch.greet()
    assert (said.entries, said.tenders, said.base) == (5, {"cash": 18_000}, note_of(EMPTY))
    assert branch.compare() == "equal"
    status = branch.status()
    assert (status.seq, status.entries, status.tenders) == (5, 5, {"cash": 18_000})
    assert (status.places, status.difference) == (("till", "router", "cloud"), None)
    assert branch.greet(), "it does not know yet that this is proved"
    assert branch.status().waits is None, "what is proved waits no more"
    assert branch.greet() == (), "what is proved is said no more"
    assert branch.compare() == "none"


def test_the_next_shift_is_proved_from_where_the_last_one_ended(branch_of_three: Branch) -> None:
    branch = branch_of_three
    branch.greet()
    for sales in (2, 3):
        branch.close_shift(sales)
        branch.send()
        branch.greet()
        assert branch.compare() == "equal"
        branch.greet()
    status = branch.status()
    assert (status.seq, status.entries, status.tenders) == (8, 8, {"cash": 27_000})


def test_a_stretch_waits_until_the_cloud_has_its_entries(branch_of_three: Branch) -> None:
    branch = branch_of_three
    branch.greet()
    branch.close_shift(2)
    branch.greet()
    assert branch.compare() == "waiting"
    branch.send()
    with branch.engine.begin() as connection:
        later = NOW_MS + proofs.AGAIN_MS
        assert proofs.due(connection, NOW_MS) == []
        (one,) = proofs.due(connection, later)
        assert proofs.compare(connection, *one, later) == "equal"
    assert branch.status().places == ("till", "cloud"), "the router did not have them either"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE journal_entry SET recorded_at_ms = recorded_at_ms + 1 WHERE seq = 2", "hash"),
        ("DELETE FROM journal_entry WHERE seq = 2", "entries"),
        (
            "UPDATE journal_entry SET body = convert_to(replace(convert_from(body, 'UTF8'),"
            " '4500,\"received\"', '4501,\"received\"'), 'UTF8')"
            " WHERE seq = 2",
            "cash",
        ),
    ],
)
def test_a_difference_is_named_and_raised_once_and_goes_when_it_is_mended(
    branch_of_three: Branch, change: str, what: str
) -> None:
    branch = branch_of_three
    branch.greet()
    branch.close_shift(3)
    branch.send()
    branch.greet()
    with branch.engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT * FROM journal_entry"))
        assert connection.execute(text(change)).rowcount == 1
    assert branch.compare() == "different"
    found = branch.status().difference
    assert isinstance(found, Difference)
    assert (found.place, found.what, found.after, found.up_to) == ("till", what, "1/0", "1/5")
    with branch.engine.begin() as connection:
        (one,) = proofs.due(connection, NOW_MS + proofs.AGAIN_MS)
        assert proofs.compare(connection, *one, NOW_MS) == "different"
        kinds = connection.execute(text("SELECT kind FROM exception")).scalars().all()
        assert kinds == ["proof-different"]
        connection.execute(text("DELETE FROM journal_entry"))
        connection.execute(text("INSERT INTO journal_entry SELECT * FROM kept"))
        assert proofs.compare(connection, *one, NOW_MS) == "equal"
    assert branch.status().difference is None


def test_a_routers_own_count_that_differs_is_the_routers(branch_of_three: Branch) -> None:
    branch = branch_of_three
    branch.greet()
    branch.close_shift(2)
    branch.send()
    (said,) = branch.prover.notes(NOW_MS, LOOK_EVERY_MS * 9)
    wrong = msgspec.structs.replace(said, by=branch.router.id, entries=2)

    branch.say(branch.router, (said, sign_proof(branch.router.key, wrong)))
    assert branch.compare() == "different"
    found = branch.status().difference
    assert found is not None
    assert (found.place, found.what, found.said, found.counted) == ("router", "entries", "2", "4")


def test_what_a_till_did_not_sign_is_passed_over(branch_of_three: Branch) -> None:
    branch = branch_of_three
    branch.greet()
    branch.close_shift(2)
    branch.send()
    (said,) = branch.prover.notes(NOW_MS, LOOK_EVERY_MS * 9)
    forged = msgspec.structs.replace(said, entries=9)
    strangers = msgspec.structs.replace(said, terminal=an_id(5), by=an_id(5))
    odd = msgspec.structs.replace(said, tenders={"\0": 1})
    nowhere = msgspec.structs.replace(said, terminal="x", by="x")
    branch.say(branch.router, (forged, strangers, odd, nowhere))
    assert branch.compare() == "none"
    assert branch.status() == proofs.NOTHING


def test_without_a_closed_shift_a_day_is_proved(branch_of_three: Branch) -> None:
    branch = branch_of_three
    sell(branch.vault, branch.identity, 2)
    with branch.vault.reader() as db:
        (stored,) = db.execute("SELECT min(stored_at_ms) FROM journal_entry").fetchone()
    day = 24 * 60 * 60 * 1000
    assert branch.count(EMPTY, stored + day - 1) is None
    note = branch.count(EMPTY, stored + day)
    assert note is not None
    assert (note.entries, note.head.seq) == (3, 3)
    assert branch.count(note.head.to_head(), stored + 9 * day) is None
    assert branch.count(Head(1, 2, bytes(32)), stored + 9 * day) is None
