"""A daemon ends between any two statements of a change of the catalogue: the till has the old one
or the new one, wholly, and what was begun is finished or thrown away by the next."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sentra.events import Category, Decision, Price, Product
from sentra.protocol.feed import COMPANY
from sentra.vault import catalogue, snapshots, staging, words
from sentra.vault.database import Vault
from tests.durability.day import copy_disk, shop_folder
from tests.durability.fuse import Ended, Fuse, fused
from tests.fakes.snapshots import a_snapshot
from tests.support.tills import a_revision, a_till

__all__ = ["shop_folder"]

POINTS_MIN = 60
AGAIN_EVERY = 4
"""After so many points in turn the daemon does it once more, as it would at its next start."""

Do = Callable[[Vault], None]


def a_product(number: int, name: str, price: int = 1_000, **changes: object) -> Product:
    made = Product(f"p{number}", f"B{number}", name, None, "pcs", "PPN", (Price(price),))
    return replace(made, barcodes=(f"899{number}",), **changes)  # type: ignore[arg-type]  # ours


OLD: list[tuple[str, str, Decision | None]] = [
    *(("product", f"p{n}", a_product(n, f"Kopi {n}")) for n in range(1, 6)),
    ("category", "c1", Category("c1", "Minuman")),
    ("category", "c2", Category("c2", "Makanan")),
]
NEW: list[tuple[str, str, Decision | None]] = [
    ("product", "p1", a_product(1, "Teh 1")),
    ("product", "p2", a_product(2, "Kopi 2", 2_000)),
    ("product", "p3", None),
    ("product", "p4", a_product(4, "Kopi 4", category_id="c1")),
    ("product", "p6", a_product(6, "Teh 6")),
    ("category", "c1", Category("c1", "Minuman dingin")),
    ("category", "c2", None),
    ("category", "c3", Category("c3", "Rokok")),
]
NEXT = a_revision(COMPANY, 2, NEW)


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a cashier can see of a catalogue, and what lies beside it."""

    revision: int
    bodies: frozenset[tuple[str, str, bytes]]
    found: tuple[tuple[str, ...], ...]
    scanned: tuple[str | None, ...]
    tiles: tuple[str, ...]


def seen(vault: Vault) -> Seen:
    with vault.reader() as db:
        rows = db.execute(
            "SELECT kind, key, body FROM decision"
            " UNION ALL SELECT 'product', product_id, body FROM product"
        )
        texts = ("kopi", "teh", "opi", "B1")
        scans = [catalogue.by_scan(db, f"899{n}") for n in range(1, 7)]
        return Seen(
            catalogue.cursor(db, COMPANY),
            frozenset((kind, key, bytes(body)) for kind, key, body in rows),
            tuple(tuple(sorted(p.id for p in catalogue.search(db, text))) for text in texts),
            tuple(p.id if p else None for p in scans),
            tuple(p.id for p in catalogue.tiles(db, "c1")),
        )


def in_steps(vault: Vault) -> None:
    catalogue.apply_in_steps(vault, *NEXT, lambda: None)
    staging.tidy(vault)


def from_a_snapshot(vault: Vault) -> None:
    after = {(kind, key): body for kind, key, body in OLD} | {
        (kind, key): body for kind, key, body in NEW
    }
    _, items = a_revision(COMPANY, 2, [(kind, key, body) for (kind, key), body in after.items()])
    said = sorted((one for one in items if one.body), key=lambda one: (one.kind, one.key))
    made = a_snapshot(COMPANY, 2, said)
    with vault.reader() as db:
        held, cursor = snapshots.begun(db, COMPANY), catalogue.cursor(db, COMPANY)
    if cursor < 2:
        if held is None:
            with vault.writer() as db:
                snapshots.begin(db, made.note)
                snapshots.add_part(db, made.note, 0, made.packed)
        snapshots.apply_snapshot(vault, made.note if held is None else held.note)
    staging.tidy(vault)


@pytest.mark.parametrize("do", [in_steps, from_a_snapshot])
def test_a_catalogue_is_the_old_or_the_new_one_at_whichever_statement_the_power_goes(
    do: Do, shop_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    monkeypatch.setattr(staging, "ITEMS_AT_ONCE", 2)
    monkeypatch.setattr(words, "PRODUCTS_AT_ONCE", 2)
    monkeypatch.setattr(words, "GONE_MIN", 1)
    vault, _ = a_till(shop_folder / "old")
    with vault.writer() as db:
        catalogue.apply_revision(db, *a_revision(COMPANY, 1, OLD))
        # Three go now: then no fewer went than are here, and the words are gathered anew.
        words.note_gone(db, 2)
    old = seen(vault)
    vault.close()
    whole = Vault.open(copy_disk(shop_folder / "old", shop_folder / "new"))
    do(whole)
    new = seen(whole)
    whole.close()
    assert new.found != old.found
    points = 0
    for at in itertools.count():
        folder = copy_disk(shop_folder / "old", shop_folder / f"{at}")
        if _ends_at(folder, do, at, old, new):
            break
        points += 1
    assert points >= POINTS_MIN


def _ends_at(folder: Path, do: Do, at: int, old: Seen, new: Seen) -> bool:
    fuse = Fuse()
    with fused(fuse):
        vault = Vault.open(folder)
        fuse.arm(at)
        try:
            do(vault)
        except Ended:
            pass
        else:
            vault.close()
            return True
    found = copy_disk(folder, folder.with_name(f"{folder.name}-found"))
    fuse.clear()
    vault.close()
    again = Vault.open(found)
    state = seen(again)
    assert state in (old, new), f"statement {at}"
    if at % AGAIN_EVERY == 0:
        do(again)
        staging.tidy(again)
        assert seen(again) == new, f"statement {at}"
        with again.reader() as db:
            left = db.execute(
                "SELECT (SELECT count(*) FROM staged_product), (SELECT count(*) FROM product_row)"
            )
            assert left.fetchone() == (0, 5), f"statement {at}"
            assert db.execute("SELECT words_gone FROM catalogue").fetchone() == (0,)
            assert db.execute("SELECT count(*) FROM product_words_docsize").fetchone() == (5,)
    again.close()
    return False
