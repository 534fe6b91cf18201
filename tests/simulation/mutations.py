"""Deliberate bugs, each a change of the production code that the simulation has to find.

`seeds` is within how many seeds from 1 it must show. What a bug does to the world decides how rare
it is: some need a power cut at one of two commits, or an answer that is lost at the wrong moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace
from pytest import MonkeyPatch

from pos_shell.payment import actions as payment
from pos_shell.receipt import numbers
from pos_shell.sale.store import keep_cart, load_cart
from pos_shell.till import Till
from router_agent.outbound import store as held
from sentra.domain.receipt_number import next_receipt_number
from sentra.events import FACTS, RefundCompleted
from sentra.projection import rollups, rows
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.segment import SegmentHeader, peek
from sentra.vault import catalogue, entries, epochs, journal, watermarks
from sentra.vault import verify as proof
from syncd.daemon.inbound.turn import Turner
from syncd.daemon.operations import greet, restore
from syncd.daemon.outbound.shelf import VaultShelf
from syncd.service.inbound import feed as feed_view
from syncd.service.inbound import own_journal
from syncd.service.operations import append, journals, project
from syncd.service.outbound import copy_format
from syncd.service.outbound.journal_store import JournalStore
from syncd.service.outbound.threads import Lane
from tests.simulation import carried

COMMITS_BETWEEN: Final = 8
"""So many chances for the power to go in the middle of what should be one commit."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One bug. `found` are the invariants of which one must be named, `likely` the seed that found
    it when this was written: it is tried first, which spares the others."""

    name: str
    apply: Callable[[MonkeyPatch], None]
    found: tuple[str, ...]
    seeds: int = 10
    likely: int = 1

    def __str__(self) -> str:
        return self.name


def _cloud_acknowledges_first(patch: MonkeyPatch) -> None:
    """What was answered is committed with the next request: a power cut in between loses it."""
    once = Lane._once
    late: dict[int, Any] = {}

    def answered_first(self: Lane, work: Callable[[Any], Any]) -> Any:
        before = late.pop(id(self), None)
        if before is not None:
            once(self, before)
        with self._engine.connect() as connection:
            answer = work(connection)
            connection.rollback()
        late[id(self)] = work
        return answer

    patch.setattr(Lane, "_once", answered_first)


def _router_acknowledges_first(patch: MonkeyPatch) -> None:
    """The router keeps what it took with the next request."""
    keep = held.keep
    late: list[tuple[Any, int]] = []

    def keep_later(db: Any, takings: Iterable[Any], now_ms: int) -> None:
        waiting, late[:] = list(late), [(list(takings), now_ms)]
        for before in waiting:
            keep(db, *before)

    patch.setattr(held, "keep", keep_later)


def _till_shows_paid_first(patch: MonkeyPatch) -> None:
    """The till commits a sale with the next one: the last before a power cut is gone."""
    complete = payment.complete_sale
    late: dict[int, Callable[[], str]] = {}

    def shown_first(till: Till, person: Any, sale_id: str, *args: Any, **named: Any) -> str:
        before = late.pop(id(till), None)
        if before is not None:
            before()
        late[id(till)] = lambda: complete(till, person, sale_id, *args, **named)
        return sale_id

    patch.setattr(payment, "complete_sale", shown_first)


def _cart_outlives_its_sale(patch: MonkeyPatch) -> None:
    """The cart is cleared in a transaction of its own: a power cut in between offers it again."""
    complete = payment.complete_sale

    def in_two_steps(till: Till, *args: Any, **named: Any) -> str:
        patch.setattr(payment, "keep_cart", lambda *_: None)
        try:
            sale_id = complete(till, *args, **named)
        finally:
            patch.setattr(payment, "keep_cart", keep_cart)
        with till.vault.writer() as db:
            cart = load_cart(db)
            if cart is not None and cart.sale_id == sale_id:
                keep_cart(db, None)
        return sale_id

    patch.setattr(payment, "complete_sale", in_two_steps)


def _head_is_not_compared(patch: MonkeyPatch) -> None:
    """The cloud takes each journal for new."""
    lock_heads = JournalStore.lock_heads

    def all_new(self: JournalStore, branch_id: str, terminal_ids: Any) -> dict[str, Head]:
        return dict.fromkeys(lock_heads(self, branch_id, terminal_ids), EMPTY)

    patch.setattr(JournalStore, "lock_heads", all_new)


def _watermark_moves_without_an_answer(patch: MonkeyPatch) -> None:
    """The daemon takes what it sends for received."""
    send = Turner._send

    def believed(self: Turner, name: Any, talking: Any) -> bool:
        self._shelf.set_watermark(name, self._shelf.head(), self._clock(), None)
        return send(self, name, talking)

    patch.setattr(Turner, "_send", believed)


def _unsigned_marks_are_believed(patch: MonkeyPatch) -> None:
    """Anybody may speak for the cloud."""
    patch.setattr(greet, "watermark_is_true", lambda *_: True)


def _unknown_kinds_are_dropped(patch: MonkeyPatch) -> None:
    """The cloud's journal has only what this version knows."""
    entries_binary = copy_format.entries_binary

    def known(branch_id: str, entries: Iterable[Any]) -> bytes:
        return entries_binary(branch_id, (e for e in entries if (e.kind, e.schema) in FACTS))

    patch.setattr(copy_format, "entries_binary", known)


