"""What is archived and old goes, a shift at a time; what is not proved to be so never does."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.projection.tables import SHARED
from sentra.protocol.entry import EMPTY, Head
from sentra.vault import journal, retention, schema
from sentra.vault.archived import DAY_MS
from sentra.vault.database import Vault
from sentra.vault.entries import holds, pruned_base, pruned_count
from sentra.vault.identity import Identity
from sentra.vault.watermarks import backlog, reset_watermark, watermark
from tests.support.journals import an_id
from tests.unit.vault.shifts import LATER, SHIFT_ENTRIES, T0, WINDOW_MS, Shop, shop

__all__ = ["shop"]


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
