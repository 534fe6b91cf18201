"""A small chain that trades: believable baskets, shifts, refunds and drawers, from a seed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Final

from sentra.events import (
    CashMoved,
    Fact,
    RefundCompleted,
    RefundLine,
    SaleCompleted,
    SaleLine,
    SaleVoided,
    ShiftClosed,
    ShiftOpened,
    TaxTotal,
    Tender,
    TenderCount,
)
from sentra.ids import RANDOM_BYTES, uuid7
from sentra.instants import parse_local
from sentra.money import divide_half_away
from tests.support.books import Till

GOODS: Final = (
    ("8992753101207", "Teh Botol 350 ml", 4_500, 12),
    ("8998866200578", "Mie Goreng Spesial 85 g", 3_500, 14),
    ("8991002101234", "Kapal Api Mantap renceng", 9_500, 6),
    ("8999999036584", "Pepsodent Sensitive 50 g", 6_500, 3),
    ("8998866106893", "Daia + Softener 700 g", 10_600, 4),
    ("8992761111113", "Coca-Cola 390 ml", 4_000, 9),
    ("8992696404441", "Nestlé Carnation 495 g", 11_800, 3),
    ("8996001600146", "Malkist Seaweed", 5_600, 6),
    ("8711500401234", "Philips LED 9 W", 58_000, 1),
    ("BRS-RL-05", "Beras Raja Lele 5 kg", 72_000, 3),
    ("MYK-KM-2L", "Minyak Kunci Mas 2 L", 30_100, 4),
    ("8999999039516", "Lux Soft Touch", 3_000, 5),
    ("8992304009228", "Garnier Sakura Night", 25_800, 1),
    ("8992775311608", "Ultra Stroberi 250 ml", 6_000, 8),
)
"""Code, name, price in rupiah, and how often it is bought."""

BUSY: Final = dict(enumerate((2, 4, 5, 6, 8, 9, 6, 5, 5, 7, 9, 8, 6), 7))
"""Hour of day, and how much of the day's trade falls into it."""

FLOAT: Final = 500_000
NOTES: Final = (10_000, 20_000, 50_000, 100_000)


@dataclass(frozen=True, slots=True)
class Cashier:
    """Who stands at the till."""

    id: str
    name: str


