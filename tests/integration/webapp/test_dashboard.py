"""Today's figures are the sums of today's facts, each branch by its own calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select

from sentra.cloud.tables import branch, sale, tender
from sentra.instants import add_days, local_date
from tests.present import NOW_MS
from tests.support.backoffice import Clients
from tests.support.chain import Chain
from webapp.dashboard import queries
from webapp.dashboard.attention import read_attention
from webapp.places import Place


def places_of(connection: Connection, *codes: str) -> tuple[Place, ...]:
    b = branch.c
    rows = connection.execute(
        select(b.id, b.code, b.name, b.zone).where(b.code.in_(codes)).order_by(b.name)
    )
    return tuple(Place(*row) for row in rows)


def sums(connection: Connection, place: Place, day: str, **where: Any) -> tuple[int, int]:
    """(total, sales) of a branch and business date, from the receipts themselves."""
    s = sale.c
    row = connection.execute(
        select(
            func.coalesce(func.sum(s.total), 0),
            func.count().filter(s.kind == "sale"),
        ).where(s.branch_id == place.id, s.business_date == date.fromisoformat(day))
    ).one()
    return int(row[0]), row[1]


def test_the_figures_are_the_sums_of_the_receipts(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        places = places_of(connection, "JKT", "SGT", "JYP")
        days = queries.calendars(places, NOW_MS)
        compared, shares = queries.read_compared(connection, places, days)
        expected = [sums(connection, place, local_date(NOW_MS, place.zone)) for place in places]
        assert compared.now.total == sum(total for total, _ in expected) > 0
        assert compared.now.sale_count == sum(count for _, count in expected)
        by_branch = {share.key: share.total for share in shares}
        assert by_branch == {p.id: total for p, (total, _) in zip(places, expected, strict=True)}
        before = [sums(connection, p, add_days(local_date(NOW_MS, p.zone), -7)) for p in places]
        assert compared.then_whole.total == sum(total for total, _ in before)
        assert 0 < compared.then.total < compared.then_whole.total


def test_the_curve_adds_up_to_the_total_and_ends_now(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        places = places_of(connection, "JKT", "SGT", "JYP")
        days = queries.calendars(places, NOW_MS)
        compared, _ = queries.read_compared(connection, places, days)
        curve = queries.read_curve(connection, places, days)
    assert sum(value or 0 for value in curve.now) == compared.now.total
    assert sum(curve.then) == compared.then_whole.total
    by_hour = dict(zip(curve.hours, curve.now, strict=True))
    assert by_hour[15] is not None, "it is 15:46 in Jayapura"
    assert by_hour[16] is None, "and nowhere 16 o'clock yet"


def test_tenders_products_and_cashiers_add_up_to_the_same(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        places = places_of(connection, "SGT")
        days = queries.calendars(places, NOW_MS)
        compared, _ = queries.read_compared(connection, places, days)
        t, s = tender.c, sale.c
        paid = connection.execute(
            select(func.sum(t.amount))
            .select_from(tender)
            .join(sale, (s.branch_id == t.branch_id) & (s.sale_id == t.sale_id))
            .where(
                s.branch_id == places[0].id, s.business_date == date.fromisoformat(days[0].today)
            )
        ).scalar_one()
        assert sum(x.total for x in queries.read_tenders(connection, places, days)) == paid
        cashiers = queries.read_cashiers(connection, places, days)
        assert {each.label for each in cashiers} <= {"Wayan", "Nur"}
        assert sum(each.total for each in cashiers) == compared.now.total
        assert sum(x.total for x in queries.read_products(connection, places, days)) > 0


def test_today_is_each_branchs_own_day(chain_engine: Engine) -> None:
    """At 16:00 UTC it is 23:00 in Jakarta and already tomorrow in Jayapura."""
    evening_ms = NOW_MS + (9 * 60 + 14) * 60_000
    with chain_engine.connect() as connection:
        places = places_of(connection, "JKT", "JYP")
        days = {each.zone: each.today for each in queries.calendars(places, evening_ms)}
        assert days == {"Asia/Jakarta": "2026-11-22", "Asia/Jayapura": "2026-11-23"}
        _, shares = queries.read_compared(connection, places, queries.calendars(places, evening_ms))
    totals = {share.label: share.total for share in shares}
    assert totals["Jakarta Tebet"] > 0
    assert totals["Jayapura"] == 0


def test_a_person_without_branches_sees_an_empty_page_and_no_error(chain_engine: Engine) -> None:
    with chain_engine.connect() as connection:
        compared, shares = queries.read_compared(connection, (), ())
        assert compared == queries.NOTHING
        assert shares == ()
        assert queries.read_products(connection, (), ()) == ()
        assert read_attention(connection, (), NOW_MS).is_quiet


def test_what_needs_a_person_is_named(chain_engine: Engine, chain: Chain) -> None:
    with chain_engine.connect() as connection:
        places = places_of(connection, "JKT", "SGT", "JYP")
        found = read_attention(connection, places, NOW_MS)
    assert found.exception_count == 3
    assert {device.branch for device in found.devices} == {"Jayapura"}
    assert all(device.is_silent for device in found.devices)
    assert {drawer.difference for drawer in found.drawers} == {-15_000}


def test_the_dashboard_of_a_manager_is_about_his_branch_alone(signed_in: Clients) -> None:
    page = signed_in("budi").get("/today").text
    assert "Wayan" in page
    for other in ("Jakarta Tebet", "Jayapura", "Dewi", "Yohana"):
        assert other not in page


def test_another_branch_in_the_address_shows_nothing_of_it(
    signed_in: Clients, chain: Chain
) -> None:
    page = signed_in("budi").get(f"/today?branch={chain.branches['JKT']}").text
    assert "Jakarta" not in page
    assert "Dewi" not in page


@pytest.mark.parametrize("address", ["/today", "/today/curve", "/today/details"])
def test_a_fragment_brings_its_own_target_with_it(address: str, signed_in: Clients) -> None:
    answer = signed_in().get(address, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert f'hx-get="{address}"' in answer.text
    assert 'hx-swap="outerHTML"' in answer.text
