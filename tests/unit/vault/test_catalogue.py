"""Decisions: applied a revision at a time, wholly or not at all, and found while typing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sentra.events import Branch, Category, Company, Decision, Device, Person, Price, Product, Tax
from sentra.protocol.feed import FeedItem
from sentra.vault import catalogue
from sentra.vault.database import Vault
from sentra.vault.failures import CatalogueEmpty, RevisionOutOfOrder
from sentra.vault.identity import Identity
from tests.support.tills import BRANCH, COMPANY_ID, a_revision

Till = tuple[Vault, Identity]
Change = tuple[str, str, Decision | None]


def a_product(
    number: int,
    name: str,
    *,
    code: str = "",
    barcodes: tuple[str, ...] = (),
    category: str | None = None,
    favourite: bool = False,
    active: bool = True,
    price: int = 1000,
) -> Product:
    return Product(
        id=f"p{number}",
        code=code or f"B{number:04}",
        name=name,
        category_id=category,
        unit="pcs",
        tax_code="PPN",
        prices=(Price(price),),
        barcodes=barcodes,
        favourite=favourite,
        active=active,
    )


def products(*made: Product) -> list[Change]:
    return [("product", product.id, product) for product in made]


def apply(vault: Vault, number: int, changes: Sequence[Change], scope: str = "company") -> None:
    revision, items = a_revision(scope, number, changes)
    with vault.writer() as db:
        catalogue.apply_revision(db, revision, items)


def names(vault: Vault, text: str, limit: int = 24) -> list[str]:
    with vault.reader() as db:
        return [product.name for product in catalogue.search(db, text, limit)]


SHELF = (
    a_product(1, "Indomie Goreng", code="IDM-1", barcodes=("8998866200301",)),
    a_product(2, "Indomie Soto Ayam", code="IDM-2", barcodes=("8998866200302", "111")),
    a_product(3, "Kopi Kapal Api 165g", category="drinks", favourite=True),
    a_product(4, "Teh Botol Sosro", category="drinks"),
    a_product(5, "Sabun Mandi Lifebuoy", category="wash", favourite=True),
    a_product(6, "Aqua 600ml", active=False, barcodes=("222",)),
    a_product(7, "Café Susu Crème"),
)


@pytest.fixture
def shop(till: Till) -> Vault:
    vault, _ = till
    apply(vault, 1, products(*SHELF))
    return vault


def test_the_cursor_moves_with_each_revision_of_its_scope(till: Till) -> None:
    vault, _ = till
    apply(vault, 1, products(SHELF[0]))
    apply(vault, 2, products(SHELF[1]))
    apply(vault, 1, [("category", "c", Category("c", "C"))], scope=BRANCH)
    with vault.reader() as db:
        assert catalogue.cursor(db, "company") == 2
        assert catalogue.cursor(db, BRANCH) == 1
        assert catalogue.cursor(db, "elsewhere") == 0


def test_a_revision_that_was_applied_before_changes_nothing(shop: Vault) -> None:
    apply(shop, 2, products(a_product(1, "Indomie Rendang")))
    apply(shop, 1, products(*SHELF))
    with shop.reader() as db:
        found = catalogue.product(db, "p1")
    assert found is not None
    assert found.name == "Indomie Rendang"


def test_a_revision_is_never_skipped(shop: Vault) -> None:
    with pytest.raises(RevisionOutOfOrder):
        apply(shop, 3, products(a_product(9, "Later")))
    with shop.reader() as db:
        assert catalogue.product(db, "p9") is None
        assert catalogue.cursor(db, "company") == 1


def test_a_revision_is_applied_wholly_or_not_at_all(shop: Vault) -> None:
    revision, items = a_revision("company", 2, products(a_product(1, "New name")))
    with pytest.raises(ZeroDivisionError), shop.writer() as db:
        catalogue.apply_revision(db, revision, items)
        _ = 1 // 0
    with shop.reader() as db:
        found = catalogue.product(db, "p1")
        assert catalogue.cursor(db, "company") == 1
    assert found == SHELF[0]


def test_a_deleted_product_is_gone_from_everywhere(shop: Vault) -> None:
    apply(shop, 2, [("product", "p1", None)])
    with shop.reader() as db:
        assert catalogue.product(db, "p1") is None
        assert catalogue.by_scan(db, "8998866200301") is None
    assert names(shop, "indomie") == ["Indomie Soto Ayam"]


def test_a_renamed_product_is_found_by_its_new_name_only(shop: Vault) -> None:
    apply(shop, 2, products(a_product(4, "Es Jeruk")))
    assert names(shop, "jeruk") == ["Es Jeruk"]
    assert "Teh Botol Sosro" not in names(shop, "sosro")


def test_a_body_of_a_newer_version_does_not_hold_back_the_others(till: Till) -> None:
    vault, _ = till
    revision, items = a_revision("company", 1, products(SHELF[0]))
    strange = [FeedItem("product", "p8", b'{"shape":"new"}'), FeedItem("drone", "d", b"{}"), *items]
    with vault.writer() as db:
        catalogue.apply_revision(db, revision, strange)
    with vault.reader() as db:
        assert catalogue.product(db, "p1") == SHELF[0]
        assert catalogue.product(db, "p8") is None


def test_after_a_restore_of_the_cloud_the_feed_is_read_anew_while_the_till_sells_on(
    shop: Vault,
) -> None:
    with shop.writer() as db:
        catalogue.restart_feed(db, "company")
        assert catalogue.cursor(db, "company") == 0
        assert catalogue.product(db, "p1") == SHELF[0]
    apply(shop, 1, products(a_product(1, "Indomie Lama")))
    assert "Indomie Lama" in names(shop, "indomie")


# --- Scanning and searching ---------------------------------------------------------------------


def scanned(vault: Vault, code: str) -> str | None:
    with vault.reader() as db:
        found = catalogue.by_scan(db, code)
    return None if found is None else found.id


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("8998866200301", "p1"),
        (" 111 ", "p2"),
        ("idm-1", "p1"),
        ("222", None),
        ("", None),
        ("%", None),
    ],
)
def test_a_scan_finds_a_barcode_or_a_code_on_sale(
    shop: Vault, code: str, expected: str | None
) -> None:
    assert scanned(shop, code) == expected


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("indo", "Indomie Goreng"),
        ("IDM-2", "Indomie Soto Ayam"),
        ("8998866200302", "Indomie Soto Ayam"),
        ("soto ind", "Indomie Soto Ayam"),
        ("otol", "Teh Botol Sosro"),
        ("apal ap", "Kopi Kapal Api 165g"),
        ("lifeboy", "Sabun Mandi Lifebuoy"),
        ("indomi gorng", "Indomie Goreng"),
        ("sabn mandi", "Sabun Mandi Lifebuoy"),
        ("creme", "Café Susu Crème"),
        ("k", "Kopi Kapal Api 165g"),
        ("165g", "Kopi Kapal Api 165g"),
    ],
)
def test_search_finds_by_beginnings_parts_codes_and_despite_typos(
    shop: Vault, text: str, first: str
) -> None:
    assert names(shop, text)[:1] == [first]


def test_names_that_begin_as_typed_come_before_those_that_only_hold_it(shop: Vault) -> None:
    apply(shop, 2, products(a_product(20, "Air Teh Manis"), a_product(21, "Tehnik Buku")))
    assert names(shop, "teh")[:2] == ["Teh Botol Sosro", "Tehnik Buku"]
    assert "Air Teh Manis" in names(shop, "teh")


def test_what_is_no_longer_sold_is_not_offered(shop: Vault) -> None:
    assert names(shop, "aqua") == []


@pytest.mark.parametrize(
    "text",
    ["", "   ", '"', "'", "*", "a OR b", "NEAR(", "-", "(", "x" * 500, "\x00", "🍜", "%_", "^a:b"],
)
def test_whatever_is_typed_search_answers(shop: Vault, text: str) -> None:
    assert isinstance(names(shop, text), list)


def test_search_gives_no_more_than_asked_and_nothing_twice(till: Till) -> None:
    vault, _ = till
    apply(vault, 1, products(*(a_product(n, f"Roti Tawar {n}") for n in range(100))))
    found = names(vault, "roti", 10)
    assert len(found) == len(set(found)) == 10


def test_tiles_are_the_favourites_or_a_category(shop: Vault) -> None:
    with shop.reader() as db:
        assert [p.id for p in catalogue.tiles(db, None)] == ["p3", "p5"]
        assert [p.id for p in catalogue.tiles(db, "drinks")] == ["p3", "p4"]
        assert [p.id for p in catalogue.tiles(db, "drinks", 1)] == ["p3"]
        assert catalogue.tiles(db, "nothing") == []


# --- Other decisions ----------------------------------------------------------------------------


def test_a_till_without_its_first_feed_says_so(till: Till) -> None:
    vault, _ = till
    with vault.reader() as db:
        with pytest.raises(CatalogueEmpty, match="has not received"):
            catalogue.branch(db)
        with pytest.raises(CatalogueEmpty):
            catalogue.company(db)
        assert catalogue.people(db) == []
        assert catalogue.taxes(db) == ()


def test_the_other_decisions_come_back_in_the_order_of_screens(till: Till) -> None:
    vault, _ = till
    branch = Branch(BRANCH, "SGT", "Sanggata", "Asia/Makassar", "", 100, "down")
    company = Company(COMPANY_ID, "Toko Maju", "IDR")
    tax = Tax("t", "PPN", "PPN 11/12", 1200, 11, 12, True, "2025-01-01")
    apply(
        vault,
        1,
        [
            ("company", COMPANY_ID, company),
            ("category", "b", Category("b", "Beras", 2)),
            ("category", "a", Category("a", "Zat", 1)),
            ("tax", "t", tax),
        ],
    )
    apply(
        vault,
        1,
        [
            ("branch", BRANCH, branch),
            ("person", "2", Person("2", "dewi", ("cashier",), "h")),
            ("person", "1", Person("1", "Zul", ("supervisor",), "h")),
            ("device", "d2", Device("d2", "terminal", 2, "2", "ab")),
            ("device", "r", Device("r", "router", 1, "R", "ab", addresses=("10.0.0.2:8443",))),
            ("device", "d1", Device("d1", "terminal", 1, "1", "ab", revoked=True)),
        ],
        scope=BRANCH,
    )
    with vault.reader() as db:
        assert catalogue.branch(db) == branch
        assert catalogue.company(db) == company
        assert catalogue.taxes(db) == (tax,)
        assert [c.id for c in catalogue.categories(db)] == ["a", "b"]
        assert [p.name for p in catalogue.people(db)] == ["dewi", "Zul"]
        assert [d.id for d in catalogue.devices(db)] == ["r", "d1", "d2"]
