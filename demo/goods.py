"""A believable minimarket: goods with prices, and weeks of tickets, from one seed."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from sentra.instants import at_local

CATALOGUE_HEADER = (
    "kode", "barcode", "nama", "kategori", "satuan_jual", "harga_beli", "harga_jual", "stok",
)  # fmt: skip
TICKETS_HEADER = (
    "ticket", "branch", "terminal", "at", "code", "name", "quantity", "unit_price", "payment",
)  # fmt: skip

_GOODS = {
    "Mie instan": (
        "Indomie Goreng:3500 Indomie Soto:3300 Indomie Kari Ayam:3400 Mie Sedaap Goreng:3300 "
        "Mie Sedaap Soto:3200 Sarimi Isi 2:4200 Pop Mie Ayam:6500 Pop Mie Baso:6500 Supermi "
        "Ayam:3000"
    ),
    "Minuman": (
        "Teh Botol 350 ml:4500 Teh Pucuk Harum:4000 Aqua 600 ml:3500 Aqua 1,5 L:6500 Le "
        "Minerale 600 ml:3500 Coca-Cola 390 ml:5500 Fanta Stroberi 390 ml:5500 Pocari "
        "Sweat:8500 Ultra Milk Stroberi:6500 Ultra Milk Cokelat:6500 Good Day Freeze:7000 "
        "Floridina:3500"
    ),
    "Kopi & teh": (
        "Kapal Api Mantap:9500 Kopi ABC Susu:15000 Luwak White Koffie:14500 Torabika:13000 "
        "Teh Sariwangi 25:7500 Teh Celup Sosro:7000 Nescafé Classic:12500 Max Tea "
        "Tarikk:11500"
    ),
    "Makanan ringan": (
        "Chitato Sapi Panggang:11500 Taro Net:6000 Qtela Singkong:8500 Oreo Vanila:9500 Roma "
        "Kelapa:9000 Malkist Crackers:8500 Malkist Seaweed:5600 Beng-Beng:2500 "
        "SilverQueen:17500 Kopiko 78 °C:4500 Relaxa Mint:7500 Kacang Garuda:12500 Pilus "
        "Garuda:6500 Tango Wafer:8000"
    ),
    "Sembako": (
        "Beras Raja Lele 5 kg:72000 Beras Pandan 5 kg:76000 Gula Pasir 1 kg:17500 Minyak "
        "Kunci Mas 2 L:38500 Minyak Bimoli 1 L:21500 Tepung Segitiga 1 kg:13500 Telur ayam 1 "
        "kg:28500 Kecap Bango 550 ml:24500 Garam Refina:3500 Saus ABC 335 ml:15500"
    ),
    "Susu & roti": (
        "Dancow Instan 400 g:52000 Frisian Flag Kental:13500 Bear Brand:10500 Sari Roti "
        "Tawar:16500 Sari Roti Cokelat:6000 Keju Kraft 165 g:24500 Indomilk Cair:7500"
    ),
    "Sabun & deterjen": (
        "Rinso Anti Noda 770 g:25500 Daia + Softener 700 g:15600 Molto 780 ml:18500 Downy "
        "Sekali Bilas:14400 Sunlight 755 ml:16500 Lifebuoy Cair:27500 Lux Soft Touch:4200 "
        "Wipol 780 ml:20500 Super Pell:15500"
    ),
    "Perawatan": (
        "Pepsodent 190 g:14500 Pepsodent Sensitive:18500 Sikat Gigi Formula:8500 Pantene 135 "
        "ml:24500 Clear Menthol 160 ml:26500 Garnier Sakura:25800 Rexona Roll:18500 Laurier "
        "Maxi:14500 Softex Daun Sirih:12500 MamyPoko M20:47500 Tisu Paseo 250:14500"
    ),
    "Rokok": (
        "Sampoerna Mild 16:35500 Gudang Garam Filter:26500 Djarum Super 12:24500 Avolution "
        "Slim:24000 Surya 16:36500 Marlboro Merah:44500"
    ),
    "Rumah tangga": (
        "Philips LED 9 W:58000 Baterai ABC AA:9500 Korek Tokai:3000 Baygon 600 ml:42500 Vape "
        "Mat:14500 Obat Nyamuk Tiga Roda:6500 Kantong Sampah:12500 Lilin Putih:8500"
    ),
}


@dataclass(frozen=True, slots=True)
class Good:
    """One product. `price` is in whole units of the demo's currency."""

    code: str
    barcode: str
    name: str
    category: str
    price: int


