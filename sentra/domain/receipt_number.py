"""Receipt numbers for people: `SGT-1-261122-0147`, branch, terminal, business date, count.

The series is the terminal's own, begins at 1 each day and is never recycled: it does not go back
to an earlier date when a clock does, and a journal in a later epoch (a till restored from an old
copy) writes a letter behind the terminal, `SGT-1B-261122-0001`, so that no number comes twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sentra.domain.errors import DomainError
from sentra.instants import InstantError, parse_date

BRANCH_CODE: Final = re.compile(r"[A-Z0-9]{2,8}")
_NUMBER: Final = re.compile(
    r"([A-Z0-9]{2,8})-([1-9][0-9]{0,3})([A-Z]{0,3})-([0-9]{6})-([0-9]{4,7})"
)


class ReceiptNumberWrong(DomainError):
    """Text that is no receipt number, or parts that make none."""

    code = "receipt-number"
    sentence = "“%(text)s” is not a receipt number. It looks like SGT-1-261122-0147."


@dataclass(frozen=True, slots=True)
class ReceiptNumber:
    """A receipt number's parts; `business_date` is ISO text of a year from 2000 to 2099."""

    branch_code: str
    terminal_number: int
    business_date: str
    count: int
    epoch: int = 1

    def __str__(self) -> str:
        """The number as it is printed."""
        day = self.business_date[2:].replace("-", "")
        terminal = f"{self.terminal_number}{_letters(self.epoch)}"
        return f"{self.branch_code}-{terminal}-{day}-{self.count:04d}"


def format_receipt_number(
    branch_code: str, terminal_number: int, business_date: str, count: int, epoch: int = 1
) -> str:
    """Put a receipt number together.

    Raises:
        ReceiptNumberWrong: the parts make none that `parse_receipt_number` reads back.
    """
    number = ReceiptNumber(branch_code, terminal_number, business_date, count, epoch)
    if not business_date.startswith("20") or parse_receipt_number(str(number)) != number:
        raise ReceiptNumberWrong(text=str(number))
    return str(number)


def parse_receipt_number(text: str) -> ReceiptNumber:
    """Read a receipt number, in any case and with blanks around it.

    Raises:
        ReceiptNumberWrong: it is none.
    """
    match = _NUMBER.fullmatch(text.strip().upper())
    if match is None or int(match[5]) < 1:
        raise ReceiptNumberWrong(text=text[:40])
    day = match[4]
    try:
        business_date = parse_date(f"20{day[:2]}-{day[2:4]}-{day[4:]}")
    except InstantError:
        raise ReceiptNumberWrong(text=text[:40]) from None
    return ReceiptNumber(match[1], int(match[2]), business_date, int(match[5]), _epoch(match[3]))


def next_receipt_number(
    last: str | None, branch_code: str, terminal_number: int, business_date: str, epoch: int = 1
) -> str:
    """The number after a terminal's last one, which may be a sale's, a refund's or a void's.

    A new day or a new epoch begins at 1; a business date before the last one's goes on under the
    last one's, because numbers of that earlier day are used already.

    Raises:
        ReceiptNumberWrong: the last number or the parts are none.
    """
    if last is None:
        return format_receipt_number(branch_code, terminal_number, business_date, 1, epoch)
    before = parse_receipt_number(last)
    same_series = (before.branch_code, before.terminal_number, before.epoch) == (
        branch_code,
        terminal_number,
        epoch,
    )
    if not same_series or business_date > before.business_date:
        return format_receipt_number(branch_code, terminal_number, business_date, 1, epoch)
    day, count = before.business_date, before.count + 1
    return format_receipt_number(branch_code, terminal_number, day, count, epoch)


def _letters(epoch: int) -> str:
    """Nothing for the first epoch, then B, C, … Z, AA, AB, …, as spreadsheets count columns."""
    letters = ""
    while epoch > 1 or (epoch and letters):
        epoch, digit = divmod(epoch - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def _epoch(letters: str) -> int:
    epoch = 0
    for letter in letters:
        epoch = epoch * 26 + ord(letter) - ord("A") + 1
    return epoch or 1
