"""A router that is new to a till which forgot its oldest entries: the journal begins there."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.verify import prove
from sentra.link.errors import LinkRefused
from sentra.protocol.entry import Head, head_of
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import Base, HeadNote, note_of, sign_watermark
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import a_hello, now_ms
from tests.support.journals import Journal
from tests.support.tills import CLOUD_KEY


def base_of(
    journal: Journal, base: int, archived: int, key: Ed25519PrivateKey = CLOUD_KEY
) -> dict[str, Base]:
    """The terminal's word on where it begins, with the cloud's on what is archived."""
    end = head_of(journal.entries[archived - 1])
    mark = sign_watermark(key, "archived", journal.terminal, end, now_ms())
    return {journal.terminal: Base(note_of(head_of(journal.entries[base - 1])), mark)}


def test_it_begins_behind_the_base_and_what_it_holds_is_proved(
    served: Running, journal: Journal
) -> None:
    journal.sell(10)
    link = served.link(journal)
    answer = link.hello(a_hello(journal, bases=base_of(journal, 6, 8)))
    assert answer.here[journal.terminal].seq == 6
    sent = link.send([Parcel(journal.sealed(7, 8)), Parcel(journal.sealed(9, 10))])
    assert (sent.outcomes[0].outcome, sent.outcomes[0].here.seq) == ("appended", 10)
    assert link.send([Parcel(journal.sealed(5, 6))]).outcomes[0].outcome == "already"
    again = link.hello(a_hello(journal, bases=base_of(journal, 6, 8)))
    assert again.here[journal.terminal].seq == 10, "what is here stays"
    served.router.stop()
    assert [proof.problems for proof in prove(served.folder)] == [(), ()]
    served.start()


def test_a_base_without_the_clouds_word_for_it_changes_nothing(
    served: Running, journal: Journal
) -> None:
    journal.sell(10)
    link = served.link(journal)
    for bases in (
        base_of(journal, 6, 5),
        base_of(journal, 6, 8, Ed25519PrivateKey.generate()),
    ):
        answer = link.hello(a_hello(journal, bases=bases))
        assert answer.here[journal.terminal] == note_of(Head(1, 0, bytes(32)))
    assert link.send([Parcel(journal.sealed(7, 8))]).outcomes[0].outcome == "gap"


def test_a_base_that_is_no_head_is_refused(served: Running, journal: Journal) -> None:
    journal.sell(2)
    mark = base_of(journal, 1, 2)[journal.terminal].mark
    odd = {journal.terminal: Base(HeadNote(0, -1, "zz"), mark)}
    with pytest.raises(LinkRefused) as refused:
        served.link(journal).hello(a_hello(journal, bases=odd))
    assert refused.value.slug == "malformed"
