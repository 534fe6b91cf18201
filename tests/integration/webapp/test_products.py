"""Products and their prices: found, changed, and known to the tills as they are decided."""

from __future__ import annotations

import csv
import io
import re

import pytest
from sqlalchemy import Engine, select, text, update

from sentra.cloud import feed
from sentra.cloud.tables import audit_entry, device, product
from sentra.domain.price import price_at
from sentra.events import Product
from sentra.instants import parse_local
from sentra.protocol.bodies import decode_decision
from sentra.protocol.feed import COMPANY
from tests.present import NOW_MS
from tests.support.backoffice import Clients, post
from tests.support.chain import Chain

TEA = {
    "code": "TEH-1",
    "name": "Teh Botol",
    "category": "",
    "brand": "Sosro",
    "unit": "Btl",
    "tax": "PPN",
    "cost": "3.200",
    "stock_minimum": "24",
    "barcodes": "8992761002015\n8992761002022",
    "price": "4.500",
    "active": "1",
}


def make(signed_in: Clients, login: str = "ratna", **changes: str) -> str:
    """The id of a product made through the form."""
    answer = post(signed_in(login), "/products", **{**TEA, **changes})
    assert answer.status_code == 303, answer.text
    return answer.location.rpartition("/")[2]


def at_tills(engine: Engine, product_id: str) -> Product:
    """The product as the tills know it."""
    with engine.connect() as connection:
        items = {item.key: item for item in feed.state(connection, COMPANY)}
    body = items[product_id].body
    assert body is not None
    decided = decode_decision("product", body)
    assert isinstance(decided, Product)
    return decided


def test_a_new_product_is_known_to_the_tills_whole(
    signed_in: Clients, chain_engine: Engine
) -> None:
    told = at_tills(chain_engine, make(signed_in))
    assert (told.code, told.name, told.unit, told.tax_code) == ("TEH-1", "Teh Botol", "Btl", "PPN")
    assert told.barcodes == ("8992761002015", "8992761002022")
    assert price_at(told, "any-branch", NOW_MS) == 4_500
    assert price_at(told, "any-branch", 0) == 4_500, "a till whose clock is behind sells it too"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Give the product a name"),
        ("code", "", "Give the product a code"),
        ("price", "", "Write the price"),
        ("price", "cheap", "is not a number"),
        ("price", "-5", "cannot be below zero"),
        ("cost", "12.34.5", "more than one amount"),
        ("category", "0190a000-0000-7000-8000-000000000001", "not there any more"),
        ("tax", "VAT", "not there any more"),
        ("stock_minimum", "-1", "cannot be below zero"),
        ("barcodes", "9" * 65, "at most 64 characters"),
    ],
)
def test_what_cannot_be_is_explained_and_what_was_typed_stays(
    signed_in: Clients, field: str, value: str, sentence: str
) -> None:
    answer = post(signed_in(), "/products", **{**TEA, "brand": "Typed", field: value})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="Typed"' in answer.text


def test_two_products_cannot_have_one_code_whatever_its_case(signed_in: Clients) -> None:
    make(signed_in)
    answer = post(signed_in(), "/products", **{**TEA, "code": "teh-1"})
    assert answer.status_code == 422
    assert "has the code teh-1 already" in answer.text


def test_an_edit_reaches_the_tills_says_what_changed_and_keeps_the_code(
    signed_in: Clients, chain_engine: Engine
) -> None:
    product_id = make(signed_in)
    changed = {**TEA, "code": "OTHER", "name": "Teh Botol 350 ml", "barcodes": "8992761002022"}
    assert post(signed_in(), f"/products/{product_id}", **changed).status_code == 303
    told = at_tills(chain_engine, product_id)
    assert (told.code, told.name, told.barcodes) == (
        "TEH-1",
        "Teh Botol 350 ml",
        ("8992761002022",),
    )
    with chain_engine.connect() as connection:
        newest = select(audit_entry).order_by(audit_entry.c.seq.desc()).limit(1)
        entry = connection.execute(newest).one()
    assert (entry.action, entry.subject_key) == ("catalogue.edit", product_id)
    assert '"name": ["Teh Botol", "Teh Botol 350 ml"]' in entry.detail


def test_saving_without_a_change_sends_nothing_to_the_tills(
    signed_in: Clients, chain_engine: Engine
) -> None:
    product_id = make(signed_in)
    with chain_engine.connect() as connection:
        before = feed.heads(connection, [COMPANY])
    assert post(signed_in(), f"/products/{product_id}", **TEA).status_code == 303
    with chain_engine.connect() as connection:
        assert feed.heads(connection, [COMPANY]) == before