@dataclass(frozen=True, slots=True)
class Shop:
    """One branch of the demo: its zone's name and how busy it is (tickets a day)."""

    name: str
    code: str
    zone: str
    tills: int
    tickets_per_day: int


SHOPS = (
    Shop("Bandung", "BDG", "Asia/Jakarta", 2, 46),
    Shop("Sangatta", "SGT", "Asia/Makassar", 2, 34),
    Shop("Jayapura", "DJJ", "Asia/Jayapura", 1, 22),
)


def goods() -> list[Good]:
    """The shop's products, with barcodes whose check digits are right."""
    found: list[Good] = []
    for category, text in _GOODS.items():
        for name, price in _named_prices(text):
            number = len(found) + 1
            found.append(Good(f"P{number:04}", _ean13(number), name, category, price))
    return found


def _named_prices(text: str) -> Iterator[tuple[str, int]]:
    """`Teh Botol 350 ml:4500 Aqua…` -> (Teh Botol 350 ml, 4500), …: a price ends each name."""
    words: list[str] = []
    for word in text.split(" "):
        name, colon, price = word.rpartition(":")
        if not colon:
            words.append(word)
            continue
        yield " ".join([*words, name]), int(price)
        words = []


def _ean13(number: int) -> str:
    digits = f"899{number:09}"
    odd, even = sum(map(int, digits[::2])), sum(map(int, digits[1::2]))
    return digits + str(-(odd + 3 * even) % 10)


def write_catalogue(path: Path, seed: int = 1) -> int:
    """Writes the goods as an old system would export them; returns how many."""
    dice = random.Random(seed)
    found = goods()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(CATALOGUE_HEADER)
        for good in found:
            cost = good.price * dice.randrange(72, 90) // 100
            stock = dice.randrange(6, 240)
            writer.writerow(
                (good.code, good.barcode, good.name, good.category, "pcs", cost, good.price, stock)
            )
    return len(found)


def write_tickets(
    path: Path, shops: Sequence[Shop], *, until_ms: int, days: int, seed: int = 1
) -> int:
    """Writes tickets of some days up to an instant, each shop in its own time; how many."""
    dice = random.Random(seed)
    stock = goods()
    weights = [60_000 / (good.price + 2_000) for good in stock]
    tickets = sorted(ticket for shop in shops for ticket in _days(shop, until_ms, days, dice))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TICKETS_HEADER)
        for number, (at, branch, till) in enumerate(tickets, 1):
            payment = dice.choices(("cash", "qris", "card"), (62, 28, 10))[0]
            lines = dice.choices(
                stock, weights, k=dice.choices((1, 2, 3, 4, 6), (3, 4, 4, 2, 1))[0]
            )
            for good in lines:
                quantity = dice.choices((1, 2, 3, 5), (12, 4, 1, 1))[0]
                row = (f"D{number:06}", branch, till, at, good.code, good.name)
                writer.writerow((*row, quantity, good.price, payment))
    return len(tickets)


def _days(
    shop: Shop, until_ms: int, days: int, dice: random.Random
) -> Iterator[tuple[str, str, str]]:
    now = at_local(until_ms, shop.zone)
    for back in range(days):
        for ticket in _day(shop, now.date() - timedelta(days=back), dice):
            if ticket[0] <= now.replace(tzinfo=None).isoformat():
                yield ticket


def _day(shop: Shop, day: date, dice: random.Random) -> Iterator[tuple[str, str, str]]:
    """(local time, branch, till) of one shop's day: a morning and an evening peak."""
    weekend = 1.35 if day.weekday() >= 5 else 1.0
    for _ in range(int(shop.tickets_per_day * weekend * dice.uniform(0.8, 1.2))):
        peak = dice.gauss(10.5, 1.8) if dice.random() < 0.45 else dice.gauss(17.5, 1.9)
        seconds = int(min(max(peak, 7.2), 21.4) * 3600)
        at = datetime.combine(day, time()) + timedelta(seconds=seconds)
        yield at.isoformat(), shop.name, f"Kasir {dice.randrange(shop.tills) + 1}"