def _last_of_an_envelope_is_lost(patch: MonkeyPatch) -> None:
    """The cloud's head moves over a segment that is not written."""
    runs = append._runs

    def all_but_the_last(pieces: Iterable[Any]) -> Iterator[Any]:
        whole = list(pieces)
        yield from runs(whole[:-1] if len(whole) > 1 else whole)

    patch.setattr(append, "_runs", all_but_the_last)


def _gaps_are_ignored(patch: MonkeyPatch) -> None:
    """The cloud takes what leaves a hole as if it were the next."""
    new_entries = journals._new_entries

    def whatever_comes(taken: Any, delivery: Any, known: Any) -> Any:
        try:
            return new_entries(taken, delivery, known)
        except journals._Gap:
            return list(_claimed(delivery.header, delivery.parcel.sealed))

    patch.setattr(journals, "_new_entries", whatever_comes)


def _claimed(header: SegmentHeader, sealed: bytes) -> Iterator[Entry]:
    """A segment's entries, under the hash that it says to end with: the one before is not known."""
    for seq, kind, schema, body in peek(sealed):
        last = header.last_hash if seq == header.last_seq else bytes(32)
        yield Entry(header.terminal, header.epoch, seq, kind, schema, 0, "2026-11-22", body, last)


def _router_skips_the_first(patch: MonkeyPatch) -> None:
    """The router sends the second waiting segment for the first."""
    next_parcels = held.next_parcels

    def but_the_first(db: Any, terminal: str, segments: int, router: str) -> Any:
        parcels = next_parcels(db, terminal, segments + 1, router)
        return parcels[1:] if len(parcels) > 1 else parcels

    patch.setattr(held, "next_parcels", but_the_first)


def _pruned_on_a_routers_word(patch: MonkeyPatch) -> None:
    """The terminal drops what the router has."""
    reset = watermarks.reset_watermark

    def prune(db: Any, name: str, head: Head, *rest: Any) -> None:
        reset(db, name, head, *rest)
        if name == "router":
            for table, seq in (("sealed_segment", "last_seq"), ("journal_entry", "seq")):
                db.execute(f"DELETE FROM {table} WHERE {seq} <= ?", (head.seq,))  # noqa: S608

    patch.setattr(watermarks, "reset_watermark", prune)