def test_what_is_no_longer_sold_leaves_the_list_and_stays_known(
    signed_in: Clients, chain_engine: Engine
) -> None:
    product_id = make(signed_in)
    post(signed_in(), f"/products/{product_id}", **{**TEA, "active": ""})
    assert not at_tills(chain_engine, product_id).active
    client = signed_in()
    assert "Teh Botol" not in client.get("/products?q=TEH-1").text
    assert "Teh Botol" in client.get("/products?q=TEH-1&state=off").text


def test_a_price_holds_from_now_on_and_the_old_one_stays_in_the_history(
    signed_in: Clients, chain_engine: Engine
) -> None:
    product_id = make(signed_in)
    answer = post(
        signed_in(), f"/products/{product_id}/prices", amount="5.000", branch="", start="now"
    )
    assert answer.status_code == 303
    told = at_tills(chain_engine, product_id)
    assert price_at(told, "any-branch", NOW_MS - 1) == 4_500
    assert price_at(told, "any-branch", NOW_MS) == 5_000
    page = signed_in().get(f"/products/{product_id}").text
    assert "Rp\u00a05,000" in page
    assert "Rp\u00a04,500" in page


def test_a_planned_price_begins_at_the_branch_s_own_midnight(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    product_id, branch_id = make(signed_in), chain.branches["SGT"]
    post(
        signed_in(),
        f"/products/{product_id}/prices",
        amount="3.900",
        branch=branch_id,
        start="later",
        at="2027-01-01T00:00",
    )
    told = at_tills(chain_engine, product_id)
    begins_ms = parse_local("2027-01-01T00:00", "Asia/Makassar")
    assert price_at(told, branch_id, begins_ms - 1) == 4_500
    assert price_at(told, branch_id, begins_ms) == 3_900
    assert price_at(told, chain.branches["JKT"], begins_ms) == 4_500


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount": "", "start": "now"}, "Write the price"),
        ({"amount": "1.2.3", "start": "now"}, "more than one amount"),
        ({"amount": "5000", "start": "later"}, "Choose the day and the time"),
        ({"amount": "5000", "start": "later", "at": "2020-01-01T00:00"}, "That is past already"),
        ({"amount": "5000", "start": "later", "at": "2099-01-01T00:00"}, "five years ahead"),
        ({"amount": "5000", "start": "now", "branch": "nowhere"}, "Choose where"),
    ],
)
def test_a_price_that_cannot_be_is_explained(
    signed_in: Clients, fields: dict[str, str], sentence: str
) -> None:
    answer = post(signed_in(), f"/products/{make(signed_in)}/prices", **fields)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_a_branch_s_own_prices_are_taken_back_together_and_the_company_s_holds_again(
    signed_in: Clients, chain_engine: Engine, chain: Chain
) -> None:
    product_id, branch_id = make(signed_in), chain.branches["SGT"]
    for amount in ("3000", "3100"):
        post(
            signed_in(),
            f"/products/{product_id}/prices",
            amount=amount,
            branch=branch_id,
            start="now",
        )
    assert price_at(at_tills(chain_engine, product_id), branch_id, NOW_MS) == 3_100
    client = signed_in()
    found = re.search(
        r"/prices/([0-9a-f-]{36})/withdraw", client.get(f"/products/{product_id}").text
    )
    assert found
    post(client, f"/products/{product_id}/prices/{found[1]}/withdraw")
    assert price_at(at_tills(chain_engine, product_id), branch_id, NOW_MS) == 4_500
    assert "/withdraw" not in client.get(f"/products/{product_id}").text


def test_who_manages_some_branches_sets_their_prices_and_nothing_else(
    signed_in: Clients, chain: Chain
) -> None:
    product_id, budi = make(signed_in), signed_in("budi")
    prices = f"/products/{product_id}/prices"
    own, other = chain.branches["SGT"], chain.branches["JKT"]
    assert post(budi, prices, amount="4000", branch=own, start="now").status_code == 303
    assert post(budi, prices, amount="4000", branch=other, start="now").status_code == 422
    assert post(budi, prices, amount="4000", branch="", start="now").status_code == 422
    assert post(budi, f"/products/{product_id}", **TEA).status_code == 403
    assert post(budi, "/products", **TEA).status_code == 403
    assert post(budi, "/categories", name="Mine").status_code == 403
    assert budi.get("/imports").status_code == 403
    assert 'href="/imports"' not in budi.get("/products").text


