"""A snapshot replaces what its scope said: wholly or not at all, and only where it differs."""

from __future__ import annotations

import msgspec
import pytest

from sentra.events import Branch, Category, Price, Product
from sentra.protocol.bodies import encode_decision
from sentra.protocol.feed import FeedItem
from sentra.protocol.snapshot import SnapshotDamaged
from sentra.vault import catalogue, snapshots, staging
from sentra.vault.database import Vault
from sentra.vault.failures import RevisionOutOfOrder
from sentra.vault.identity import Identity
from tests.fakes.snapshots import MemorySnapshot, a_snapshot
from tests.support.tills import BRANCH, a_revision

Till = tuple[Vault, Identity]


def product(
    number: int, name: str = "", price: int = 1_000, *barcodes: str, category: str | None = None
) -> Product:
    return Product(
        f"p{number:03}", f"B{number:03}", name or f"Kopi {number}", category, "pcs", "PPN",
        (Price(price),), barcodes or (f"899{number:04}",), False, True,
    )  # fmt: skip


def items(*products: Product) -> list[FeedItem]:
    return [FeedItem("product", one.id, encode_decision(one)) for one in products]


def snapshot(revision: int, *products: Product, more: tuple[FeedItem, ...] = ()) -> MemorySnapshot:
    return a_snapshot("company", revision, [*items(*products), *more])


def download(vault: Vault, made: MemorySnapshot, part: int = 100) -> None:
    with vault.writer() as db:
        snapshots.begin(db, made.note)
        for start in range(0, len(made.packed), part):
            snapshots.add_part(db, made.note, start, made.packed[start : start + part])


def apply(vault: Vault, made: MemorySnapshot) -> None:
    download(vault, made)
    snapshots.apply_snapshot(vault, made.note)


def differing(vault: Vault, *products: Product) -> list[tuple[str, str]]:
    with vault.reader() as db:
        changes = staging.compare(db, "company", items(*products))
    return [(change.how, change.item.key) for change in changes]


def everything(vault: Vault) -> dict[tuple[str, str], bytes]:
    with vault.reader() as db:
        rows = db.execute(
            "SELECT kind, key, body FROM decision"
            " UNION ALL SELECT 'product', product_id, body FROM product"
        )
        return {(kind, key): body for kind, key, body in rows}


def search(vault: Vault, text: str) -> list[str]:
    with vault.reader() as db:
        return [one.id for one in catalogue.search(db, text)]


def scanned(vault: Vault, barcode: str) -> str | None:
    with vault.reader() as db:
        found = catalogue.by_scan(db, barcode)
    return None if found is None else found.id


def test_it_is_all_that_the_scope_says_and_the_other_scope_stays(till: Till) -> None:
    vault, _ = till
    branch = Branch(BRANCH, "SGT", "Sangatta", "Asia/Makassar", "", 100, "down")
    old = a_revision("company", 1, [("category", "old", Category("old", "Old"))])
    more = a_revision("company", 2, [("product", "p009", product(9, "Lama"))])
    for made in (old, more, a_revision(BRANCH, 1, [("branch", BRANCH, branch)])):
        with vault.writer() as db:
            catalogue.apply_revision(db, *made)
    category = FeedItem("category", "new", encode_decision(Category("new", "New")))
    unknown = FeedItem("weather", "w", b'{"of":"a later version"}')
    apply(vault, snapshot(40, product(1), product(2), more=(category, unknown)))
    assert set(everything(vault)) == {
        ("branch", BRANCH),
        ("category", "new"),
        ("weather", "w"),
        ("product", "p001"),
        ("product", "p002"),
    }
    assert search(vault, "lama") == []
    assert scanned(vault, "8990009") is None
    assert scanned(vault, "8990002") == "p002"
    with vault.reader() as db:
        assert catalogue.cursor(db, "company") == 40
        assert catalogue.cursor(db, BRANCH) == 1
        assert snapshots.begun(db, "company") is None


def test_only_what_differs_is_written(till: Till) -> None:
    vault, _ = till
    apply(vault, snapshot(10, *(product(n) for n in range(50))))
    changed = [product(n, price=5) if n == 7 else product(n) for n in range(49)]
    assert differing(vault, *changed, product(60)) == [("body", "p007"), ("new", "p060")]
    apply(vault, snapshot(20, *changed))
    assert everything(vault) == {("product", one.id): encode_decision(one) for one in changed}
    assert differing(vault, *changed) == []


