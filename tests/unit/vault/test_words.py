"""Words are only added to the index; those of rows that are gone find nothing, and are few."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sentra.events import Product
from sentra.vault import catalogue, snapshots, staging, words
from sentra.vault.database import Vault
from sentra.vault.identity import Identity
from tests.support.tills import a_revision
from tests.unit.vault.test_snapshots import items, product
from tests.unit.vault.test_staging import a_download

Till = tuple[Vault, Identity]
GOODS = [product(n) for n in range(12)]


class PowerCut(Exception):
    """The machine is off."""


@pytest.fixture(autouse=True)
def little_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "ITEMS_AT_ONCE", 4)
    monkeypatch.setattr(staging, "FIRST_AT_ONCE", 4)
    monkeypatch.setattr(words, "PRODUCTS_AT_ONCE", 4)
    monkeypatch.setattr(words, "GONE_MIN", 2)


def named(goods: list[Product], name: str) -> list[Product]:
    return [replace(one, name=f"{name} {one.id}") for one in goods]


def say(vault: Vault, number: int, goods: list[Product]) -> None:
    with vault.writer() as db:
        revision = a_revision("company", number, [("product", one.id, one) for one in goods])
        catalogue.apply_revision(db, *revision)


def found(vault: Vault, text: str) -> set[str]:
    with vault.reader() as db:
        return {one.name for one in catalogue.search(db, text, 100)}


def indexed(vault: Vault) -> int:
    with vault.reader() as db:
        return int(db.execute("SELECT count(*) FROM product_words_docsize").fetchone()[0])


def test_words_of_rows_that_are_gone_find_nothing_until_most_are_gone(till: Till) -> None:
    vault, _ = till
    say(vault, 1, named(GOODS, "Kopi"))
    say(vault, 2, named(GOODS[:5], "Teh"))
    staging.tidy(vault)
    assert (len(found(vault, "kopi")), len(found(vault, "teh"))) == (7, 5)
    assert indexed(vault) == len(GOODS) + 5, "few words more cost nothing"
    say(vault, 3, named(GOODS[:7], "Susu"))
    staging.tidy(vault)
    assert indexed(vault) == len(GOODS), "the index holds what is here, and nothing else"
    assert (len(found(vault, "kopi")), found(vault, "teh"), len(found(vault, "susu"))) == (
        5,
        set(),
        7,
    )


def test_what_was_staged_and_thrown_away_lends_its_words_to_nobody(till: Till) -> None:
    vault, _ = till
    say(vault, 1, named(GOODS[:6], "Kopi"))
    lost = a_download(vault, 2, items(*named(GOODS, "Racun")))

    def cut() -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        snapshots.apply_snapshot(vault, lost.note, cut)
    staging.tidy(vault)
    say(vault, 2, named(GOODS[6:], "Gula"))
    assert found(vault, "racun") == set()
    assert (len(found(vault, "kopi")), len(found(vault, "gula"))) == (6, 6)


def test_an_index_that_a_power_cut_left_half_built_is_gone_on_with(till: Till) -> None:
    vault, _ = till
    say(vault, 1, named(GOODS, "Kopi"))
    say(vault, 2, named(GOODS, "Teh"))

    def cut() -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        words.renew(vault, cut)
    assert len(found(vault, "teh")) == len(GOODS), "the present index serves meanwhile"
    say(vault, 3, named(GOODS[:3], "Susu"))
    assert len(found(vault, "susu")) == 3
    staging.tidy(vault)
    assert indexed(vault) <= len(GOODS) + 4, "the portion that was there is used"
    assert (len(found(vault, "teh")), len(found(vault, "susu")), found(vault, "kopi")) == (
        len(GOODS) - 3,
        3,
        set(),
    )