def test_the_page_says_how_many_tills_have_the_change(
    signed_in: Clients, chain_engine: Engine
) -> None:
    product_id, client = make(signed_in), signed_in()
    assert "0 of 6 tills have it" in client.get(f"/products/{product_id}").text
    with chain_engine.begin() as connection:
        head = feed.heads(connection, [COMPANY])[COMPANY]
        connection.execute(update(device).values(feed={COMPANY: head}))
    fragment = client.get(f"/products/{product_id}", headers={"HX-Request": "true"}).text
    assert "All 6 tills have it" in fragment
    assert "<html" not in fragment


def test_products_are_found_by_any_part_of_name_code_brand_and_by_barcode(
    signed_in: Clients,
) -> None:
    make(signed_in)
    client = signed_in()
    for wanted in ("botol teh", "eh-1", "sosro", "8992761002022", "8992761"):
        assert "Teh Botol" in client.get("/products", query_string={"q": wanted}).text, wanted
    for absent in ("kopi", "992761", "%", "_____________________"):
        assert "No product is like that" in client.get("/products", query_string={"q": absent}).text


def listed(page: str) -> list[str]:
    """The names of a list, in order."""
    return re.findall(r'class="row-link wrap"[^>]*>([^<]+)<', page)


def test_pages_go_through_all_products_once_in_either_direction_in_every_order(
    signed_in: Clients, as_owner: Engine
) -> None:
    with as_owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO product (id, code, name, unit, tax_code, created_at_ms, updated_at_ms)"
                " SELECT gen_random_uuid(), 'C' || n, 'Barang ' || (n % 40), '', '', 1, n % 7"
                " FROM generate_series(1, 120) AS n"
            )
        )
    client = signed_in()
    for sort in ("name", "-name", "code", "price", "-updated"):
        pages, page, address = [], "", f"/products?sort={sort}"
        while address:
            page = client.get(address).text
            pages.append(listed(page))
            found = re.search(r'href="([^"]+)" rel="next"', page)
            address = found[1].replace("&amp;", "&") if found else ""
        names = [name for each in pages for name in each]
        assert len(names) == 120, sort
        if sort == "name":
            assert names == sorted(names, key=str.lower)
        if sort == "-name":
            assert names == sorted(names, key=str.lower, reverse=True)
        back = re.search(r'href="([^"]+)" rel="prev"', page)
        assert back, sort
        assert listed(client.get(back[1].replace("&amp;", "&")).text) == pages[-2], sort


def test_a_bent_address_is_a_list_and_no_error(signed_in: Clients) -> None:
    client = signed_in()
    for bent in (
        "after=~",
        "after=x~y&sort=price",
        "after=0190a000-0000-7000-8000-000000000001~abc&sort=price",
        "after=0190a000-0000-7000-8000-000000000001~99999999999999999999&sort=updated",
        "category=x&state=y&sort=z&q=%00",
    ):
        assert client.get(f"/products?{bent}").status_code == 200, bent


def test_what_is_listed_comes_out_as_a_file_without_formulas(signed_in: Clients) -> None:
    make(signed_in)
    make(signed_in, code="=1+1", name="=HYPERLINK(1)", barcodes="")
    text_ = signed_in().get("/products.csv").text
    assert text_.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text_[1:])))
    assert [row["Name"] for row in rows] == ["'=HYPERLINK(1)", "Teh Botol"]
    assert rows[1]["Price"] == "4500"
    assert rows[1]["Barcode"] == "8992761002015 | 8992761002022"


def test_no_such_product_is_a_page_that_says_so(signed_in: Clients) -> None:
    client = signed_in()
    for address in ("/products/nothing", "/products/0190a000-0000-7000-8000-000000000001"):
        assert client.get(address).status_code == 404


def test_a_bookkeeper_reads_products_and_changes_none(
    signed_in: Clients, chain_engine: Engine
) -> None:
    product_id, client = make(signed_in), signed_in("lestari")
    page = client.get(f"/products/{product_id}").text
    assert "Teh Botol" in page
    assert 'name="amount"' not in page
    assert post(client, f"/products/{product_id}", **TEA).status_code == 403
    with chain_engine.connect() as connection:
        assert connection.execute(select(product.c.name)).scalars().all() == ["Teh Botol"]
