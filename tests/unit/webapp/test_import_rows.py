"""Each row of an old system's file becomes an item, or findings that say why not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.money import IDR, currency
from sentra.sheets import Sheet, SheetRow, read_sheet
from webapp.catalogue.importing.columns import (
    ColumnsUnclear,
    MapWrong,
    choose,
    column_names,
    guess,
)
from webapp.catalogue.importing.kinds import KINDS, Finding
from webapp.catalogue.importing.rows import NAME_LENGTH_MAX, Item, Reading, Rules, read_rows

HEADER = ("kode", "barcode", "nama", "kategori", "satuan", "harga_beli", "harga_jual", "pajak")
GOOD = ("A1", "8992761002015", "Kopi Susu", "Minuman", "Pcs", "9000", "12000", "PPN")
RULES = Rules(IDR, "PPN", {"ppn": "PPN", "ppn 11 %": "PPN"})


def read(*rows: tuple[str, ...], header: tuple[str, ...] = HEADER, rules: Rules = RULES) -> Reading:
    """What is read of these rows."""
    sheet = Sheet(header, tuple(SheetRow(line, row) for line, row in enumerate(rows, 2)))
    return read_rows(sheet, choose(header, {}), rules, lambda _done, _total: None)


def changed(**cells: str) -> tuple[str, ...]:
    """The good row with some cells changed."""
    return tuple(cells.get(name, value) for name, value in zip(HEADER, GOOD, strict=True))


def kinds(reading: Reading) -> list[str]:
    return [finding.kind for finding in reading.findings]


def test_a_good_row_is_taken_without_a_word() -> None:
    reading = read(GOOD)
    assert reading.findings == ()
    assert reading.items == (
        Item(
            line=2,
            code="A1",
            name="Kopi Susu",
            price=12_000,
            category="Minuman",
            unit="Pcs",
            tax_code="PPN",
            cost=9_000,
            barcodes=("8992761002015",),
        ),
    )


@pytest.mark.parametrize(
    ("cells", "kind", "column"),
    [
        ({"nama": "  "}, "name-missing", "nama"),
        ({"harga_jual": ""}, "price-missing", "harga_jual"),
        ({"harga_jual": "gratis"}, "price-unreadable", "harga_jual"),
        ({"harga_jual": "1.2.3"}, "price-unclear", "harga_jual"),
        ({"harga_jual": "-500"}, "price-negative", "harga_jual"),
        ({"harga_jual": "9" * 20}, "price-too-large", "harga_jual"),
        ({"kode": "K" * 65}, "code-too-long", "kode"),
    ],
)
def test_a_row_that_cannot_be_a_product_is_refused_with_its_place(
    cells: dict[str, str], kind: str, column: str
) -> None:
    reading = read(changed(**cells), changed(kode="A2", nama="Teh", barcode=""))
    assert [item.code for item in reading.items] == ["A2"]
    assert reading.refused == 1
    finding = reading.findings[0]
    assert (finding.kind, finding.line, finding.column) == (kind, 2, column)
    assert finding.is_refused


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ({"harga_jual": "8000"}, "below-cost"),
        ({"harga_jual": "0"}, "price-zero"),
        ({"harga_jual": "11999.99"}, "price-rounded"),
        ({"harga_beli": "8999.5"}, "cost-rounded"),
        ({"harga_beli": "?"}, "cost-unreadable"),
        ({"harga_beli": "-1"}, "cost-unreadable"),
        ({"kategori": ""}, "category-missing"),
        ({"kategori": "J001"}, "category-code"),
        ({"satuan": "PCE"}, "unit-respelled"),
        ({"barcode": "8992761002016"}, "barcode-check-digit"),
        ({"barcode": "8.99276E+12"}, "barcode-rounded"),
        ({"barcode": "&acute;8992761002015"}, "barcode-repaired"),
        ({"barcode": "9" * 65}, "barcode-unusable"),
        ({"kode": ""}, "code-made"),
        ({"nama": "x" * 201}, "name-cut"),
        ({"nama": "CRÃ\x83Ë\x86ME"}, "letters-repaired"),
        ({"nama": "Kopi\x00\x07Susu"}, "control-characters"),
        ({"pajak": "VAT"}, "tax-unknown"),
    ],
)
def test_a_doubtful_row_is_taken_with_a_note(cells: dict[str, str], kind: str) -> None:
    reading = read(changed(**cells))
    assert kinds(reading) == [kind]
    assert len(reading.items) == 1
    assert not reading.findings[0].is_refused


def test_a_code_that_stands_twice_is_refused_the_second_time_whatever_its_case() -> None:
    reading = read(GOOD, changed(kode="a1", nama="Teh", barcode=""))
    assert kinds(reading) == ["code-repeated"]
    assert reading.findings[0].values == {"first": 2}


def test_a_name_and_a_barcode_that_stand_twice_are_taken_and_told() -> None:
    reading = read(GOOD, changed(kode="A2"))
    assert sorted(kinds(reading)) == ["barcode-repeated", "name-repeated"]
    assert len(reading.items) == 2


def test_a_row_without_a_code_gets_its_barcode_else_one_that_stays_the_same() -> None:
    assert read(changed(kode="")).items[0].code == "8992761002015"
    made = read(changed(kode="", barcode="")).items[0].code
    assert made.startswith("N-")
    assert read(changed(kode="A9", nama="x"), changed(kode="", barcode="")).items[1].code == made


def test_letters_that_went_through_a_wrong_code_page_are_as_they_were() -> None:
    assert read(changed(nama="OREO CRÃ\x83Ë\x86ME")).items[0].name == "OREO CRÈME"
    assert read(changed(nama="Lay&acute;s 68 gr")).items[0].name == "Lay´s 68 gr"
    assert read(changed(nama="Café São Ünlü")).items[0].name == "Café São Ünlü"


def test_units_are_written_in_one_way() -> None:
    wanted = {"Pc": "Pcs", "PCS": "Pcs", "btl.": "Btl", "KILO": "Kg", "Kds": "Kds", "TPK": "Tpk"}
    found = {each: read(changed(satuan=each)).items[0].unit for each in wanted}
    assert found == wanted


def test_several_barcodes_in_a_cell_are_all_taken() -> None:
    item = read(changed(barcode="'8992761002015; 8992761002022|8992761002015")).items[0]
    assert item.barcodes == ("8992761002015", "8992761002022")


def test_a_currency_with_decimals_keeps_them() -> None:
    rules = Rules(currency("GBP"), "", {})
    assert read(changed(harga_jual="12.50", harga_beli="9"), rules=rules).items[0].price == 1_250


def test_a_product_without_a_category_takes_the_next_best() -> None:
    header = ("nama", "harga", "kategori", "jenis")
    assert read(("Kopi", "1", "", "Minuman"), header=header).items[0].category == "Minuman"
    assert "category-code" in kinds(read(("Kopi", "1", "", "J001"), header=header))


def test_columns_are_guessed_in_both_languages_whatever_their_spelling() -> None:
    indonesian = ("Kode_Barang", "NAMA BARANG", "Harga Jual (Rp)", "HPP", "Sat.")
    assert guess(indonesian) == {"code": 0, "name": 1, "price": 2, "cost": 3, "unit": 4}
    english = ("SKU", "Item Name", "Selling-Price", "EAN13", "Department")
    assert guess(english) == {"code": 0, "name": 1, "price": 2, "barcode": 3, "category": 4}


def test_a_person_has_the_last_word_about_columns() -> None:
    header = ("apa", "berapa", "harga")
    columns = choose(header, {"apa": "name", "berapa": "price", "harga": ""})
    assert dict(columns.places) == {"name": 0, "price": 1}
    assert columns.unused == ("harga",)


def test_columns_of_one_name_and_of_none_can_be_told_apart() -> None:
    assert column_names(("harga", "", "harga")) == ("harga", "#2", "harga #3")
    assert choose(("nama", "harga", "harga"), {"harga #3": "price"}).places["price"] == 2


def test_what_must_be_there_and_is_not_is_said_with_an_example() -> None:
    with pytest.raises(ColumnsUnclear, match="--map apa=name"):
        choose(("apa", "harga"), {})
    for wishes in ({"nowhere": "name"}, {"nama": "nonsense"}):
        with pytest.raises(MapWrong):
            choose(("nama", "harga"), wishes)


TEXTS = st.text(max_size=NAME_LENGTH_MAX + 20)


@given(st.lists(st.tuples(*[TEXTS] * len(HEADER)), max_size=12))
def test_every_row_is_taken_or_explained_whatever_stands_in_it(
    rows: list[tuple[str, ...]],
) -> None:
    reading = read(*rows)
    refused = {finding.line for finding in reading.findings if finding.is_refused}
    taken = {item.line for item in reading.items}
    assert taken | refused == set(range(2, len(rows) + 2))
    assert not taken & refused
    assert reading.rows == len(taken) + reading.refused
    assert len({item.code.casefold() for item in reading.items}) == len(reading.items)
    for item in reading.items:
        assert item.name == item.name.strip()
        assert "\0" not in item.name + item.code + item.unit + item.category
        assert 1 <= len(item.name) <= NAME_LENGTH_MAX
        assert item.price >= 0


@given(st.sampled_from(sorted(KINDS)))
def test_every_finding_can_be_said(kind: str) -> None:
    words = ("found", "expected", "first", "most", "cost", "price", "amount", "category", "unit")
    values = dict.fromkeys((*words, "barcode", "code", "name", "tax"), 1)
    assert Finding(2, "nama", "x", kind, values).told(str, str)


def test_the_catalogue_of_a_real_minimarket_is_taken_whole(shared_data: Path | None) -> None:
    if shared_data is None:
        pytest.skip("the real catalogue is not beside this checkout")
    sheet = read_sheet(shared_data / "minimarket-catalogue.csv")
    reading = read_rows(sheet, choose(sheet.header, {}), RULES, lambda _done, _total: None)
    assert (reading.rows, len(reading.items), reading.refused) == (5_134, 5_134, 0)
    found = Counter(kinds(reading))
    assert found["category-code"] == 619
    assert found["below-cost"] == 2
    assert found["barcode-check-digit"] > 100
    assert found["unit-respelled"] > 0
