"""The hash chain: any change, removal, exchange or insertion breaks it at the first place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sentra.protocol.entry import EMPTY, Entry, Head, entry_hash, first_broken, head_of, make_entry
from tests.unit.protocol.shapes import TERMINAL, chained, fact_lists, facts, some


@given(fact_lists)
def test_entries_made_one_after_the_other_chain(parts: list) -> None:  # type: ignore[type-arg]
    entries = chained(parts)
    assert first_broken(entries, EMPTY) is None
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


@given(fact_lists, st.data())
def test_a_change_in_any_field_is_found_at_its_entry(parts: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    entries = chained(parts)
    at = data.draw(st.integers(0, len(entries) - 1))
    old = entries[at]
    changed = data.draw(
        st.sampled_from(
            [
                replace(old, kind=old.kind + "x"),
                replace(old, schema=old.schema ^ 1),
                replace(old, recorded_at_ms=old.recorded_at_ms ^ 1),
                replace(old, business_date="1" + old.business_date[1:] + "")
                if old.business_date[0] != "1"
                else replace(old, business_date="2" + old.business_date[1:]),
                replace(old, body=old.body + b"\x00"),
                replace(old, hash=bytes([old.hash[0] ^ 1]) + old.hash[1:]),
                replace(old, terminal="01980000-0000-7000-8000-00000000000b"),
            ]
        )
    )
    entries[at] = changed
    assert first_broken(entries, EMPTY) == changed


@given(fact_lists.filter(lambda parts: len(parts) > 2), st.data())
def test_a_missing_entry_breaks_the_chain_at_the_next(parts: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    entries = chained(parts)
    at = data.draw(st.integers(0, len(entries) - 2))
    del entries[at]
    assert first_broken(entries, EMPTY) == entries[at]


@given(fact_lists.filter(lambda parts: len(parts) > 1), st.data())
def test_exchanged_entries_break_the_chain(parts: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    entries = chained(parts)
    at = data.draw(st.integers(0, len(entries) - 2))
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    assert first_broken(entries, EMPTY) == entries[at]


@given(facts, facts)
def test_two_different_facts_never_share_a_hash(one: tuple, other: tuple) -> None:  # type: ignore[type-arg]
    first, second = chained([one])[0], chained([other])[0]
    assert (first.hash == second.hash) == (one == other)


def test_a_new_epoch_starts_at_one_and_chains_to_the_old() -> None:
    old = some(3)
    new = chained([("k", 1, 1, "2026-11-22", b"x")] * 2, Head(2, 0, old[-1].hash))
    assert first_broken([*old, *new], EMPTY) is None
    assert (new[0].epoch, new[0].seq) == (2, 1)


def test_an_epoch_never_goes_back() -> None:
    old = some(1, head=Head(2, 0, bytes(32)))
    back = make_entry(TERMINAL, Head(1, 0, old[-1].hash), "k", 1, 1, "2026-11-22", b"")
    assert first_broken([*old, back], Head(2, 0, bytes(32))) == back


def test_a_chain_continues_from_any_head() -> None:
    entries = some(5)
    assert first_broken(entries[2:], head_of(entries[1])) is None
    assert first_broken(entries[2:], head_of(entries[0])) == entries[2]
    assert first_broken([], head_of(entries[0])) is None


def test_the_hash_is_what_it_was_in_every_version() -> None:
    digest = entry_hash(
        bytes.fromhex(TERMINAL.replace("-", "")),
        1,
        1,
        b"sale.completed",
        1,
        1_790_000_000_000,
        b"2026-11-22",
        b'{"a":1}',
        bytes(32),
    )
    assert digest == some(1)[0].hash
    assert digest.hex() == "51a58a7eed8251d73ddde35b79af1c6650e27fc982f2cabf63beb02c677917ab"


def test_the_kind_and_the_body_cannot_borrow_from_each_other() -> None:
    def made(kind: str, body: bytes) -> Entry:
        return chained([(kind, 1, 1, "2026-11-22", body)])[0]

    assert made("ab", b"c").hash != made("a", b"bc").hash