def _sums_are_added_twice(patch: MonkeyPatch) -> None:
    """Each run's roll-ups are merged into the request's twice."""
    merge = project.merge

    def twice(into: Any, added: Any) -> None:
        merge(into, {name: dict(sums) for name, sums in added.items()})
        merge(into, added)

    patch.setattr(append, "merge", twice)


def _half_a_revision(patch: MonkeyPatch) -> None:
    """Of a feed revision, the first half is applied."""
    apply = catalogue.apply_revision

    def half(db: Any, revision: Any, items: Any) -> None:
        apply(db, revision, items[: (len(items) + 1) // 2])

    patch.setattr(catalogue, "apply_revision", half)


def _cursor_before_the_items(patch: MonkeyPatch) -> None:
    """The feed's cursor is committed long before its items: a power cut in between loses them."""

    def in_two_steps(self: VaultShelf, revision: Any, items: Any) -> None:
        with self._vault.writer() as db:
            catalogue.apply_revision(db, revision, [])
        for _ in range(COMMITS_BETWEEN):
            with self._vault.writer():
                pass
        with self._vault.writer() as db:
            db.execute(
                "UPDATE feed_cursor SET revision = revision - 1 WHERE scope = ?", (revision.scope,)
            )
            catalogue.apply_revision(db, revision, items)

    patch.setattr(VaultShelf, "apply", in_two_steps)


def _sealed_by_the_clock(patch: MonkeyPatch) -> None:
    """Entries are sealed in the order of their times: a clock put back breaks the chain."""
    read = entries.read

    def by_time(*args: Any) -> Iterator[Any]:
        yield from sorted(read(*args), key=lambda entry: entry.recorded_at_ms)

    patch.setattr(journal, "read", by_time)


def _receipt_numbers_stand_still(patch: MonkeyPatch) -> None:
    """The last number is not kept."""
    following = next_receipt_number

    def from_the_first(_last: str | None, *parts: Any) -> str:
        return following(None, *parts)

    patch.setattr(numbers, "next_receipt_number", from_the_first)


def _other_branches_decisions(patch: MonkeyPatch) -> None:
    """The cloud gives any scope to any device."""
    patch.setattr(feed_view, "require_own", lambda *_: None)


def _anybodys_journal(patch: MonkeyPatch) -> None:
    """A terminal may bring another's journal."""
    patch.setattr(journals, "_may_bring", lambda *_: True)


def _refunds_add_up(patch: MonkeyPatch) -> None:
    """A refund's total counts as sold: in rows and rebuild alike."""
    refund = rows._refund

    def sold(place: Any, fact: Any) -> Iterator[Any]:
        yield from refund(place, replace(fact, total=-fact.total))

    patch.setitem(rows._PROJECTIONS, RefundCompleted, sold)


def _chain_is_not_verified(patch: MonkeyPatch) -> None:
    """`sentra verify` at the till takes the journal's word for it."""
    patch.setattr(proof, "first_broken", lambda *_: None)


def _epoch_is_used_again(patch: MonkeyPatch) -> None:
    """A journal that was put back goes on in the epoch that it is in."""
    patch.setattr(epochs, "_next_epoch", lambda db, *_: entries.highest_epoch(db))


def _put_back_unseen(patch: MonkeyPatch) -> None:
    """The till does not look at the head noted beside its database, nor at what stores hold."""
    patch.setattr(epochs, "was_put_back", lambda *_: False)
    patch.setattr(restore, "contradicts", lambda *_: False)


def _nothing_is_recorded_again(patch: MonkeyPatch) -> None:
    """What a till wrote on an old copy is left when the stores give back what it lacks."""
    patch.setattr(epochs, "_record_again", lambda *_: None)


def _routers_read_any_journal(patch: MonkeyPatch) -> None:
    """The cloud does not ask whose journal a router wants."""
    patch.setattr(own_journal, "_owner", lambda device, wanted: wanted or device.device_id)


def _rollups_without_refunds(patch: MonkeyPatch) -> None:
    """The cloud's hourly sums leave refunds out."""
    patch.delitem(rollups._ADDERS, RefundCompleted)


MUTATIONS: Final = (
    Mutation("the cloud answers before it commits", _cloud_acknowledges_first, ("I4",)),
    Mutation("the router answers before it commits", _router_acknowledges_first, ("I4",), 10, 5),
    Mutation("the till shows paid before it commits", _till_shows_paid_first, ("I1",)),
    Mutation("a cart outlives its sale", _cart_outlives_its_sale, ("I1",), 25, 2),
    Mutation("the cloud skips the head comparison", _head_is_not_compared, ("error:",)),
    Mutation(
        "a watermark moves without an answer", _watermark_moves_without_an_answer, ("I4",), 10, 3
    ),
    Mutation("unsigned watermarks are believed", _unsigned_marks_are_believed, ("I4",), 25, 10),
    Mutation("unknown kinds are dropped", _unknown_kinds_are_dropped, ("I2", "I4"), 10, 10),
    Mutation("the last of an envelope is lost", _last_of_an_envelope_is_lost, ("I2", "I4")),
    Mutation("gaps are ignored", _gaps_are_ignored, ("I2", "I4"), 25, 10),
    Mutation("the router skips a segment", _router_skips_the_first, ("I5",), 25, 3),
    Mutation("pruned on a router's word", _pruned_on_a_routers_word, ("I2", "I4"), 10, 5),
    Mutation("sums are added twice", _sums_are_added_twice, ("I6",)),
    Mutation("half a feed revision is applied", _half_a_revision, ("I9",), 10, 3),
    Mutation("the feed's cursor goes first", _cursor_before_the_items, ("I9",), 25, 7),
    Mutation("segments are sealed by the clock", _sealed_by_the_clock, ("I5",), 25, 7),
    Mutation("receipt numbers stand still", _receipt_numbers_stand_still, ("I1",)),
    Mutation("another branch's decisions are given", _other_branches_decisions, ("I10",)),
    Mutation("anybody's journal is taken", _anybodys_journal, ("I10",)),
    Mutation("refunds count as sold", _refunds_add_up, ("I6", "I7"), 10, 2),
    Mutation("the chain is not verified", _chain_is_not_verified, ("I8",)),
    Mutation("roll-ups leave refunds out", _rollups_without_refunds, ("I6", "I7"), 10, 2),
    Mutation("an epoch is used again", _epoch_is_used_again, ("I2", "I5", "I6"), 40, 29),
    Mutation("an old copy is not noticed", _put_back_unseen, ("I1", "I2", "I5"), 25, 2),
    Mutation("what an old copy wrote is left", _nothing_is_recorded_again, ("I1", "I5"), 25, 2),
    Mutation("routers read any journal", _routers_read_any_journal, ("I10",), 25, 11),
    Mutation(
        "a courier file's signature is not checked",
        carried.signature_is_not_checked,
        ("I8", "I10"),
        25,
        7,
    ),
    Mutation("another company's file is taken", carried.another_companys_file, ("I10",), 25, 7),
    Mutation("another branch's file is taken", carried.another_branchs_file, ("I10",), 25, 7),
    Mutation("another till's journal is taken", carried.another_tills_journal, ("I10",), 25, 10),
    Mutation("what is packed counts as sent", carried.packing_counts_as_sent, ("I4",)),
    Mutation("half a snapshot is applied", carried.half_a_snapshot, ("I9",), 10, 10),
    Mutation("what is gone stays", carried.what_is_gone_stays, ("I9",), 30, 26),
    Mutation("revisions go uncovered", carried.revisions_go_uncovered, ("I5",), 25, 10),
)


@contextmanager
def mutated(mutation: Mutation) -> Iterator[None]:
    """The production code with this bug in it."""
    with MonkeyPatch.context() as patch:
        mutation.apply(patch)
        yield
