"""What a router remembers of its tills, and what it passes on to the cloud."""

from __future__ import annotations

import msgspec

from router_agent.outbound.roll_call import RollCall
from sentra.protocol.messages import PROTOCOLS, Hello
from sentra.vault.database import Vault
from tests.support.journals import START_MS, an_id

TILL = an_id(800_001)


def _hello(**feed: int) -> Hello:
    return Hello(
        software="0.1.0",
        protocols=PROTOCOLS,
        clock_ms=START_MS + 40,
        heads={},
        timeline="",
        feed=feed,
    )


def test_a_till_s_words_are_passed_on_with_their_age(vault: Vault) -> None:
    roll_call = RollCall(vault)
    roll_call.note_hello(TILL, _hello(company=3), START_MS)
    note = roll_call.notes(START_MS + 7_000)[TILL]
    assert (note.software, note.heard_ms_ago, note.skew_ms) == ("0.1.0", 7_000, 40)
    assert note.feed == {"company": 3}


def test_only_a_change_of_decisions_is_news(vault: Vault) -> None:
    roll_call = RollCall(vault)
    assert roll_call.note_hello(TILL, _hello(company=3), START_MS)
    assert not roll_call.note_hello(TILL, _hello(company=3), START_MS + 1)
    assert roll_call.note_hello(TILL, _hello(company=4), START_MS + 2)


def test_a_till_that_has_not_spoken_since_the_start_is_not_passed_on(vault: Vault) -> None:
    before = RollCall(vault)
    before.note_hello(TILL, _hello(company=3), START_MS)
    with vault.writer() as db:
        before.write(db)
    again = RollCall(vault)
    assert TILL in again.all()
    assert again.notes(START_MS + 1) == {}


def test_numbers_and_words_without_end_are_cut_to_what_the_disk_takes(vault: Vault) -> None:
    calls = RollCall(vault)
    hello = msgspec.structs.replace(
        _hello(company=2**70), clock_ms=-(2**80), rtt_ms=2**90, software="x" * 60_000
    )
    calls.note_hello(TILL, hello, START_MS)
    with vault.writer() as db:
        calls.write(db)
    assert len(RollCall(vault).all()[TILL].software) == 80
