"""What is archived and old goes, a shift at a time; what is not proved to be so never does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from sentra.events import ShiftClosed, ShiftOpened
from sentra.projection.tables import SHARED
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.messages import sign_watermark
from sentra.vault import archived, journal, leftovers, retention, schema, state
from sentra.vault.archived import DAY_MS
from sentra.vault.database import Vault
from sentra.vault.entries import hash_at, holds, pruned_base, pruned_count
from sentra.vault.identity import Identity
from sentra.vault.verify import prove
from sentra.vault.watermarks import backlog, reset_watermark, watermark
from tests.support.journals import DAY, START_MS, a_sale, an_id
from tests.support.tills import CLOUD_KEY

WINDOW_MS = 35 * DAY_MS
T0 = START_MS
SHIFT_ENTRIES = 5


@dataclass
class Shop:
    """A till that trades shifts of three sales: five entries each."""

    vault: Vault
    identity: Identity
    sold: int = 0
    shifts: int = 0

    def trade(self, shifts: int = 1, *, close: bool = True) -> None:
        """Each shift is a segment of its own, as a till that is online makes them."""
        for _ in range(shifts):
            self.shifts += 1
            shift_id = an_id(600_000 + self.shifts)
            self._add(
                ShiftOpened(shift_id, self.shifts, "c", "Dewi", "IDR", T0, DAY, "Asia/Makassar", 0)
            )
            for _ in range(3):
                self.sold += 1
                self._add(replace(a_sale(self.sold), shift_id=shift_id))
            if close:
                self._add(self._closing(shift_id))
            with self.vault.writer() as db:
                journal.seal_pending(db, self.identity)

    def _closing(self, shift_id: str) -> ShiftClosed:
        return ShiftClosed(
            shift_id=shift_id, cashier_id="c", cashier_name="Dewi", currency="IDR",
            closed_at_ms=T0, business_date=DAY, sale_count=3, refund_count=0, void_count=0,
            total=13_500, rounding=0, tenders=(), expected_cash=13_500, counted_cash=13_500,
            difference=0, denominations=(), last_hash=self.head().hash.hex(),
        )  # fmt: skip

    def _add(self, fact: object) -> None:
        with self.vault.writer() as db:
            journal.append(db, self.identity, fact, T0)  # type: ignore[arg-type]  # either fact

    def head(self) -> Head:
        with self.vault.reader() as db:
            return journal.head(db)

    def place(self, seq: int) -> Head:
        with self.vault.reader() as db:
            return Head(1, seq, hash_at(db, 1, seq) or b"")

    def hear(
        self,
        name: str,
        head: Head,
        at_ms: int,
        key: Ed25519PrivateKey = CLOUD_KEY,
        terminal: str = "",
    ) -> None:
        """A word of the cloud, as the daemon keeps it."""
        mark = sign_watermark(key, name, terminal or self.identity.device_id, head, at_ms)
        with self.vault.writer() as db:
            reset_watermark(db, name, head, at_ms, mark.signature)

    def look(self, now_ms: int) -> None:
        """What the housekeeping remembers."""
        with self.vault.writer() as db:
            mark = retention.marks_of(db, self.identity).get("archived")
            archived.remember(db, self.identity.device_id, mark, now_ms)

    def forget(self, now_ms: int) -> int:
        """One step; how many entries went."""
        with self.vault.writer() as db:
            found = retention.plan(db, self.identity, WINDOW_MS, now_ms)
            if found is None:
                return 0
            count = retention.forget(db, self.identity, found, WINDOW_MS, now_ms)
        while self.drop_portion():
            pass
        return count

    def drop_portion(self) -> bool:
        """The next of what is left over; whether there was any."""
        with self.vault.writer() as db:
            found = leftovers.next_portion(db, self.identity)
            if found is not None:
                leftovers.drop(db, found)
            return found is not None

    def forget_all(self, now_ms: int) -> int:
        total = 0
        while count := self.forget(now_ms):
            total += count
        return total

    def is_whole(self) -> bool:
        with self.vault.reader() as db:
            return journal.verify(db, self.identity) == []

    def rows(self) -> dict[str, int]:
        with self.vault.reader() as db:
            return {
                table.name: db.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0]  # noqa: S608
                for table in SHARED
            }


@pytest.fixture
def shop(till: tuple[Vault, Identity]) -> Shop:
    """Six closed shifts, of which the cloud has archived four; a seventh is open."""
    made = Shop(*till)
    made.trade(6)
    made.trade(close=False)
    made.hear("archived", made.place(4 * SHIFT_ENTRIES), T0)
    made.hear("cloud", made.head(), T0)
    made.look(T0)
    return made


LATER = T0 + WINDOW_MS


def test_what_was_archived_a_window_ago_goes_a_shift_at_a_time(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    assert shop.forget(LATER) == SHIFT_ENTRIES
    assert shop.is_whole()
    assert shop.forget_all(LATER) == 3 * SHIFT_ENTRIES
    with shop.vault.reader() as db:
        assert pruned_base(db).seq == 4 * SHIFT_ENTRIES
        assert pruned_count(db) == 4 * SHIFT_ENTRIES
    assert shop.rows()["shift"] == 3
    assert shop.rows()["sale"] == 9
    assert shop.is_whole()


def test_not_a_millisecond_earlier_by_either_clock(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER - 1)
    assert shop.forget(LATER + 10 * 365 * DAY_MS) == 0
    shop.hear("cloud", shop.head(), LATER)
    assert shop.forget(LATER - 1) == 0
    assert shop.forget(LATER) == SHIFT_ENTRIES


def test_a_clock_that_jumps_ten_years_forgets_nothing(shop: Shop) -> None:
    assert shop.forget(T0 + 10 * 365 * DAY_MS) == 0
    shop.look(T0 + 10 * 365 * DAY_MS)
    assert shop.forget(T0 + 20 * 365 * DAY_MS) == 0


def test_a_cloud_whose_clock_jumps_ten_years_forgets_nothing(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), T0 + 10 * 365 * DAY_MS)
    assert shop.forget(T0 + DAY_MS) == 0


def test_a_forged_word_of_a_router_counts_for_nothing(till: tuple[Vault, Identity]) -> None:
    shop = Shop(*till)
    shop.trade(3)
    forger = Ed25519PrivateKey.generate()
    shop.hear("archived", shop.place(5), T0, forger)
    shop.hear("cloud", shop.head(), T0)
    shop.look(T0)
    shop.hear("cloud", shop.head(), LATER)
    assert shop.forget(LATER) == 0
    shop.hear("archived", shop.place(5), T0, terminal=an_id(1))
    shop.look(T0)
    assert shop.forget(LATER) == 0
    # Even what a forger wrote into the ledger itself needs a true word of now.
    with shop.vault.writer() as db:
        row = (shop.identity.device_id, 1, 5, shop.place(5).hash, T0, T0)
        db.execute("INSERT INTO archived_mark VALUES (?,?,?,?,?,?)", row)
    assert shop.forget(LATER) == 0


def test_the_routers_own_watermark_counts_for_nothing(till: tuple[Vault, Identity]) -> None:
    shop = Shop(*till)
    shop.trade(3)
    with shop.vault.writer() as db:
        reset_watermark(db, "router", journal.head(db), T0, None)
    shop.look(T0)
    assert shop.forget(LATER) == 0


def test_an_unsigned_archived_mark_counts_for_nothing(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    with shop.vault.writer() as db:
        reset_watermark(db, "archived", shop.place(20), LATER, None)
    assert shop.forget(LATER) == 0


def test_a_restored_cloud_takes_its_word_back_and_the_days_begin_anew(shop: Shop) -> None:
    restored = T0 + 20 * DAY_MS
    shop.hear("archived", shop.place(SHIFT_ENTRIES), restored)
    shop.hear("cloud", shop.place(SHIFT_ENTRIES), restored)
    shop.look(restored)
    shop.hear("archived", shop.place(4 * SHIFT_ENTRIES), LATER)
    shop.hear("cloud", shop.head(), LATER)
    shop.look(LATER)
    assert shop.forget_all(LATER) == 0, "the word on the first shift was said anew, too"
    shop.hear("cloud", shop.head(), restored + WINDOW_MS)
    assert shop.forget_all(restored + WINDOW_MS) == SHIFT_ENTRIES


def test_what_the_cloud_does_not_have_any_more_stays(shop: Shop) -> None:
    shop.hear("cloud", shop.place(SHIFT_ENTRIES), LATER)
    assert shop.forget_all(LATER) == SHIFT_ENTRIES


def test_the_newest_shift_and_what_is_open_stay(shop: Shop) -> None:
    shop.hear("archived", shop.head(), T0 + DAY_MS)
    shop.look(T0 + DAY_MS)
    shop.hear("cloud", shop.head(), LATER + DAY_MS)
    assert shop.forget_all(LATER + DAY_MS) == 6 * SHIFT_ENTRIES
    assert shop.rows()["shift"] == 1
    assert shop.is_whole()


def test_a_shift_that_shares_a_segment_with_the_next_waits_for_it(
    till: tuple[Vault, Identity],
) -> None:
    shop = Shop(*till)
    shop.trade(1)
    with shop.vault.writer() as db:
        db.execute("DELETE FROM sealed_segment")
    for _ in range(3):
        shop.trade(1)
    shop.hear("archived", shop.place(7), T0)
    shop.hear("cloud", shop.head(), T0)
    shop.look(T0)
    shop.hear("cloud", shop.head(), LATER)
    assert shop.forget(LATER) == 0


def test_sales_after_the_forgetting_chain_on_and_are_counted_right(shop: Shop) -> None:
    shop.hear("cloud", shop.place(30), LATER)
    shop.forget_all(LATER)
    with shop.vault.reader() as db:
        assert backlog(db, "cloud").count == 4
        assert backlog(db, "router").count == 34 - 20, "a new router lacks what is still here"
        parcels = journal.parcels_after(db, EMPTY, 1 << 20, 100)
    assert parcels[0][0].first_seq == 21
    shop.trade(1)
    assert shop.is_whole()


def test_a_cursor_into_what_is_gone_is_neither_a_fork_nor_an_old_copy(shop: Shop) -> None:
    gone, base = shop.place(7), shop.place(20)
    shop.hear("cloud", shop.head(), LATER)
    shop.forget_all(LATER)
    with shop.vault.reader() as db:
        assert holds(db, gone)
        assert holds(db, base)
        assert not holds(db, Head(1, 20, b"\x00" * 32)), "the base's own hash is known"
        assert not holds(db, Head(1, 21, gone.hash))
        assert not journal.was_put_back(db, shop.vault.folder)
        assert watermark(db, "archived") == base


def test_the_rows_are_what_a_rebuild_gives(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    shop.forget_all(LATER)
    before = shop.rows()
    with shop.vault.writer() as db:
        for table in SHARED:
            db.execute(f'DROP TABLE "{table.name}"')
            for statement in schema.table_ddl(table):
                db.execute(statement)
        journal.project_all(db)
    assert shop.rows() == before
    assert shop.is_whole()


def test_a_hole_that_somebody_makes_behind_the_base_is_found(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    shop.forget_all(LATER)
    with shop.vault.writer() as db:
        db.execute("DELETE FROM journal_entry WHERE seq = 21")
    assert not shop.is_whole()


def test_the_plan_is_dropped_where_the_word_changed_meanwhile(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    with shop.vault.reader() as db:
        found = retention.plan(db, shop.identity, WINDOW_MS, LATER)
    assert found is not None
    shop.hear("cloud", shop.place(2), LATER + 1)
    with shop.vault.writer() as db:
        assert retention.forget(db, shop.identity, found, WINDOW_MS, LATER) == 0
    assert shop.is_whole()


def test_words_are_remembered_twice_a_day_at_most_and_go_with_their_entries(shop: Shop) -> None:
    def known() -> int:
        with shop.vault.reader() as db:
            return int(db.execute("SELECT count(*) FROM archived_mark").fetchone()[0])

    for hour in range(24):
        shop.hear("archived", shop.place(20 + hour % 8), T0 + hour * 3_600_000)
        shop.look(T0)
    assert known() <= 3
    shop.hear("cloud", shop.head(), LATER)
    shop.forget_all(LATER)
    with shop.vault.reader() as db:
        assert not db.execute("SELECT 1 FROM archived_mark WHERE seq <= 20").fetchall()


def test_the_file_gives_room_back_a_little_at_a_time(shop: Shop) -> None:
    with shop.vault.writer() as db:
        db.execute("CREATE TABLE heavy (body BLOB)")
        db.executemany("INSERT INTO heavy VALUES (zeroblob(?))", [(1 << 20,)] * 12)
    with shop.vault.writer() as db:
        db.execute("DROP TABLE heavy")
    with shop.vault.reader() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        assert retention.has_room_to_give_back(db)
    with shop.vault.writer() as db:
        retention.give_back_room(db)
    with shop.vault.reader() as db:
        fewer = pages - db.execute("PRAGMA page_count").fetchone()[0]
    assert retention.PAGES_AT_ONCE <= fewer < retention.PAGES_AT_ONCE + 8


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journal_base SET seq = seq + 1",
        "UPDATE journal_base SET hash = zeroblob(32)",
        "UPDATE journal_base SET mark = replace(mark, '\"seq\":', '\"seq\":9')",
        "UPDATE journal_base SET mark = '{}'",
        "UPDATE journal_base SET mark = replace(mark, 'archived', 'cloud')",
    ],
)
def test_a_base_that_the_cloud_did_not_sign_is_found(shop: Shop, change: str) -> None:
    shop.hear("cloud", shop.head(), LATER)
    assert shop.forget(LATER) == SHIFT_ENTRIES
    assert shop.is_whole()
    with shop.vault.writer() as db:
        db.execute(change)
    assert not shop.is_whole()


def forget_but_drop_nothing(shop: Shop) -> None:
    """As a power cut leaves it, that came behind the first transaction."""
    with shop.vault.writer() as db:
        found = retention.plan(db, shop.identity, WINDOW_MS, LATER)
        assert found is not None
        retention.forget(db, shop.identity, found, WINDOW_MS, LATER)


def left_over(shop: Shop) -> int:
    with shop.vault.reader() as db:
        base = pruned_base(db)
        query = "SELECT count(*) FROM journal_entry WHERE (epoch, seq) <= (?, ?)"
        return int(db.execute(query, (base.epoch, base.seq)).fetchone()[0])


def test_a_large_shift_is_forgotten_at_once_and_dropped_by_and_by(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "ENTRIES_AT_ONCE", 2)
    shop.hear("cloud", shop.head(), LATER)
    for shift in (1, 2):
        forget_but_drop_nothing(shop)
        left = []
        while True:
            left.append(left_over(shop))
            assert shop.is_whole()
            with shop.vault.reader() as db:
                assert pruned_base(db) == shop.place(shift * SHIFT_ENTRIES)
                kept = journal.entries(db, EMPTY, 100)
                assert kept[0].seq == shift * SHIFT_ENTRIES + 1, "what is left over is not read"
                assert prove(db, shop.identity).tally.tickets == shop.sold - 3 * shift
            if not shop.drop_portion():
                break
        assert left == [5, 3, 1, 0]


def test_what_is_left_over_is_proved_until_it_is_dropped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "ENTRIES_AT_ONCE", 2)
    shop.hear("cloud", shop.head(), LATER)
    forget_but_drop_nothing(shop)
    shop.drop_portion()
    with shop.vault.writer() as db:
        db.execute("UPDATE journal_entry SET recorded_at_ms = recorded_at_ms + 1 WHERE seq = 3")
    with shop.vault.reader() as db:
        assert [(one.kind, one.seq) for one in journal.verify(db, shop.identity)] == [("chain", 3)]


def test_a_shift_forgotten_before_the_last_one_is_dropped_leaves_both_over(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "ENTRIES_AT_ONCE", 2)
    shop.hear("cloud", shop.head(), LATER)
    forget_but_drop_nothing(shop)
    shop.drop_portion()
    forget_but_drop_nothing(shop)
    assert left_over(shop) == 2 * SHIFT_ENTRIES - 2
    assert shop.is_whole()
    while shop.drop_portion():
        assert shop.is_whole()
    assert left_over(shop) == 0
    with shop.vault.reader() as db:
        assert pruned_count(db) == 2 * SHIFT_ENTRIES


def test_what_is_left_over_is_never_sealed_again(till: tuple[Vault, Identity]) -> None:
    shop = Shop(*till)
    shop.trade(1)
    shop.trade(close=False)
    with shop.vault.writer() as db:
        db.execute("DELETE FROM sealed_segment WHERE first_seq > ?", (SHIFT_ENTRIES,))
    for at_ms in (T0, LATER):
        shop.hear("archived", shop.place(SHIFT_ENTRIES), at_ms)
        shop.hear("cloud", shop.head(), at_ms)
        shop.look(at_ms)
    forget_but_drop_nothing(shop)
    with shop.vault.writer() as db:
        assert journal.seal_pending(db, shop.identity) == shop.head().seq - SHIFT_ENTRIES
        (parcel,) = journal.parcels_after(db, EMPTY, 1 << 20, 100)
        assert parcel[0].first_seq == SHIFT_ENTRIES + 1
    assert shop.is_whole()


def test_a_rebuild_gives_the_rows_of_what_is_left_over_too(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    forget_but_drop_nothing(shop)
    before = shop.rows()
    with shop.vault.writer() as db:
        state.put(db, "projection_fingerprint", "of an older version")
        schema.migrate(db, {}, "terminal")
    assert shop.rows() == before
    assert shop.is_whole()
