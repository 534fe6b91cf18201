"""Categories: named once, in the order of the tills' tiles, removed only when empty."""

from __future__ import annotations

from sqlalchemy import Engine, select

from sentra.cloud import feed
from sentra.cloud.tables import category
from sentra.events import Category
from sentra.protocol.bodies import decode_decision
from sentra.protocol.feed import COMPANY
from tests.integration.webapp.test_products import TEA
from tests.support.backoffice import Clients, post


def at_tills(engine: Engine) -> list[str]:
    """The names in the order in which tills show them."""
    with engine.connect() as connection:
        items = feed.state(connection, COMPANY)
    found = [decode_decision(i.kind, i.body) for i in items if i.kind == "category" and i.body]
    named = [each for each in found if isinstance(each, Category)]
    return [each.name for each in sorted(named, key=lambda each: each.position)]


def id_of(engine: Engine, name: str) -> str:
    with engine.connect() as connection:
        question = select(category.c.id).where(category.c.name == name)
        return str(connection.execute(question).scalar_one())


def test_categories_are_tiles_in_the_order_that_a_person_gave_them(
    signed_in: Clients, chain_engine: Engine
) -> None:
    client = signed_in()
    for name in ("Minuman", "Makanan", "Obat"):
        assert post(client, "/categories", name=name).status_code == 303
    assert at_tills(chain_engine) == ["Minuman", "Makanan", "Obat"]
    post(client, f"/categories/{id_of(chain_engine, 'Obat')}/move", direction="up")
    assert at_tills(chain_engine) == ["Minuman", "Obat", "Makanan"]
    post(client, f"/categories/{id_of(chain_engine, 'Minuman')}/move", direction="down")
    assert at_tills(chain_engine) == ["Obat", "Minuman", "Makanan"]


def test_a_category_gets_another_name_but_not_one_that_is_taken(
    signed_in: Clients, chain_engine: Engine
) -> None:
    client = signed_in()
    post(client, "/categories", name="Minuman")
    post(client, "/categories", name="Obat")
    obat = id_of(chain_engine, "Obat")
    assert post(client, f"/categories/{obat}", name="Obat-obatan").status_code == 303
    assert at_tills(chain_engine) == ["Minuman", "Obat-obatan"]
    answer = post(client, f"/categories/{obat}", name="MINUMAN")
    assert answer.status_code == 422
    assert "There is a category called MINUMAN already" in answer.text
    answer = post(client, "/categories", name="minuman")
    assert answer.status_code == 422
    assert 'value="minuman"' in answer.text


def test_a_category_with_products_is_not_removed(signed_in: Clients, chain_engine: Engine) -> None:
    client = signed_in()
    post(client, "/categories", name="Minuman")
    minuman = id_of(chain_engine, "Minuman")
    post(client, "/products", **{**TEA, "category": minuman})
    answer = post(client, f"/categories/{minuman}/delete")
    assert "There are products in this category" in client.get(answer.location).text
    assert at_tills(chain_engine) == ["Minuman"]


def test_an_empty_category_leaves_the_tills(signed_in: Clients, chain_engine: Engine) -> None:
    client = signed_in()
    post(client, "/categories", name="Minuman")
    post(client, f"/categories/{id_of(chain_engine, 'Minuman')}/delete")
    assert at_tills(chain_engine) == []


def test_what_is_no_category_is_not_found(signed_in: Clients) -> None:
    client = signed_in()
    nobody = "0190a000-0000-7000-8000-000000000001"
    for address in (f"/categories/{nobody}", f"/categories/{nobody}/delete"):
        assert post(client, address, name="X").status_code == 404
