"""A new router: a journal begins where the cloud has come to, or where its till's memory does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.status.queries import status
from router_agent.verify import prove
from sentra.link.errors import LinkRefused
from sentra.protocol.entry import EMPTY, Head, head_of
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import Base, HeadNote, Watermark, note_of, sign_watermark
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import ROUTER_ID, a_hello, now_ms
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


@pytest.mark.parametrize("come_back", [6, 10])
def test_what_the_cloud_lacks_and_nobody_can_send_again_rests_and_holds_nobody_up(
    served: Running, journal: Journal, other: Journal, until: Callable[..., None], come_back: int
) -> None:
    """The cloud was restored, and has not yet taken its archive back in."""
    cloud, trunk = served.cloud, served.router.trunk
    journal.sell(10)
    link = served.link(journal)
    link.hello(a_hello(journal, bases=base_of(journal, 6, 8)))
    link.send([Parcel(journal.sealed(7, 10))])
    until(lambda: trunk.state.set_aside == {journal.terminal: "gap"})
    for seq in range(1, 6):
        other.sell(1)
        served.link(other).send([Parcel(other.sealed(seq, seq))])
        until(lambda sold=seq: cloud.count(other.terminal) == sold)
    assert cloud.custody.count(ROUTER_ID) < 5 + 4, "it was sent again and again"
    told = next(till for till in status(served.router).tills if till.name == "Kasir 1")
    assert told.set_aside == "gap"

    cloud.have(journal, journal.sealed(1, come_back))
    trunk.try_now()
    until(lambda: cloud.count(journal.terminal) == 10)
    until(lambda: not trunk.state.set_aside)


def has_word(
    journal: Journal, seq: int, key: Ed25519PrivateKey = CLOUD_KEY
) -> dict[str, Watermark]:
    """The cloud's word on how far it has a journal, as the terminal carries it."""
    head = head_of(journal.entries[seq - 1])
    return {journal.terminal: sign_watermark(key, "cloud", journal.terminal, head, now_ms())}


def test_a_new_router_is_sent_what_the_cloud_does_not_have(
    served: Running, journal: Journal, until: Callable[..., None]
) -> None:
    journal.sell(10)
    first = [journal.sealed(1, 4), journal.sealed(5, 6)]
    served.cloud.have(journal, *first)
    link = served.link(journal)
    answer = link.hello(a_hello(journal, cloud=has_word(journal, 6)))
    assert answer.here[journal.terminal].to_head() == head_of(journal.entries[5])
    sent = link.send([Parcel(journal.sealed(7, 10))])
    assert (sent.outcomes[0].outcome, sent.outcomes[0].here.seq) == ("appended", 10)
    until(lambda: served.cloud.count(journal.terminal) == 10)
    until(lambda: status(served.router).waiting.entries == 0)
    served.router.stop()
    assert [proof.problems for proof in prove(served.folder)] == [(), ()]
    served.start()


def test_nobody_but_the_cloud_says_what_the_cloud_has(
    served: Running, journal: Journal, other: Journal
) -> None:
    journal.sell(4)
    other.sell(4)
    link = served.link(journal)
    forged = has_word(journal, 4, Ed25519PrivateKey.generate())
    of_another = {journal.terminal: has_word(other, 4)[other.terminal]}
    for words in (forged, of_another, has_word(other, 4)):
        answer = link.hello(a_hello(journal, cloud=words))
        assert answer.here[journal.terminal].to_head() == EMPTY
    odd = {journal.terminal: Watermark("cloud", journal.terminal, HeadNote(0, 1, "z"), 1, "")}
    with pytest.raises(LinkRefused) as refused:
        link.hello(a_hello(journal, cloud=odd))
    assert refused.value.slug == "malformed"


def test_what_is_not_here_a_router_fetches_from_the_cloud_for_its_terminal(
    served: Running, journal: Journal, other: Journal
) -> None:
    journal.sell(10)
    sealed = [journal.sealed(1, 4), journal.sealed(5, 6), journal.sealed(7, 10)]
    served.cloud.have(journal, *sealed[:2])
    link = served.link(journal)
    link.hello(a_hello(journal, cloud=has_word(journal, 6)))
    link.send([Parcel(sealed[2])])
    assert link.journal(EMPTY).sealed[:2] == sealed[:2], "the beginning comes from the cloud"
    assert link.journal(head_of(journal.entries[5])).sealed == sealed[2:], "the rest is here"
    assert link.journal(EMPTY, of_cloud=True).sealed[:2] == sealed[:2]
    assert served.link(other).journal(EMPTY, of_cloud=True).sealed == [], "everybody's own alone"
    assert link.journal(EMPTY, of_cloud=True, terminal=other.terminal).sealed[:2] == sealed[:2]
    served.cloud.down = True
    assert link.journal(EMPTY).sealed == sealed[2:], "what is here, which says that more is missing"
    with pytest.raises(LinkRefused) as refused:
        link.journal(EMPTY, of_cloud=True)
    assert (refused.value.slug, refused.value.problem.status) == ("cloud-unasked", 503)
    assert refused.value.problem.retry


@pytest.mark.parametrize("first", [7, 5], ids=["behind_the_base", "over_the_base"])
def test_of_the_cloud_a_terminal_is_given_no_more_than_leads_to_the_line_that_is_here(
    served: Running, journal: Journal, first: int
) -> None:
    """Two machines with one identity: behind the base the cloud has one line, this router the
    other. A page that went on with the cloud's would never come to the head that is here."""
    journal.sell(6)
    clone = Journal(journal.number)
    clone.sell(6)
    clone.sell(4, amount=9_999)
    journal.sell(2)
    beginning = [journal.sealed(1, 4), journal.sealed(5, 6)]
    served.cloud.have(journal, *beginning)
    link = served.link(journal)
    link.hello(a_hello(journal, cloud=has_word(journal, 6)))
    served.cloud.have(journal, journal.sealed(7, 8))
    served.cloud.sealed[journal.terminal][2:] = [journal.sealed(first, 8)]
    link.send([Parcel(clone.sealed(7, 10))])
    page = link.journal(EMPTY)
    assert (page.head, page.sealed) == (clone.head, beginning)
    assert link.journal(head_of(clone.entries[5])).sealed == [clone.sealed(7, 10)]


def test_where_the_cloud_has_a_segment_that_reaches_over_the_base_it_is_given(
    served: Running, journal: Journal
) -> None:
    journal.sell(10)
    in_cloud = [journal.sealed(1, 4), journal.sealed(5, 8)]
    served.cloud.have(journal, *in_cloud)
    link = served.link(journal)
    link.hello(a_hello(journal, cloud=has_word(journal, 6)))
    assert link.send([Parcel(journal.sealed(7, 10))]).outcomes[0].outcome == "appended"
    assert link.journal(EMPTY).sealed == in_cloud[:1]
    assert link.journal(head_of(journal.entries[3])).sealed == in_cloud[1:]
