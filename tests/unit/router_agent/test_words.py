"""What the cloud signed is kept for the tills; after a restore its new words take their place."""

from __future__ import annotations

from router_agent.operations.trunk import note_hello
from router_agent.outbound import store
from router_agent.outbound.shelf import VaultShelf
from sentra.protocol.messages import HelloAnswer, note_of, sign_timeline, sign_watermark
from sentra.vault.database import Vault
from tests.support.journals import Journal
from tests.support.tills import CLOUD_KEY, an_identity


def hear(vault: Vault, journal: Journal, at_ms: int, since_ms: int) -> list[int]:
    """A hello of a cloud that has all of a journal and archived it; when the words that are kept
    for its till were signed."""
    own = journal.terminal
    cloud, archived = (
        {own: sign_watermark(CLOUD_KEY, name, own, journal.head, at_ms)}
        for name in ("cloud", "archived")
    )
    answer = HelloAnswer(
        protocol=1,
        software="test",
        clock_ms=0,
        timeline=str(since_ms),
        here={own: note_of(journal.head)},
        cloud=cloud,
        archived=archived,
        feed={},
        segment_bytes_max=1,
        envelope_bytes_max=1,
        since=sign_timeline(CLOUD_KEY, str(since_ms), since_ms),
    )
    shelf = VaultShelf(vault, an_identity(9, role="router"), decided=lambda: None)
    note_hello(answer, shelf, CLOUD_KEY.public_key(), ())
    with vault.reader() as db:
        kept = store.journal(db, own)
    assert kept is not None
    return [0 if one is None else one.at_ms for one in (kept.watermark, kept.archived)]


def test_words_of_a_timeline_that_was_left_are_replaced_although_they_say_the_same(
    vault: Vault,
) -> None:
    journal = Journal()
    journal.sell(3)
    assert hear(vault, journal, 10, since_ms=5) == [10, 0], "the journal is known from now on"
    assert hear(vault, journal, 20, since_ms=5) == [10, 20]
    assert hear(vault, journal, 21, since_ms=5) == [10, 20]
    assert hear(vault, journal, 30, since_ms=25) == [30, 30]
    assert hear(vault, journal, 40, since_ms=25) == [30, 30]
