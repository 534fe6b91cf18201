"""The demo's shop is believable and the same for the same seed."""

from __future__ import annotations

import csv
from pathlib import Path

from demo.goods import SHOPS, goods, write_catalogue, write_tickets

NOON_MS = 1_795_320_000_000
"""2026-11-22 04:00 UTC: noon in Sangatta, eleven in Bandung, one in Jayapura."""


def test_every_barcode_has_a_right_check_digit() -> None:
    for good in goods():
        digits = [int(digit) for digit in good.barcode]
        weighed = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
        assert len(digits) == 13
        assert weighed % 10 == 0, good.name


def test_names_and_codes_are_each_there_once() -> None:
    found = goods()
    assert len({good.name for good in found}) == len(found)
    assert len({good.code for good in found}) == len(found)


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_tickets(tmp_path / name, SHOPS, until_ms=NOON_MS, days=3, seed=7)
        write_catalogue(tmp_path / f"{name}.csv", seed=7)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_tickets_come_in_the_order_of_time_from_every_shop(tmp_path: Path) -> None:
    count = write_tickets(tmp_path / "t.csv", SHOPS, until_ms=NOON_MS, days=3)
    with (tmp_path / "t.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["ticket"] for row in rows}) == count
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert {row["branch"] for row in rows} == {shop.name for shop in SHOPS}


def test_no_ticket_is_later_than_its_shop_s_own_clock(tmp_path: Path) -> None:
    write_tickets(tmp_path / "t.csv", SHOPS, until_ms=NOON_MS, days=2)
    with (tmp_path / "t.csv").open(encoding="utf-8") as file:
        latest = {row["branch"]: row["at"] for row in csv.DictReader(file)}
    assert latest["Bandung"] <= "2026-11-22T11:00:00"
    assert "2026-11-22T11:00:00" < latest["Jayapura"] <= "2026-11-22T13:00:00"
