"""Each row of a file becomes an item of the catalogue, or findings that say why not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sentra.money import AmountUnclear, Currency, MoneyError, TooLarge, parse_quantity
from sentra.sheets import RowProblem, Sheet, SheetRow, shown
from webapp.catalogue.importing import values
from webapp.catalogue.importing.columns import Columns
from webapp.catalogue.importing.kinds import Finding

CODE_LENGTH_MAX: Final = 64
BARCODE_LENGTH_MAX: Final = 64
NAME_LENGTH_MAX: Final = 200
"""Characters; receipts show some 40 of them, screens all."""

_WORD_LENGTH_MAX: Final = 80
"""Characters of a category, brand or unit; longer ones are cut."""

_STEP_ROWS: Final = 2_000
"""How often progress is told."""


@dataclass(frozen=True, slots=True)
class Item:
    """What a row says about a product. Empty texts, None and () mean: the file does not say.

    `price` and `cost` are minor units; `line` is where the row begins.
    """

    line: int
    code: str
    name: str
    price: int
    category: str = ""
    brand: str = ""
    unit: str = ""
    tax_code: str = ""
    cost: int | None = None
    stock_minimum_milli: int | None = None
    barcodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A file's items, and everything that was found in it."""

    rows: int
    items: tuple[Item, ...]
    findings: tuple[Finding, ...]
    refused: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What rows are held against. `taxes`: folded name or code of a tax -> its code."""

    currency: Currency
    tax_code: str
    taxes: Mapping[str, str]


def read_rows(
    sheet: Sheet,
    columns: Columns,
    rules: Rules,
    progress: Callable[[int, int], None],
) -> Reading:
    """Read every row; `progress` is told (rows done, rows in all)."""
    reader = _Reader(sheet.header, columns, rules)
    items = []
    for done, row in enumerate(sheet.rows):
        if done % _STEP_ROWS == 0:
            progress(done, len(sheet.rows))
        item = reader.read(row)
        if item is not None:
            items.append(item)
    progress(len(sheet.rows), len(sheet.rows))
    refused = len(sheet.rows) - len(items)
    return Reading(len(sheet.rows), tuple(items), tuple(reader.findings), refused)


@dataclass(slots=True)
class _Reader:
    header: Sequence[str]
    columns: Columns
    rules: Rules
    findings: list[Finding] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    barcodes: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    _line: int = 0
    _cells: Sequence[str] = ()

    def read(self, row: SheetRow) -> Item | None:
        """The row's item; None where it is refused, with the reason among the findings."""
        self._line, self._cells = row.line, row.cells
        if row.problem is not None:
            self._refuse_line(row.problem)
            return None
        if self._text("name") == "":
            self._note("name", "name-missing")
            return None
        price = self._price()
        if price is None:
            return None
        barcodes = self._barcodes()
        code = self._code(barcodes)
        if code is None:
            return None
        item = Item(
            line=row.line,
            code=code,
            name=self._name(),
            price=price,
            category=self._category(),
            brand=self._text("brand")[:_WORD_LENGTH_MAX],
            unit=self._unit(),
            tax_code=self._tax(),
            cost=self._cost(price),
            stock_minimum_milli=self._stock_minimum(),
            barcodes=barcodes,
        )
        self._remember(item)
        return item

    def _refuse_line(self, problem: RowProblem) -> None:
        kind = problem.code.removeprefix("sheet-")
        value = shown(self._cells[0] if self._cells else "")
        self.findings.append(Finding(self._line, "", value, kind, dict(problem.values)))

    def _note(self, field_name: str, kind: str, value: str | None = None, **said: object) -> None:
        """Add a finding about a field of this row; its value as the file has it."""
        place = self.columns.places.get(field_name)
        column = field_name if place is None else self.header[place]
        raw = "" if place is None else self._cells[place]
        text = shown(raw.strip() if value is None else value)
        self.findings.append(Finding(self._line, column, text, kind, said))

    def _raw(self, field_name: str) -> str:
        return self.columns.value(self._cells, field_name)

    def _text(self, field_name: str) -> str:
        return values.tidy(self._raw(field_name))

    def _name(self) -> str:
        raw = self._raw("name")
        repaired = values.unscrambled(raw)
        name = values.tidy(repaired)
        if repaired != raw:
            self._note("name", "letters-repaired", name=name)
        elif values.has_hidden(raw):
            self._note("name", "control-characters")
        if len(name) > NAME_LENGTH_MAX:
            self._note("name", "name-cut", most=NAME_LENGTH_MAX)
            name = name[:NAME_LENGTH_MAX].rstrip()
        return name

    def _price(self) -> int | None:
        text = self._text("price")
        if text == "":
            self._note("price", "price-missing")
            return None
        try:
            amount, rounded = values.amount_of(text, self.rules.currency)
        except AmountUnclear:
            self._note("price", "price-unclear")
        except TooLarge:
            self._note("price", "price-too-large")
        except MoneyError:
            self._note("price", "price-unreadable")
        else:
            if amount >= 0:
                self._look_at_price(amount, rounded)
                return amount
            self._note("price", "price-negative")
        return None

    def _look_at_price(self, amount: int, rounded: bool) -> None:
        if rounded:
            self._note("price", "price-rounded", amount=amount)
        if amount == 0:
            self._note("price", "price-zero")
        discount = self._text("discount")
        if discount.strip("0.,%- "):
            self._note("discount", "discount-left-out")

    def _cost(self, price: int) -> int | None:
        text = self._text("cost")
        if text == "":
            return None
        try:
            cost, rounded = values.amount_of(text, self.rules.currency)
        except MoneyError:
            cost, rounded = -1, False
        if cost < 0:
            self._note("cost", "cost-unreadable")
            return None
        if rounded:
            self._note("cost", "cost-rounded", amount=cost)
        if 0 < price < cost:
            self._note("price", "below-cost", cost=cost, price=price)
        return cost

    def _barcodes(self) -> tuple[str, ...]:
        usable = []
        text = self._text("barcode")
        for barcode in values.barcodes_of(text):
            if "&" in text:
                self._note("barcode", "barcode-repaired", barcode=barcode)
            if values.is_rounded(barcode):
                self._note("barcode", "barcode-rounded", barcode)
            elif len(barcode) > BARCODE_LENGTH_MAX:
                self._note("barcode", "barcode-unusable", barcode, most=BARCODE_LENGTH_MAX)
            else:
                usable.append(barcode)
                if values.has_wrong_check_digit(barcode):
                    self._note("barcode", "barcode-check-digit", barcode)
        return tuple(usable)

    def _code(self, barcodes: Sequence[str]) -> str | None:
        """The row's code, else its first barcode, else one made of its name; None if refused."""
        code = self._text("code")
        made = code == ""
        if made:
            code = next(iter(barcodes), "") or self._made_code()
        if len(code) > CODE_LENGTH_MAX:
            self._note("code", "code-too-long", most=CODE_LENGTH_MAX)
            return None
        first = self.codes.get(code.casefold())
        if first is not None:
            self._note("code", "code-repeated", code, first=first)
            return None
        if made:
            self._note("code", "code-made", code=code)
        return code

    def _made_code(self) -> str:
        """The same name gets the same code at the next import of the same file."""
        digest = hashlib.sha256(self._text("name").casefold().encode()).hexdigest()
        return f"N-{digest[:8].upper()}"

    def _category(self) -> str:
        named = [
            (each, values.unscrambled(self._raw(each))) for each in ("category", "subcategory")
        ]
        found = [(each, values.tidy(text)) for each, text in named if text]
        for _each, name in found:
            if name and not values.is_code(name):
                return name[:_WORD_LENGTH_MAX]
        if found:
            each, name = found[0]
            self._note(each, "category-code", category=name)
        elif "category" in self.columns.places:
            self._note("category", "category-missing")
        return ""

    def _unit(self) -> str:
        text = self._text("unit")
        unit = values.unit_of(text)[:_WORD_LENGTH_MAX] if text else ""
        if unit != text:
            self._note("unit", "unit-respelled", unit=unit)
        return unit

    def _tax(self) -> str:
        text = self._text("tax")
        found = self.rules.taxes.get(text.casefold(), "")
        if text and not found:
            self._note("tax", "tax-unknown", tax=self.rules.tax_code)
        return found

    def _stock_minimum(self) -> int | None:
        text = self._text("stock_minimum")
        if text == "":
            return None
        try:
            milli = parse_quantity(text)
        except MoneyError:
            milli = -1
        if milli < 0:
            self._note("stock_minimum", "stock-minimum-unreadable")
        # Old systems write 0 for "nobody has said".
        return milli if milli > 0 else None

    def _remember(self, item: Item) -> None:
        """Note what an earlier row has too: its name, or one of its barcodes."""
        self.codes[item.code.casefold()] = item.line
        for barcode in item.barcodes:
            first = self.barcodes.setdefault(barcode, item.line)
            if first != item.line:
                self._note("barcode", "barcode-repeated", barcode, first=first)
        first = self.names.setdefault(item.name.casefold(), item.line)
        if first != item.line:
            self._note("name", "name-repeated", first=first)
