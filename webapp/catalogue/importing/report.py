"""Every finding of an import as a CSV that a spreadsheet opens, in the reader's language."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from typing import TextIO

from sentra.money import Currency, to_decimal_string
from webapp.catalogue.importing.kinds import KINDS, Finding


def write_report(
    target: TextIO, findings: Iterable[Finding], currency: Currency, gettext: Callable[[str], str]
) -> None:
    """Line, column, value, whether it was taken, and why; in the order of the file.

    Open `target` with newline="" and encoding utf-8-sig: spreadsheets take the mark as a sign
    that it is UTF-8.
    """
    writer = csv.writer(target)
    heads = ("Line", "Column", "Value", "Taken", "Finding", "Reason")
    words = _words(gettext)
    writer.writerow([words[head] for head in heads])
    for finding in sorted(findings, key=lambda one: one.line):
        writer.writerow(
            (
                finding.line,
                _inert(finding.column),
                _inert(finding.value),
                words["no" if finding.is_refused else "yes"],
                gettext(KINDS[finding.kind].title),
                finding.told(gettext, lambda amount: to_decimal_string(amount, currency)),
            )
        )


def _words(gettext: Callable[[str], str]) -> dict[str, str]:
    return {
        "Line": gettext("Line"),
        "Column": gettext("Column"),
        "Value": gettext("Value"),
        "Taken": gettext("Taken"),
        "Finding": gettext("Finding"),
        "Reason": gettext("Reason"),
        "yes": gettext("yes"),
        "no": gettext("no"),
    }


def _inert(text: str) -> str:
    """Text that a spreadsheet does not take for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
