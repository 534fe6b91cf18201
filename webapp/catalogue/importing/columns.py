"""Which column of an old system's file means what: guessed by name, overridden by a person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sentra.failures import Failure

FIELDS: Final = (
    "code",
    "barcode",
    "name",
    "category",
    "subcategory",
    "brand",
    "unit",
    "price",
    "cost",
    "tax",
    "stock_minimum",
    "discount",
)
"""What a product can be given; `name` and `price` must be there. A product whose category is empty
is put into its subcategory; there is one level only."""

REQUIRED: Final = ("name", "price")

_NAMES: Final = {
    "code": "kode, kode barang, kode produk, kd barang, kd brg, kdbrg, kd, kode item, sku, code,"
    " item code, product code, plu, id barang, no barang, artikel, item no",
    "barcode": "barcode, bar code, kode batang, ean, ean13, upc, gtin",
    "name": "nama, nama barang, nama produk, nama item, nm barang, nm brg, nmbrg, nm, name,"
    " product, product name, item, item name, produk, barang, deskripsi, description,"
    " keterangan barang, title",
    "category": "kategori, category, kelompok, golongan, group, grup, departemen, department,"
    " klasifikasi, divisi, jenis, jenis barang, type",
    "subcategory": "sub kategori, subkategori, sub category, subcategory, sub golongan, jenis,"
    " jenis barang, type",
    "brand": "merek, merk, brand, pabrik, manufacturer",
    "unit": "satuan jual, satuan, unit, uom, sat, unit of measure, satuan kecil",
    "price": "harga jual, harga, hrg jual, hjual, price, sale price, selling price, unit price,"
    " retail price, harga eceran, harga jual 1, harga satuan",
    "cost": "harga beli, hrg beli, hbeli, harga pokok, hpp, modal, cost, cost price, buying price,"
    " purchase price",
    "tax": "kode pajak, tax code, pajak, tax, ppn",
    "stock_minimum": "stok minimum, stok minimal, stok min, minimum stok, minimum stock, stock"
    " minimum, min stock, reorder point, reorder level",
    "discount": "diskon, discount, disc, potongan",
}
"""Field -> column names of old systems, the likeliest first; order decides between two columns."""


class ColumnsUnclear(Failure):
    """A column that must be there was not found."""

    code = "import-columns-unclear"
    sentence = (
        "No column looks like %(missing)s. The file has %(found)s. Say which it is, for example "
        "--map %(example)s=%(field)s."
    )


class MapWrong(Failure):
    """A mapping that names no column of the file, or nothing that a product has."""

    code = "import-map-wrong"
    sentence = "“%(given)s” cannot be mapped: the file has %(found)s, and a product has %(fields)s."


_FORMULA_SIGNS: Final = frozenset("=+-@")


@dataclass(frozen=True, slots=True)
class Columns:
    """Field -> place in the row. `unused` are the columns that nothing was made of."""

    places: Mapping[str, int]
    unused: tuple[str, ...]

    def value(self, cells: Sequence[str], field: str) -> str:
        """The trimmed text of a field in a row; empty where there is no such column."""
        place = self.places.get(field)
        text = "" if place is None else cells[place].strip()
        # Exports of ours put an apostrophe before what a spreadsheet would take for a formula.
        return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA_SIGNS else text


def plain(name: str) -> str:
    """A column's name as it is compared: `Harga_Jual (Rp)` -> `harga jual`."""
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    text = re.sub(r"\(.*?\)", " ", text)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", text).split())


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """A name of its own for each column: `harga`, `harga #5` for a second one, `#6` for none."""
    names: list[str] = []
    for place, cell in enumerate(header, 1):
        name = cell.strip() or f"#{place}"
        names.append(f"{name} #{place}" if name in names else name)
    return tuple(names)


def guess(header: Sequence[str]) -> dict[str, int]:
    """Field -> place, by the likeliest name; no column serves two fields."""
    places = {plain(name): place for place, name in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    for field in FIELDS:
        for name in _NAMES[field].split(","):
            place = places.get(" ".join(name.split()))
            if place is not None and place not in found.values():
                found[field] = place
                break
    return found


def choose(header: Sequence[str], wishes: Mapping[str, str]) -> Columns:
    """The guesses, changed by wishes (column -> field; an empty field takes the column out).

    Columns are named as `column_names` does.

    Raises MapWrong, ColumnsUnclear.
    """
    places = guess(header)
    named = column_names(header)
    names = {name: place for place, name in enumerate(named)}
    found = ", ".join(named)
    for column, field in wishes.items():
        place = names.get(column.strip())
        if place is None or (field and field not in FIELDS):
            raise MapWrong(given=f"{column}={field}", found=found, fields=", ".join(FIELDS))
        places = {key: value for key, value in places.items() if value != place}
        if field:
            places[field] = place
    for field in REQUIRED:
        if field not in places:
            raise ColumnsUnclear(missing=field, field=field, found=found, example=named[0])
    used = set(places.values())
    unused = tuple(name for place, name in enumerate(named) if place not in used)
    return Columns(places, unused)
