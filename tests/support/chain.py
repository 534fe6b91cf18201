"""A whole small company in one call: three branches in three zones, people, devices, some days."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from sentra.cloud import tables
from sentra.cloud.branches import create_branch
from sentra.cloud.company import init_company
from sentra.cloud.identity import new_id
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.people import create_person
from sentra.instants import add_days, local_date
from tests.support.books import Books, Till
from tests.support.trade import Cashier, Day

PASSWORD: Final = "rahasia-sekali"
VERSION: Final = "0.1.0"

BRANCHES: Final = (
    ("JKT", "Jakarta Tebet", "WIB", "Jl. Tebet Raya 14, Jakarta Selatan", ("Dewi", "Agus", "Sari")),
    ("SGT", "Sangatta", "WITA", "Jl. Yos Sudarso II 88, Kutai Timur", ("Wayan", "Nur", "Made")),
    ("JYP", "Jayapura", "WIT", "Jl. Percetakan 5, Jayapura", ("Yohana", "Markus")),
)


@dataclass(slots=True)
class Chain:
    """What was made, by name."""

    branches: dict[str, str] = field(default_factory=dict)
    tills: dict[str, Till] = field(default_factory=dict)
    routers: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)


def make_chain(
    connection: Connection, keys: CompanyKeys, now_ms: int, *, days: int = 2, sales: int = 12
) -> Chain:
    """Make the company; each till trades `days` days, today up to `now_ms`, about `sales` a day."""
    chain, books = Chain(), Books(connection)
    init_company(
        connection,
        name="Toko Sentosa",
        currency="IDR",
        now_ms=now_ms,
        signing_key=keys.signing_key,
    )
    for code, name, zone, address, _cashiers in BRANCHES:
        chain.branches[code] = create_branch(
            connection,
            code=code,
            name=name,
            zone=zone,
            now_ms=now_ms - 40 * 86_400_000,
            signing_key=keys.signing_key,
            address=address,
            cash_step=100,
            receipt_header="Toko Sentosa",
            receipt_footer="Terima kasih, sampai jumpa lagi",
        )
    _add_people(connection, keys, chain, now_ms)
    _add_devices(books, chain, now_ms)
    _trade(connection, books, chain, now_ms, days, sales)
    _raise_exceptions(connection, chain, now_ms)
    return chain


def _add_people(connection: Connection, keys: CompanyKeys, chain: Chain, now_ms: int) -> None:
    def add(name: str, roles: list[str], login: str | None, branches: list[str] | None) -> None:
        chain.people[name] = create_person(
            connection,
            name=name,
            roles=roles,
            keys=keys,
            now_ms=now_ms,
            login=login,
            password=PASSWORD if login else None,
            pin=None if login and "cashier" not in roles else "246810",
            branch_ids=branches,
        )

    add("Ratna Wijaya", ["owner"], "ratna", None)
    add("Budi Santoso", ["manager"], "budi", [chain.branches["SGT"]])
    add("Lestari", ["bookkeeper"], "lestari", None)
    add("Teguh", ["branch_it"], "teguh", None)
    add("Kasir Kantor", ["cashier"], "kasir", [chain.branches["JKT"]])
    for code, _name, _zone, _address, cashiers in BRANCHES:
        for index, cashier in enumerate(cashiers):
            roles = ["supervisor", "cashier"] if index == 0 else ["cashier"]
            add(cashier, roles, None, [chain.branches[code]])


def _add_devices(books: Books, chain: Chain, now_ms: int) -> None:
    heard = {"SGT": now_ms - 4_000, "JKT": now_ms - 9_000, "JYP": now_ms - 47 * 60_000}
    for code, name, zone, _address, cashiers in BRANCHES:
        branch = chain.branches[code]
        chain.routers[code], _ = books.add_device(
            branch,
            "router",
            1,
            f"Router {name}",
            now_ms - 40 * 86_400_000,
            software=VERSION,
            last_heard_at_ms=heard[code],
            addresses=["192.168.1.10:8443"],
            host="mini-pc",
        )
        for number, _cashier in enumerate(cashiers[:2], 1):
            behind = code == "JYP"
            chain.tills[f"{code}-{number}"] = books.add_till(
                branch,
                code,
                zone,
                number,
                now_ms - 40 * 86_400_000,
                software=VERSION if number == 1 else "0.0.9",
                last_heard_at_ms=heard[code] - number * 1_000,
                skew_ms=200 if number == 1 else -192_000,
                backlog=37 if behind else 0,
                oldest_waiting_ms=now_ms - 12 * 60_000 if behind else None,
                host=f"pos-{code.lower()}-{number}",
                via=chain.routers[code],
            )


def _trade(
    connection: Connection, books: Books, chain: Chain, now_ms: int, days: int, sales: int
) -> None:
    for code, _name, zone, _address, cashiers in BRANCHES:
        today = local_date(now_ms, zone)
        for number in (1, 2):
            till = chain.tills[f"{code}-{number}"]
            cashier = Cashier(chain.people[cashiers[number - 1]], cashiers[number - 1])
            for back in range(days - 1, -1, -1):
                share = {"JKT": 1.3, "SGT": 1.0, "JYP": 0.6}[code]
                day = Day(
                    till,
                    cashier,
                    add_days(today, -back),
                    int(sales * share * (1.25 if back % 7 in (0, 1) else 1)),
                    seed=20261122,
                    until_ms=now_ms if back == 0 else None,
                    short=15_000 if (back, number) == (1, 2) else 0,
                )
                if facts := day.facts():
                    # A branch without its line for some minutes: the router kept what came.
                    slow = code == "JYP" and back == 0
                    books.record(till, facts, cloud_ms=9 * 60_000 if slow else 180)


def _raise_exceptions(connection: Connection, chain: Chain, now_ms: int) -> None:
    till = chain.tills["SGT-2"]
    rows = (
        (
            "stock-negative",
            "warning",
            {"code": "8992753101207", "name": "Teh Botol 350 ml", "quantity_milli": -7_000},
            now_ms - 3_600_000,
        ),
        (
            "product-unknown",
            "warning",
            {"code": "8990001", "name": "Kerupuk udang"},
            now_ms - 7_200_000,
        ),
        (
            "fact-unknown",
            "error",
            {"fact": "loyalty.earned", "schema": 1, "reason": "loyalty.earned schema 1"},
            now_ms - 86_400_000,
        ),
    )
    for number, (kind, severity, params, at_ms) in enumerate(rows, 2):
        connection.execute(
            tables.exception.insert().values(
                branch_id=till.branch_id,
                id=new_id(at_ms),
                kind=kind,
                severity=severity,
                terminal_id=till.id,
                epoch=1,
                seq=number,
                params=params,
                dedup_key=f"{kind}:{till.id}:{number}",
                opened_at_ms=at_ms,
            )
        )
