"""A database that is made from the archive alone tells tills again what was decided."""

from __future__ import annotations

from sqlalchemy import Engine, insert, text

from sentra.cloud import feed
from sentra.cloud.database import make_engine
from sentra.cloud.identity import new_id
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import LocalObjects
from sentra.cloud.people import find_by_login
from sentra.cloud.tables import category, product, product_barcode, product_price
from sentra.protocol.feed import COMPANY, FeedItem
from tests.integration.sync.rebuilding import Command, archive, owner_of
from tests.present import NOW_MS
from tests.support.chain import Chain
from webapp.catalogue.publishing import category_items, product_items


def decide(engine: Engine, chain: Chain, keys: CompanyKeys) -> None:
    """A product in a category, with codes and prices; a second one, of which nobody sells any."""
    here, ids = chain.branches["SGT"], [new_id(NOW_MS) for _ in range(4)]
    with engine.begin() as connection:
        kinds = {"id": ids[0], "name": "Minuman", "position": 3}
        connection.execute(insert(category).values(kinds))
        made = {"tax_code": "PPN", "unit": "pcs", "created_at_ms": 1, "updated_at_ms": 1}
        both = {"active": True, "category_id": ids[0], "weighed": True, "picture": "p/1.webp"}
        connection.execute(
            insert(product),
            [
                {"id": ids[1], "code": "TEH", "name": "Teh", **made, **both},
                {"id": ids[2], "code": "OLD", "name": "Lama", **made, **both, "active": False},
            ],
        )
        codes = [{"product_id": ids[1], "barcode": code} for code in ("899", "900")]
        connection.execute(insert(product_barcode), codes)
        prices = [(None, 4_500, 0), (here, 5_000, 10), (None, 4_700, NOW_MS)]
        connection.execute(
            insert(product_price),
            [
                {"id": new_id(NOW_MS), "product_id": ids[1], "branch_id": branch_id,
                 "amount": amount, "from_ms": from_ms, "created_at_ms": 1}
                for branch_id, amount, from_ms in prices
            ],
        )  # fmt: skip
        items = [
            *category_items(connection, ids[:1]),
            *product_items(connection, ids[1:3], NOW_MS),
            FeedItem("coupon", "c1", b"{}"),
        ]
        key = keys.signing_key
        feed.publish(connection, COMPANY, items, now_ms=NOW_MS, signing_key=key)


DECIDED = {
    "category": "SELECT * FROM category ORDER BY id",
    "tax": "SELECT * FROM tax ORDER BY id",
    "product": "SELECT id, code, name, category_id, unit, tax_code, weighed, active, picture"
    " FROM product ORDER BY id",
    "product_barcode": "SELECT * FROM product_barcode ORDER BY 1, 2",
    "product_price": "SELECT product_id, branch_id, amount, from_ms FROM product_price"
    " ORDER BY amount",
    "app_user": "SELECT id, name, pin_hash, roles, branch_ids, locale FROM app_user"
    " WHERE pin_hash IS NOT NULL ORDER BY id",
    "feed_item": "SELECT scope, kind, key, body FROM feed_item WHERE kind <> 'device'"
    " ORDER BY 1, 2, 3",
}


def test_from_the_archive_alone_tills_are_told_what_was_decided(
    command: Command,
    as_owner: Engine,
    chain: Chain,
    empty_url: str,
    folder: LocalObjects,
    company_keys: CompanyKeys,
) -> None:
    """In a new timeline a till drops what it is not told again."""
    decide(as_owner, chain, company_keys)
    archive(as_owner, folder, company_keys)
    done = command("rebuild", "--from-archive", url=empty_url)
    assert (done.exit_code, "What was decided is" in done.output) == (0, True), done.output
    engine = make_engine(empty_url)
    with as_owner.connect() as was, engine.connect() as now:
        for table, question in DECIDED.items():
            before = was.execute(text(question)).all()
            assert before, table
            assert now.execute(text(question)).all() == before, table
    owner = ("--owner", "ibu", "--owner-password", "rahasia-sekali")
    made = command("init", "--company", "x", *owner, url=owner_of(empty_url))
    assert made.exit_code == 0, made.output
    with engine.connect() as now:
        assert find_by_login(now, "ibu") is not None, "somebody can sign in again"
    engine.dispose()
