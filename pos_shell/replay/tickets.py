"""What a tickets file says, once it is read: tickets, findings and the sum of it all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sentra.failures import Failure


@dataclass(frozen=True, slots=True)
class TicketLine:
    """One line as the file has it. `amount` is quantity × unit price in minor units.

    `payment` is a tender's kind; `reference` what the file said where the kind is not its own.
    """

    line: int
    code: str
    name: str
    quantity_milli: int
    unit_price: int
    amount: int
    payment: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """One sale: `number` is unique with `branch` and `terminal`; `at` is local time, ISO 8601."""

    number: str
    branch: str
    terminal: str
    at: str
    lines: tuple[TicketLine, ...]

    @property
    def gross(self) -> int:
        """The sum of the lines, in minor units."""
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a line (1 is the header) that a person should know.

    `taken` says that the line is in the books all the same; `cause` is the sentence that says why.
    """

    line: int
    column: str
    value: str
    cause: Failure
    taken: bool

    def as_json(self, gettext: Callable[[str], str] = str) -> dict[str, object]:
        """Plain data for a report, its reason in the language of `gettext`."""
        return {
            "line": self.line,
            "column": self.column,
            "value": self.value,
            "reason": self.cause.told(gettext),
            "code": self.cause.code,
            "taken": self.taken,
        }


@dataclass(frozen=True, slots=True)
class Tickets:
    """A whole file. `line_count` counts the lines below the header that are not blank."""

    tickets: tuple[Ticket, ...]
    findings: tuple[Finding, ...]
    gross: int
    line_count: int

    @property
    def taken_lines(self) -> int:
        """Lines that are part of a ticket."""
        return sum(len(ticket.lines) for ticket in self.tickets)

    @property
    def refused_lines(self) -> int:
        """Lines that no ticket holds; each has a finding that says why."""
        return self.line_count - self.taken_lines