class Day:
    """One shift of one till: call `facts()` once."""

    def __init__(
        self,
        till: Till,
        cashier: Cashier,
        date: str,
        sales: int,
        *,
        seed: int,
        until_ms: int | None = None,
        short: int = 0,
        closes: bool = True,
    ) -> None:
        self._till, self._cashier, self._date = till, cashier, date
        self._sales, self._short, self._closes = sales, short, closes
        self._until_ms = until_ms
        self._random = random.Random(f"{seed} {till.id} {date}")
        self._midnight_ms = parse_local(date, till.zone)
        self._shift_id = ""
        self._cash = FLOAT
        self._done: list[SaleCompleted] = []
        self._refunds: list[RefundCompleted] = []
        self._voids = 0
        self._facts: list[tuple[int, str, Fact]] = []

    def facts(self) -> list[tuple[int, str, Fact]]:
        """(recorded_at_ms, business_date, fact), in order."""
        opened_at_ms = self._midnight_ms + 7 * 3_600_000 - 120_000
        self._shift_id = self._id(opened_at_ms)
        self._write(opened_at_ms, self._opened(opened_at_ms))
        for at_ms in self._moments():
            self._one_customer(at_ms)
        end_ms = self._midnight_ms + 20 * 3_600_000
        if self._until_ms is None or end_ms < self._until_ms:
            self._write(end_ms - 300_000, self._dropped(end_ms - 300_000))
            if self._closes:
                self._write(end_ms, self._closed(end_ms))
        return self._facts

    def _one_customer(self, at_ms: int) -> None:
        roll = self._random.random()
        if roll < 0.02 and self._done:
            refund = self._refund(at_ms, self._random.choice(self._done[-20:]))
            if refund is not None:
                self._write(at_ms, refund)
        elif roll < 0.04:
            self._voids += 1
            self._write(at_ms, self._void(at_ms))
        else:
            sale = self._sale(at_ms)
            self._done.append(sale)
            self._write(at_ms, sale)

    def _moments(self) -> list[int]:
        hours = self._random.choices(list(BUSY), list(BUSY.values()), k=self._sales)
        at = sorted(
            self._midnight_ms + hour * 3_600_000 + self._random.randrange(3_600_000)
            for hour in hours
        )
        return [ms for ms in at if self._until_ms is None or ms < self._until_ms]

    def _write(self, at_ms: int, fact: Fact) -> None:
        self._facts.append((at_ms, self._date, fact))

    def _id(self, at_ms: int) -> str:
        return uuid7(at_ms, self._random.randbytes(RANDOM_BYTES))

    def _receipt(self) -> str:
        self._till.receipts += 1
        return f"{self._till.prefix}-{self._date[2:].replace('-', '')}-{self._till.receipts:04d}"

    def _lines(self) -> tuple[SaleLine, ...]:
        count = self._random.choices((1, 2, 3, 4, 6, 9), (5, 6, 5, 3, 2, 1))[0]
        picked = self._random.choices(GOODS, [good[3] for good in GOODS], k=count)
        lines = []
        for position, (code, name, price, _weight) in enumerate(dict.fromkeys(picked), 1):
            pieces = self._random.choices((1, 2, 3, 6), (12, 4, 2, 1))[0]
            discount = divide_half_away(price * pieces, 10) if self._random.random() < 0.06 else 0
            amount = price * pieces - discount
            base = divide_half_away(amount * 100, 111)
            line = SaleLine(
                position=position,
                product_id=None,
                code=code,
                name=name,
                unit="pcs",
                quantity_milli=pieces * 1000,
                unit_price=price,
                discount=discount,
                amount=amount,
                tax_code="PPN",
                tax_base=base,
                tax_amount=amount - base,
                promotion="Promo Jumat −10 %" if discount else None,
            )
            lines.append(line)
        return tuple(lines)

    def _sale(self, at_ms: int) -> SaleCompleted:
        lines = self._lines()
        total = sum(line.amount for line in lines)
        tax = sum(line.tax_amount for line in lines)
        kind = self._random.choices(("cash", "qris", "card"), (12, 6, 2))[0]
        rounding = -(total % 100) if kind == "cash" else 0
        tender = self._tender(kind, total + rounding)
        if kind == "cash":
            self._cash += tender.amount
        return SaleCompleted(
            sale_id=self._id(at_ms - 45_000),
            receipt_number=self._receipt(),
            shift_id=self._shift_id,
            cashier_id=self._cashier.id,
            cashier_name=self._cashier.name,
            currency="IDR",
            opened_at_ms=at_ms - 45_000,
            completed_at_ms=at_ms,
            business_date=self._date,
            zone=self._till.zone,
            lines=lines,
            taxes=(TaxTotal("PPN", "PPN 12% × 11/12", True, total - tax, tax),),
            tenders=(tender,),
            goods_total=total,
            discount_total=sum(line.discount for line in lines),
            tax_total=tax,
            total=total,
            rounding=rounding,
        )

    def _tender(self, kind: str, due: int) -> Tender:
        if kind != "cash":
            reference = f"{self._random.randrange(10**6):06d}"
            return Tender(kind, due, due, 0, reference)
        received = next((note for note in NOTES if note >= due), -(-due // 50_000) * 50_000)
        return Tender(kind, due, received, received - due)

    def _refund(self, at_ms: int, sale: SaleCompleted) -> RefundCompleted | None:
        if any(refund.original_sale_id == sale.sale_id for refund in self._refunds):
            return None
        line = sale.lines[0]
        self._cash -= line.amount
        refund = RefundCompleted(
            refund_id=self._id(at_ms - 30_000),
            original_sale_id=sale.sale_id,
            original_receipt_number=sale.receipt_number,
            receipt_number=self._receipt(),
            shift_id=self._shift_id,
            cashier_id=self._cashier.id,
            cashier_name=self._cashier.name,
            currency="IDR",
            opened_at_ms=at_ms - 30_000,
            completed_at_ms=at_ms,
            business_date=self._date,
            zone=self._till.zone,
            lines=(
                RefundLine(
                    1,
                    line.position,
                    None,
                    line.code,
                    line.name,
                    line.unit,
                    line.quantity_milli,
                    line.unit_price,
                    line.amount,
                    line.tax_code,
                    line.tax_base,
                    line.tax_amount,
                ),
            ),
            taxes=(TaxTotal("PPN", "PPN 12% × 11/12", True, line.tax_base, line.tax_amount),),
            tenders=(Tender("cash", line.amount, line.amount, 0),),
            goods_total=line.amount,
            tax_total=line.tax_amount,
            total=line.amount,
            rounding=0,
            reason="Kemasan rusak",
        )
        self._refunds.append(refund)
        return refund

    def _void(self, at_ms: int) -> SaleVoided:
        return SaleVoided(
            sale_id=self._id(at_ms - 60_000),
            receipt_number=self._receipt(),
            shift_id=self._shift_id,
            cashier_id=self._cashier.id,
            cashier_name=self._cashier.name,
            currency="IDR",
            opened_at_ms=at_ms - 60_000,
            voided_at_ms=at_ms,
            business_date=self._date,
            line_count=2,
            total=16_500,
            reason="Pelanggan tidak jadi",
        )

    def _opened(self, at_ms: int) -> ShiftOpened:
        day = int(self._date[8:])
        return ShiftOpened(
            self._shift_id,
            day,
            self._cashier.id,
            self._cashier.name,
            "IDR",
            at_ms,
            self._date,
            self._till.zone,
            FLOAT,
        )

    def _dropped(self, at_ms: int) -> CashMoved:
        amount = (self._cash - FLOAT) // 100_000 * 100_000
        self._cash -= amount
        return CashMoved(
            self._id(at_ms),
            self._shift_id,
            "drop",
            -amount,
            "IDR",
            self._cashier.id,
            self._cashier.name,
            at_ms,
            self._date,
            "Setor ke brankas",
        )

    def _closed(self, at_ms: int) -> ShiftClosed:
        total = sum(sale.total for sale in self._done) - sum(each.total for each in self._refunds)
        rounding = sum(sale.rounding for sale in self._done)
        counted = self._cash - self._short
        return ShiftClosed(
            shift_id=self._shift_id,
            cashier_id=self._cashier.id,
            cashier_name=self._cashier.name,
            currency="IDR",
            closed_at_ms=at_ms,
            business_date=self._date,
            sale_count=len(self._done),
            refund_count=len(self._refunds),
            void_count=self._voids,
            total=total,
            rounding=rounding,
            tenders=self._tender_counts(),
            expected_cash=self._cash,
            counted_cash=counted,
            difference=counted - self._cash,
            denominations=((100_000, counted // 100_000),),
            last_hash="",  # Books puts in the hash of the entry before.
        )

    def _tender_counts(self) -> tuple[TenderCount, ...]:
        """What was taken by other ways than cash, which count as expected."""
        taken: Counter[str] = Counter()
        for sale in self._done:
            for tender in sale.tenders:
                taken[tender.kind] += tender.amount
        for refund in self._refunds:
            for tender in refund.tenders:
                taken[tender.kind] -= tender.amount
        del taken["cash"]
        return tuple(TenderCount(kind, amount, amount) for kind, amount in sorted(taken.items()))
