"""What a tickets file would do, counted without touching any vault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pos_shell.replay.errors import TicketSplit
from pos_shell.replay.tickets import Finding, Ticket, Tickets
from sentra import i18n
from sentra.domain.cart import LINES_MAX
from sentra.money import Currency, to_decimal_string


@dataclass(frozen=True, slots=True)
class TerminalPlan:
    """One terminal's share of a file; `gross` in minor units."""

    branch: str
    terminal: str
    tickets: int
    lines: int
    gross: int


def sales_of(ticket: Ticket) -> Iterator[Ticket]:
    """The sales that a ticket becomes: itself, or parts where one receipt cannot hold it."""
    parts = -(-len(ticket.lines) // LINES_MAX)
    for part in range(parts):
        number = ticket.number if part == 0 else f"{ticket.number} ({part + 1})"
        lines = ticket.lines[part * LINES_MAX : (part + 1) * LINES_MAX]
        yield replace(ticket, number=number, lines=lines)


def split_findings(read: Tickets) -> Iterator[Finding]:
    """A finding for each ticket that becomes several sales."""
    for ticket in read.tickets:
        parts = -(-len(ticket.lines) // LINES_MAX)
        if parts > 1:
            cause = TicketSplit(lines=len(ticket.lines), parts=parts)
            yield Finding(ticket.lines[0].line, "ticket", ticket.number, cause, taken=True)


def terminals_of(read: Tickets) -> Sequence[TerminalPlan]:
    """The terminals that a file names, in the order in which they first appear."""
    sums: dict[tuple[str, str], TerminalPlan] = {}
    for ticket in read.tickets:
        key = (ticket.branch, ticket.terminal)
        before = sums.get(key) or TerminalPlan(*key, 0, 0, 0)
        sums[key] = replace(
            before,
            tickets=before.tickets + 1,
            lines=before.lines + len(ticket.lines),
            gross=before.gross + ticket.gross,
        )
    return tuple(sums.values())


def plan_as_json(read: Tickets, currency: Currency) -> dict[str, object]:
    """The plan for a machine; amounts are decimal strings of the currency.

    `ticket_keys` are (branch, terminal, ticket) as the sales will bear them.
    """
    gettext = i18n.translate(i18n.language())
    times = sorted(ticket.at for ticket in read.tickets)
    return {
        "currency": currency.code,
        "tickets": len(read.tickets),
        "lines": read.taken_lines,
        "gross": to_decimal_string(read.gross, currency),
        "rejected_lines": read.refused_lines,
        "first_at": times[0] if times else None,
        "last_at": times[-1] if times else None,
        "terminals": [
            {
                "branch": one.branch,
                "terminal": one.terminal,
                "tickets": one.tickets,
                "lines": one.lines,
                "gross": to_decimal_string(one.gross, currency),
            }
            for one in terminals_of(read)
        ],
        "ticket_keys": [
            [sale.branch, sale.terminal, sale.number]
            for ticket in read.tickets
            for sale in sales_of(ticket)
        ],
        "findings": [finding.as_json(gettext) for finding in read.findings],
    }
