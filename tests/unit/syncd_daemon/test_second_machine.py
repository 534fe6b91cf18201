"""A line is believed only where it is proved, and never where a second machine wrote it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.protocol.entry import EMPTY, Head, head_of
from sentra.protocol.errors import ProtocolError, SignatureWrong
from sentra.protocol.journal_page import PageDamaged
from sentra.protocol.messages import sign_watermark, watermark_is_true
from sentra.vault import journal, watermarks
from syncd.daemon.operations.greet import (
    FORK,
    JOURNAL_BEHIND,
    evidence_for,
)
from syncd.daemon.operations.greet import TIMELINE as TIMELINE_MARK
from syncd.daemon.operations.ports import CLOUD, ROUTER, Talk
from syncd.daemon.operations.restore import ask
from syncd.daemon.operations.send import send_aside
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.memory_store import MemoryStore
from tests.support.journals import START_MS
from tests.support.tills import CLOUD_KEY, an_identity
from tests.unit.syncd_daemon.machines import (
    CLOUD_PUBLIC,
    TERMINAL,
    Machine,
    a_loss,
    copy_of,
    put_back,
)

ROUTER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x09")


def test_a_router_that_knows_less_shows_the_clouds_word_and_the_cloud_is_asked(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    head = cloud.head(TERMINAL)
    router.marks[TERMINAL] = sign_watermark(CLOUD_KEY, CLOUD, TERMINAL, head, START_MS)
    talk = machine.greet(ROUTER, router)
    assert (talk.notice, talk.doubt) == (None, head)
    router.marks[TERMINAL] = sign_watermark(ROUTER_KEY, CLOUD, TERMINAL, head, START_MS)
    assert not machine.greet(ROUTER, router).doubt, "nobody else's word is worth a question"
    machine.meet(router=router, cloud=cloud)
    assert machine.numbers() == [1, 2, 3, 4, 5]
    machine.vault.close()


def test_a_line_that_does_not_come_to_the_signed_entry_is_not_the_clouds(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    there = cloud.head(TERMINAL)
    other = Head(there.epoch, there.seq, bytes(32))
    with pytest.raises(PageDamaged):
        ask(CLOUD, cloud, other, machine.shelf)
    assert ask(CLOUD, cloud, cloud.head(TERMINAL), machine.shelf).line is not None
    machine.vault.close()


def test_only_a_router_that_holds_nothing_is_shown_the_clouds_word(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2, 3)
    empty = machine.greet(ROUTER, router)
    assert evidence_for(empty, machine.shelf) == {}, "the cloud has said nothing yet"
    machine.send(CLOUD, cloud)
    machine.greet(CLOUD, cloud)
    (mark,) = evidence_for(empty, machine.shelf).values()
    assert (mark.name, mark.terminal, mark.head.to_head()) == (
        CLOUD,
        TERMINAL,
        machine.shelf.head(),
    )
    assert watermark_is_true(mark, CLOUD_PUBLIC)
    assert evidence_for(Talk(CLOUD), machine.shelf) == {}
    machine.send(ROUTER, router)
    assert evidence_for(machine.greet(ROUTER, router), machine.shelf) == {}
    with machine.vault.writer() as db:
        watermarks.reset_watermark(db, TIMELINE_MARK, EMPTY, mark.at_ms + 1, "")
    assert evidence_for(empty, machine.shelf) == {}, "said on a timeline that is gone"
    machine.vault.close()


def test_a_line_that_goes_on_from_what_this_program_wrote_is_another_machines(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2, 3)
    machine.send(CLOUD, cloud)
    other = Machine.start(copy_of(machine, "clone"))
    other.sell(50)
    other.send(CLOUD, cloud)
    machine.began = EMPTY
    machine.sell(4)
    outcome = machine.meet(cloud=cloud)
    assert outcome.done is None
    assert outcome.clone is not None
    assert outcome.clone.parted.seq == 3
    assert machine.numbers() == [1, 2, 3, 4], "the other machine's sales are not taken up"
    other.vault.close()


def test_what_a_copy_has_sent_already_keeps_nothing_back(
    machines: Callable[[], Machine], cloud: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEAL_ENTRIES_MAX", 2)
    machine = machines()
    machine.sell(1, 2, 3, 4, 5)
    other = Machine.start(copy_of(machine, "clone"))
    other.send(CLOUD, cloud)
    machine.sell(6)
    machine.send(CLOUD, cloud)
    assert cloud.head(TERMINAL) == machine.shelf.head(), "in one turn, however much is unsealed"
    other.vault.close()


def test_the_second_machines_line_is_sent_to_the_fork_lane_to_its_end(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2)
    machine.send(CLOUD, cloud)
    other = Machine.start(copy_of(machine, "clone"))
    other.sell(50)
    other.send(CLOUD, cloud)
    machine.sell(3, 4)
    talk = machine.greet(CLOUD, cloud)
    assert talk.notice in (FORK, JOURNAL_BEHIND)
    machine.shelf.note_fork(0, START_MS)
    talk.aside = Head(1, 2, head_of(cloud.journals[TERMINAL][1]).hash)
    sent = send_aside(cloud, machine.shelf, talk, START_MS)
    assert sent is not None
    assert (sent.outcome, sent.moved) == ("fork", True)
    assert send_aside(cloud, machine.shelf, talk, START_MS) is None
    machine.sell(5)
    assert send_aside(cloud, machine.shelf, talk, START_MS) is not None
    assert machine.shelf.is_forked()
    other.vault.close()


def test_a_line_that_another_key_signed_is_not_believed(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    thief = VaultShelf(
        machine.vault,
        an_identity(private_key=Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x07")),
    )
    with pytest.raises(SignatureWrong):
        ask(CLOUD, cloud, cloud.head(TERMINAL), thief)
    assert machine.numbers() == [1, 2, 3]
    machine.vault.close()


def test_a_store_that_never_comes_to_its_head_is_not_believed(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    with pytest.raises(ProtocolError):
        ask(CLOUD, cloud, Head(1, 99, bytes(32)), machine.shelf)
    machine.vault.close()
