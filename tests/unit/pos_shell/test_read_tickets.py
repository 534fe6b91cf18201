"""A tickets file becomes tickets: every line is taken, or said to be not, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_shell.replay.errors import ColumnsMissing
from pos_shell.replay.reader import read_tickets
from pos_shell.replay.source import COLUMNS
from pos_shell.replay.tickets import Tickets
from sentra import i18n
from sentra.money import IDR, currency
from sentra.sheets import SheetEmpty, SheetNotText, SheetTooWide, SheetUnreadable

HEADER = ",".join(COLUMNS)
GBP = currency("GBP")
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def read(tmp_path: Path, *lines: str, header: str = HEADER, money: str = "IDR") -> Tickets:
    file = tmp_path / "tickets.csv"
    file.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return read_tickets(file, currency(money))


def line(**changes: str) -> str:
    fields = {
        "ticket": "T1",
        "branch": "Sangatta",
        "terminal": "Kasir 1",
        "at": "2017-03-21T09:00:00",
        "code": "B1",
        "name": "Teh",
        "quantity": "1",
        "unit_price": "4500",
        "payment": "cash",
    }
    return ",".join((fields | changes)[column] for column in COLUMNS)


def codes(read: Tickets) -> list[tuple[int, str, str, bool]]:
    return [(one.line, one.column, one.cause.code, one.taken) for one in read.findings]


def test_lines_of_one_number_at_one_terminal_are_one_ticket(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        line(),
        line(ticket="T2", name="Kopi"),
        line(name="Gula", quantity="2"),
        line(terminal="Kasir 2"),
    )
    assert [(one.number, one.terminal, len(one.lines)) for one in found.tickets] == [
        ("T1", "Kasir 1", 2),
        ("T2", "Kasir 1", 1),
        ("T1", "Kasir 2", 1),
    ]
    assert found.gross == 5 * 4500
    assert found.findings == ()


def test_decimals_are_exact_in_a_currency_with_pence(tmp_path: Path) -> None:
    found = read(tmp_path, line(quantity="0.385", unit_price="12.50"), money="GBP")
    assert found.gross == 481  # 4.8125 pounds, halves away from zero
    assert codes(found) == [(2, "quantity", "ticket-amount-rounded", True)]


def test_a_negative_quantity_is_a_return(tmp_path: Path) -> None:
    found = read(tmp_path, line(quantity="-2"), line(quantity="3", name="Kopi"))
    assert [one.quantity_milli for one in found.tickets[0].lines] == [-2000, 3000]
    assert found.gross == 4500


def test_a_negative_price_keeps_its_amount_as_a_return(tmp_path: Path) -> None:
    found = read(tmp_path, line(unit_price="-500", quantity="2", name="Potongan"))
    only = found.tickets[0].lines[0]
    assert (only.unit_price, only.quantity_milli, only.amount) == (500, -2000, -1000)
    assert codes(found) == [(2, "unit_price", "ticket-negative-price", True)]


def test_names_may_be_empty_zero_priced_and_of_any_script(tmp_path: Path) -> None:
    names = ["", "مشروب", "コーヒー ☕", "e\u0301clair", "𝔊𝔬𝔱𝔥", "Nestlé “78 °C”", "👩‍🍳"]
    found = read(tmp_path, *(line(name=name, unit_price="0") for name in names))
    assert [one.name for one in found.tickets[0].lines] == names
    assert found.gross == 0
    assert found.findings == ()


def test_control_characters_become_blanks_because_no_database_text_holds_nul(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, line(name="Teh\0 Botol\x07"))
    assert found.tickets[0].lines[0].name == "Teh  Botol"
    assert codes(found) == [(2, "name", "ticket-characters-lost", True)]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("quantity", "dua", "money-not-a-number"),
        ("quantity", "", "ticket-field-empty"),
        ("quantity", "0", "ticket-nothing-sold"),
        ("quantity", "1.2345", "money-too-fine"),
        ("quantity", "100001", "ticket-quantity-too-large"),
        ("unit_price", "Rp 4.500", "money-not-a-number"),
        ("unit_price", "4500.5", "money-too-fine"),
        ("unit_price", "NaN", "money-not-a-number"),
        ("unit_price", "1e9", "money-not-a-number"),
        ("unit_price", "9999999999999", "ticket-amount-too-large"),
        ("at", "kemarin", "instant-not-a-time"),
        ("at", "2017-02-30T09:00:00", "instant-not-a-time"),
        ("ticket", " ", "ticket-field-empty"),
        ("branch", "", "ticket-field-empty"),
        ("terminal", "", "ticket-field-empty"),
        ("code", "x" * 101, "ticket-field-too-long"),
    ],
)
def test_what_cannot_be_taken_is_said_with_line_column_value_and_reason(
    tmp_path: Path, column: str, value: str, code: str
) -> None:
    found = read(tmp_path, line(name="Kopi"), line(**{column: value}), line(name="Gula"))
    assert codes(found) == [(3, column, code, False)]
    assert [one.name for one in found.tickets[0].lines] == ["Kopi", "Gula"]
    assert (found.line_count, found.taken_lines, found.refused_lines) == (3, 2, 1)


def test_a_ticket_whose_lines_are_all_refused_is_no_ticket(tmp_path: Path) -> None:
    found = read(tmp_path, line(quantity="x"), line(quantity="y"))
    assert found.tickets == ()
    assert found.refused_lines == 2


def test_a_finding_is_told_in_indonesian(tmp_path: Path) -> None:
    found = read(tmp_path, line(quantity="0"))
    told = found.findings[0].as_json(i18n.translate("id"))
    assert told == {
        "line": 2,
        "column": "quantity",
        "value": "0",
        "reason": "Jumlah nol tidak menjual apa-apa.",
        "code": "ticket-nothing-sold",
        "taken": False,
    }


def test_the_wrong_number_of_fields_costs_only_its_line(tmp_path: Path) -> None:
    found = read(tmp_path, line(), "T1,Sangatta", line() + ",more", line())
    assert codes(found) == [
        (3, "–", "sheet-fields-wrong", False),
        (4, "–", "sheet-fields-wrong", False),
    ]
    assert found.taken_lines == 2


def test_an_open_quotation_mark_costs_only_its_line(tmp_path: Path) -> None:
    found = read(tmp_path, line(), line(name='"Teh'), line(), line())
    assert codes(found) == [(3, "–", "sheet-quote-open", False)]
    assert found.taken_lines == 3


def test_quoted_names_may_hold_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    found = read(tmp_path, line(name='"Teh, ""manis""\nbotol"'), line(quantity="x"))
    assert found.tickets[0].lines[0].name == 'Teh, "manis" botol'
    assert codes(found)[-1] == (4, "quantity", "money-not-a-number", False)


def test_other_payments_are_taken_by_reference_and_never_as_cash(tmp_path: Path) -> None:
    found = read(tmp_path, line(payment="GoPay"), line(payment=""), line(payment="Tunai"))
    assert [(one.payment, one.reference) for one in found.tickets[0].lines] == [
        ("transfer", "GoPay"),
        ("transfer", None),
        ("cash", None),
    ]
    assert [one[2] for one in codes(found)] == ["ticket-payment-unknown"] * 2


def test_a_ticket_keeps_the_time_at_which_it_began(tmp_path: Path) -> None:
    found = read(tmp_path, line(), line(at="2017-03-21T09:05:00"))
    assert found.tickets[0].at == "2017-03-21T09:00:00.000"
    assert codes(found) == [(3, "at", "ticket-times-differ", True)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_bom_and_old_code_pages_are_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "tickets.csv"
    rows = [HEADER, *(line(name=name) for name in ("Nestlé", "Café crème", "Weißbier", "Jalapeño"))]
    file.write_bytes("\r\n".join(rows).encode(encoding))
    found = read_tickets(file, IDR)
    assert [one.name for one in found.tickets[0].lines][:2] == ["Nestlé", "Café crème"]
    guessed = [one.cause.code for one in found.findings]
    assert guessed == (["ticket-encoding-guessed"] if encoding == "cp1252" else [])


def test_semicolons_bring_decimal_commas(tmp_path: Path) -> None:
    text = line(quantity="1.5", unit_price="4500.00").replace(",", ";").replace(".", ",")
    found = read(tmp_path, text, header=HEADER.replace(",", ";"))
    assert found.gross == 6750
    assert found.findings == ()


def test_columns_stand_in_any_order_and_case(tmp_path: Path) -> None:
    order = list(reversed(COLUMNS))
    fields = dict(zip(COLUMNS, line().split(","), strict=True))
    found = read(
        tmp_path,
        ",".join([*(fields[column] for column in order), "x"]),
        header=",".join([*(column.upper() for column in order), "Catatan"]),
    )
    assert found.gross == 4500
    assert codes(found) == [(1, "catatan", "ticket-column-unknown", True)]


def test_a_file_without_its_columns_names_those_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(ColumnsMissing, match="unit_price, payment"):
        read(tmp_path, header="ticket,branch,terminal,at,code,name,quantity")


def test_a_million_columns_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SheetTooWide):
        read(tmp_path, header="," * 1_000_000)


def test_an_empty_file_a_picture_and_no_file_at_all_are_each_a_sentence(tmp_path: Path) -> None:
    empty, picture = tmp_path / "empty.csv", tmp_path / "picture.csv"
    empty.write_bytes(b"\n")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff")
    with pytest.raises(SheetEmpty):
        read_tickets(empty, IDR)
    with pytest.raises(SheetNotText):
        read_tickets(picture, IDR)
    with pytest.raises(SheetUnreadable):
        read_tickets(tmp_path / "none.csv", IDR)


def test_a_header_alone_is_a_file_without_tickets(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.tickets, found.gross, found.line_count) == ((), 0, 0)


@given(body=st.text(max_size=400))
def test_whatever_stands_below_the_header_every_line_is_taken_or_reported(
    tmp_path_factory: pytest.TempPathFactory, body: str
) -> None:
    file = tmp_path_factory.mktemp("any") / "tickets.csv"
    file.write_text(HEADER + "\n" + body, encoding="utf-8", errors="replace", newline="")
    found = read_tickets(file, GBP)
    refused = {one.line for one in found.findings if not one.taken}
    assert len(refused) == found.refused_lines
    assert found.gross == sum(ticket.gross for ticket in found.tickets)


@pytest.mark.parametrize(
    ("name", "tickets", "lines", "gross"),
    [
        ("minimarket-tickets.csv", 108, 329, 4_503_329),
        ("bakery-tickets.csv", 9_531, 19_640, 285_711_000),
    ],
)
def test_the_shared_files_come_to_their_own_sums(
    name: str, tickets: int, lines: int, gross: int
) -> None:
    if not (DATA / name).is_file():
        pytest.skip("the shared data is not here")
    found = read_tickets(DATA / name, IDR)
    assert (len(found.tickets), found.taken_lines, found.gross) == (tickets, lines, gross)
    assert found.refused_lines == 0