def test_a_price_list_leaves_words_and_barcodes_as_they_are(till: Till) -> None:
    vault, _ = till
    apply(vault, snapshot(10, *(product(n) for n in range(20))))
    again = [product(n, "", 7_777, f"777{n:04}", category="c") for n in range(20)]
    apply(vault, snapshot(11, *again))

    assert "p003" in search(vault, "kopi 3")
    assert scanned(vault, "7770003") == "p003"
    assert scanned(vault, "8990003") is None
    with vault.reader() as db:
        assert {one.id for one in catalogue.tiles(db, "c")} == {one.id for one in again}
        found = catalogue.product(db, "p003")
    assert found is not None
    assert found.prices == (Price(7_777),)


def test_a_renamed_product_is_found_by_its_new_name_alone(till: Till) -> None:
    vault, _ = till
    apply(vault, snapshot(10, product(1, "Teh botol"), product(2)))
    apply(vault, snapshot(11, product(1, "Susu segar"), product(2)))
    assert search(vault, "susu") == ["p001"]
    assert search(vault, "botol") == []


def test_a_crash_in_the_middle_leaves_the_old_catalogue_and_the_download(till: Till) -> None:
    vault, _ = till
    apply(vault, snapshot(10, product(1)))
    before, made = everything(vault), snapshot(20, product(2), product(3))
    download(vault, made)

    def crash() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snapshots.apply_snapshot(vault, made.note, crash)
    assert everything(vault) == before
    with vault.reader() as db:
        held = snapshots.begun(db, "company")
    assert held is not None
    assert held.is_whole
    apply(vault, made)
    assert len(everything(vault)) == 2


def test_what_moved_on_since_the_comparison_is_not_overwritten(till: Till) -> None:
    vault, _ = till
    made = snapshot(20, product(1))
    download(vault, made)
    revision, said = a_revision("company", 1, [("product", "p002", product(2))])

    def move_on() -> None:
        with vault.writer() as db:
            catalogue.apply_revision(db, revision, said)

    with pytest.raises(RevisionOutOfOrder):
        snapshots.apply_snapshot(vault, made.note, move_on)
    assert set(everything(vault)) == {("product", "p002")}


def test_a_file_that_was_altered_on_this_disk_is_never_opened(till: Till) -> None:
    vault, _ = till
    made = snapshot(20, product(1), product(2))
    download(vault, made)
    with vault.writer() as db:
        db.execute("UPDATE feed_snapshot_part SET bytes = zeroblob(size) WHERE start = 0")
    with vault.reader() as db, pytest.raises(SnapshotDamaged):
        snapshots.check(db, made.note)


def test_parts_come_once_and_in_order(till: Till) -> None:
    vault, _ = till
    made = snapshot(20, product(1))
    with vault.writer() as db:
        snapshots.begin(db, made.note)
        snapshots.add_part(db, made.note, 0, made.packed[:10])
        snapshots.add_part(db, made.note, 0, made.packed[:10])
        snapshots.add_part(db, made.note, 30, made.packed[30:])
        other = msgspec.structs.replace(made.note, sha256="another")
        snapshots.add_part(db, other, 10, made.packed[10:])
        snapshots.add_part(db, made.note, 10, b"")
        held = snapshots.begun(db, "company")
        assert held is not None
        assert held.size == 10
        assert snapshots.read_range(db, made.note, 3, 7) == made.packed[3:7]
        snapshots.give_up(db, "company")
        assert snapshots.begun(db, "company") is None
        assert list(snapshots.parts(db, made.note)) == []


def test_after_a_restart_what_is_not_said_anew_goes_with_the_snapshot_or_the_end(
    till: Till,
) -> None:
    vault, _ = till
    apply(vault, snapshot(30, product(1), product(2)))
    with vault.writer() as db:
        catalogue.restart_feed(db, "company")
        assert catalogue.has_stale_items(db, "company")
    assert len(everything(vault)) == 2, "until then the till sells from what it knows"
    apply(vault, snapshot(5, product(2)))
    with vault.writer() as db:
        assert not catalogue.has_stale_items(db, "company")
        catalogue.restart_feed(db, "company")
    revision, said = a_revision("company", 1, [("product", "p003", product(3))])
    with vault.writer() as db:
        catalogue.apply_revision(db, revision, said)
    catalogue.settle_feed(vault, "company")
    assert set(everything(vault)) == {("product", "p003")}
