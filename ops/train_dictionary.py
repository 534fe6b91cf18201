"""Trains the dictionary that segments are compressed with, from generated journal entries.

Run once for each number; a dictionary that has shipped is never changed, because sealed segments
name it for ever: python ops/train_dictionary.py 1
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
        """The next fact: mostly sales, now and then what goes around them."""
        self.at_ms += self.random.randrange(20_000, 400_000)
        kind = self.random.random()
        if kind < 0.01:
            return self._opened()
        if kind < 0.02:
            return self._closed()
        if kind < 0.03:
            return self._moved()
        return self._refund() if kind < 0.05 else self._sale()

    def _context(self) -> dict[str, Any]:
        """The fields that most facts share."""
        cashier, name = self.random.choice(self.people)
        day = f"2026-{self.random.randrange(1, 13):02}-{self.random.randrange(1, 29):02}"
        return {
            "shift_id": self.shift,
            "cashier_id": cashier,
            "cashier_name": name,
            "currency": "IDR",
            "business_date": day,
        }

    def _receipt(self, day: str) -> str:
        self.number += 1
        where = self.random.choice(("SGT", "JKT", "MKS", "DJJ"))
        till, serial = self.random.randrange(1, 5), self.number % 10_000
        return f"{where}-{till}-26{day[5:7]}{day[8:]}-{serial:04}"

    def _zone(self) -> str:
        return self.random.choice(("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"))

    def _opened(self) -> ShiftOpened:
        self.shift = self.id()
        return ShiftOpened(
            number=1,
            opened_at_ms=self.at_ms,
            zone=self._zone(),
            opening_float=200_000,
            **self._context(),
        )

    def _closed(self) -> ShiftClosed:
        return ShiftClosed(
            closed_at_ms=self.at_ms,
            sale_count=90,
            refund_count=1,
            void_count=1,
            total=990_000,
            rounding=0,
            tenders=(TenderCount("cash", 900_000, 900_000), TenderCount("qris", 90_000, 90_000)),
            expected_cash=1_100_000,
            counted_cash=1_100_000,
            difference=0,
            denominations=((100_000, 5), (50_000, 4)),
            last_hash=self.random.randbytes(32).hex(),
            **self._context(),
        )

    def _moved(self) -> CashMoved:
        return CashMoved(
            movement_id=self.id(),
            kind="paid_out",
            amount=-20_000,
            moved_at_ms=self.at_ms,
            reason="Beli galon",
            **self._context(),
        )

    def _refund(self) -> RefundCompleted:
        context, line = self._context(), self._line(1)
        back = RefundLine(
            position=1,
            original_position=1,
            product_id=line.product_id,
            code=line.code,
            name=line.name,
            unit=line.unit,
            quantity_milli=line.quantity_milli,
            unit_price=line.unit_price,
            amount=line.amount,
            tax_code=line.tax_code,
            tax_base=line.tax_base,
            tax_amount=line.tax_amount,
        )
        return RefundCompleted(
            refund_id=self.id(),
            original_sale_id=self.sale,
            original_receipt_number=self._receipt(context["business_date"]),
            receipt_number=self._receipt(context["business_date"]),
            opened_at_ms=self.at_ms,
            completed_at_ms=self.at_ms,
            zone=self._zone(),
            lines=(back,),
            taxes=(_tax_over([line]),),
            tenders=(Tender("cash", line.amount, line.amount, 0),),
            goods_total=line.amount,
            tax_total=line.tax_amount,
            total=line.amount,
            rounding=0,
            reason="Barang rusak",
            **context,
        )

    def _sale(self) -> SaleCompleted:
        context, self.sale = self._context(), self.id()
        count = self.random.choice((1, 2, 2, 3, 3, 4, 6))
        lines = tuple(self._line(number) for number in range(1, count + 1))
        tax, total = _tax_over(lines), sum(line.amount for line in lines)
        kind = self.random.choice(("cash", "cash", "cash", "qris", "card"))
        received = total if kind != "cash" else -(-total // 50_000) * 50_000
        reference = None if kind == "cash" else f"{self.random.randrange(10**6):06}"
        return SaleCompleted(
            sale_id=self.sale,
            receipt_number=self._receipt(context["business_date"]),
            opened_at_ms=self.at_ms - 40_000,
            completed_at_ms=self.at_ms,
            zone=self._zone(),
            lines=lines,
            taxes=(tax,),
            tenders=(Tender(kind, total, received, received - total, reference),),
            goods_total=total,
            discount_total=0,
            tax_total=tax.amount,
            total=total,
            rounding=0,
            feed_revision=self.random.randrange(1, 99),
            **context,
        )


def _tax_over(lines: Sequence[SaleLine]) -> TaxTotal:
    base, amount = sum(line.tax_base for line in lines), sum(line.tax_amount for line in lines)
    return TaxTotal("PPN", "PPN 12% × 11/12", inclusive=True, base=base, amount=amount)


def main() -> None:
    """Writes sentra/protocol/dictionary-N.zstd; refuses to overwrite one."""
    path = Path(__file__).parents[1] / "sentra" / "protocol" / f"dictionary-{int(sys.argv[1])}.zstd"
    if path.exists():
        raise SystemExit(f"{path.name} has shipped and is never changed; take the next number")
    maker = _Maker(1)
    samples: list[bytes | bytearray | memoryview] = []
    for _ in range(SAMPLES):
        kind, schema, body = encode_fact(maker.fact())
        samples.append(msgspec.msgpack.encode([(kind, schema, maker.at_ms, "2026-11-22", body)]))
    dictionary = zstandard.train_dictionary(DICTIONARY_BYTES, samples, level=3)
    path.write_bytes(dictionary.as_bytes())


if __name__ == "__main__":
    main()
