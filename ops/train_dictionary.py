"""Trains the dictionary that segments are compressed with, from generated journal entries.

Run once for each number; a dictionary that has shipped is never changed, because sealed segments
name it for ever: python ops/train_dictionary.py 1
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import msgspec
import zstandard

from sentra.events import (
    CashMoved,
    Fact,
    RefundCompleted,
    RefundLine,
    SaleCompleted,
    SaleLine,
    ShiftClosed,
    ShiftOpened,
    TaxTotal,
    Tender,
    TenderCount,
)
from sentra.ids import uuid7
from sentra.protocol.bodies import encode_fact

DICTIONARY_BYTES = 32 * 1024
SAMPLES = 6_000
START_MS = 1_767_225_600_000
_WORDS = [
    "Indomie",
    "Goreng",
    "Soto",
    "Ayam",
    "Teh",
    "Botol",
    "Sosro",
    "Kopi",
    "Kapal",
    "Api",
    "Susu",
    "Ultra",
    "Stroberi",
    "Cokelat",
    "Roti",
    "Tawar",
    "Sari",
    "Beras",
    "Minyak",
    "Gula",
    "Pasir",
    "Sabun",
    "Mandi",
    "Lifebuoy",
    "Sampo",
    "Pantene",
    "Pepsodent",
    "Rinso",
    "Molto",
    "Aqua",
    "Le",
    "Minerale",
    "Chitato",
    "Taro",
    "Oreo",
    "Roma",
    "Kelapa",
    "Bango",
    "Kecap",
    "Manis",
    "Telur",
    "Tepung",
    "Segitiga",
    "Biru",
]
_UNITS = ("pcs", "pak", "btl", "kg", "dus", "bks")


class _Maker:
    """Makes facts that look like a shop's, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - believable, not secret
        self.at_ms = START_MS
        self.number = 0
        self.products = [self._product() for _ in range(400)]
        self.people = [(self.id(), name) for name in ("Dewi", "Budi", "Siti", "Agus", "Rina")]
        self.shift, self.sale = self.id(), self.id()

    def id(self) -> str:
        return uuid7(self.at_ms, self.random.randbytes(10))

    def _product(self) -> tuple[str, str, str, str, int]:
        name = " ".join(self.random.sample(_WORDS, 3))
        code = self.random.choice(
            [f"B{self.random.randrange(10**6):06}", f"899{self.random.randrange(10**10):010}"]
        )
        return (
            self.id(),
            code,
            name,
            self.random.choice(_UNITS),
            self.random.randrange(1, 200) * 500,
        )

    def _line(self, position: int) -> SaleLine:
        product, code, name, unit, price = self.random.choice(self.products)
        quantity = self.random.choice((1, 1, 1, 2, 3)) * 1000
        amount = price * quantity // 1000
        base = amount * 100 // 111
        open_item = self.random.random() < 0.2
        return SaleLine(
            position,
            None if open_item else product,
            code,
            name,
            unit,
            quantity,
            price,
            0,
            amount,
            "PPN",
            base,
            amount - base,
        )

    def fact(self) -> Fact:
        self.at_ms += self.random.randrange(20_000, 400_000)
        kind = self.random.random()
        cashier, name = self.random.choice(self.people)
        day = f"2026-{self.random.randrange(1, 13):02}-{self.random.randrange(1, 29):02}"
        zone = self.random.choice(("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"))
        if kind < 0.01:
            self.shift = self.id()
            return ShiftOpened(self.shift, 1, cashier, name, "IDR", self.at_ms, day, zone, 200_000)
        if kind < 0.02:
            counts = (TenderCount("cash", 900_000, 900_000), TenderCount("qris", 90_000, 90_000))
            return ShiftClosed(
                self.shift,
                cashier,
                name,
                "IDR",
                self.at_ms,
                day,
                90,
                1,
                1,
                990_000,
                0,
                counts,
                1_100_000,
                1_100_000,
                0,
                ((100_000, 5), (50_000, 4)),
                self.random.randbytes(32).hex(),
            )
        if kind < 0.03:
            return CashMoved(
                self.id(),
                self.shift,
                "paid_out",
                -20_000,
                "IDR",
                cashier,
                name,
                self.at_ms,
                day,
                "Beli galon",
            )
        lines = tuple(
            self._line(n) for n in range(1, self.random.choice((1, 2, 2, 3, 3, 4, 6)) + 1)
        )
        total = sum(line.amount for line in lines)
        tax = TaxTotal(
            "PPN",
            "PPN 11 %",
            True,
            sum(x.tax_base for x in lines),
            sum(x.tax_amount for x in lines),
        )
        self.number += 1
        where = self.random.choice(("SGT", "JKT", "MKS", "DJJ"))
        till, serial = self.random.randrange(1, 5), self.number % 10_000
        receipt = f"{where}-{till}-26{day[5:7]}{day[8:]}-{serial:04}"
        if kind < 0.05:
            line = lines[0]
            back = RefundLine(
                1,
                1,
                line.product_id,
                line.code,
                line.name,
                line.unit,
                line.quantity_milli,
                line.unit_price,
                line.amount,
                "PPN",
                line.tax_base,
                line.tax_amount,
            )
            return RefundCompleted(
                self.id(),
                self.sale,
                receipt,
                receipt,
                self.shift,
                cashier,
                name,
                "IDR",
                self.at_ms,
                self.at_ms,
                day,
                zone,
                (back,),
                (tax,),
                (Tender("cash", line.amount, line.amount, 0),),
                line.amount,
                line.tax_amount,
                line.amount,
                0,
                "Barang rusak",
            )
        self.sale = self.id()
        kind_of_tender = self.random.choice(("cash", "cash", "cash", "qris", "card"))
        received = total if kind_of_tender != "cash" else -(-total // 50_000) * 50_000
        reference = None if kind_of_tender == "cash" else f"{self.random.randrange(10**6):06}"
        return SaleCompleted(
            self.sale,
            receipt,
            self.shift,
            cashier,
            name,
            "IDR",
            self.at_ms - 40_000,
            self.at_ms,
            day,
            zone,
            lines,
            (tax,),
            (Tender(kind_of_tender, total, received, received - total, reference),),
            total,
            0,
            tax.amount,
            total,
            0,
            self.random.randrange(1, 99),
        )


def main() -> None:
    """Writes sentra/protocol/dictionary-N.zstd; refuses to overwrite one."""
    path = Path(__file__).parents[1] / "sentra" / "protocol" / f"dictionary-{int(sys.argv[1])}.zstd"
    if path.exists():
        raise SystemExit(f"{path.name} has shipped and is never changed; take the next number")
    maker = _Maker(1)
    samples = []
    for _ in range(SAMPLES):
        kind, schema, body = encode_fact(maker.fact())
        samples.append(msgspec.msgpack.encode([(kind, schema, maker.at_ms, "2026-11-22", body)]))
    dictionary = zstandard.train_dictionary(DICTIONARY_BYTES, samples, level=3)
    path.write_bytes(dictionary.as_bytes())


if __name__ == "__main__":
    main()
