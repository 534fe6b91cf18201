"""What each kind of exception means, what was done about it, and what a person can do.

The kinds are those of the sync service's findings; one that this version does not know is shown
under its own name, never hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask_babel import gettext, lazy_gettext

from sentra.web.filters import number, quantity
from webapp.words import tender_name


@dataclass(frozen=True, slots=True)
class Wording:
    """Sentences in English, lazily translated. `happened` has the exception's values."""

    title: str
    happened: str
    done: str
    advice: str


WORDINGS: Final = {
    "fact-unknown": Wording(
        lazy_gettext("A kind of entry that is new here"),
        lazy_gettext("The till wrote an entry of the kind “%(fact)s”, schema %(schema)s."),
        lazy_gettext("The entry is kept as it came, and stands in no report yet."),
        lazy_gettext("Update the cloud; the entry is then read by itself."),
    ),
    "fact-unreadable": Wording(
        lazy_gettext("An entry that cannot be read"),
        lazy_gettext("An entry of the kind “%(fact)s” does not read as one: %(reason)s"),
        lazy_gettext("The entry is kept as it came, and stands in no report."),
        lazy_gettext("Send support the entry's place: till, epoch and number."),
    ),
    "fact-not-projected": Wording(
        lazy_gettext("An entry that fits no table"),
        lazy_gettext("An entry of the kind “%(fact)s” could not be written: %(reason)s"),
        lazy_gettext("The entry is kept as it came, and stands in no report."),
        lazy_gettext("Send support the entry's place: till, epoch and number."),
    ),
    "fact-duplicate": Wording(
        lazy_gettext("The same entry, written twice"),
        lazy_gettext("A second entry of the kind “%(fact)s” records what is in the books already."),
        lazy_gettext("It was counted once; the second entry is kept beside it."),
        lazy_gettext("Ask at the till what happened, then close this."),
    ),
    "product-unknown": Wording(
        lazy_gettext("Sold: a product that is not in the catalogue"),
        lazy_gettext("The till sold “%(name)s” (%(code)s), which the catalogue does not have."),
        lazy_gettext("The sale counts; the product's stock is kept under its own identity."),
        lazy_gettext("Add the product, or tell the till's manager to sell it as an open item."),
    ),
    "stock-negative": Wording(
        lazy_gettext("More was sold than was there"),
        lazy_gettext("“%(name)s” (%(code)s) stands at %(quantity)s."),
        lazy_gettext("The sale counts; nothing was refused."),
        lazy_gettext("Count the shelf and book the difference."),
    ),
    "refund-excess": Wording(
        lazy_gettext("More came back than was sold"),
        lazy_gettext("“%(name)s” of receipt %(receipt)s: %(sold)s sold, %(given)s given back."),
        lazy_gettext("The refunds count; nothing was refused."),
        lazy_gettext("Look at the refunds of this receipt, and ask who approved them."),
    ),
    "device-revoked": Wording(
        lazy_gettext("Entries from a revoked device"),
        lazy_gettext("A device that was revoked sent %(entries)s entries."),
        lazy_gettext("They are kept and counted; the device gets no prices any more."),
        lazy_gettext("Find the machine. If it should go on selling, enrol it again."),
    ),
    "journal-fork": Wording(
        lazy_gettext("Two machines with one identity"),
        lazy_gettext("Entries %(first_seq)s to %(last_seq)s exist twice, with different contents."),
        lazy_gettext("Both lines are kept, and every sale of both is in the books, once."),
        lazy_gettext(
            "Find the machine that says it exists twice and enrol it anew there, with a new code. "
            "If a disk was put back from a copy, the till goes on by itself: close this."
        ),
    ),
    "journal-restored": Wording(
        lazy_gettext("A till's journal was put back"),
        lazy_gettext(
            "The till found itself on an old copy of its data. Behind entry %(before_seq)s of "
            "epoch %(before_epoch)s it opened epoch %(new_epoch)s."
        ),
        lazy_gettext("It fetched back what it had lost, and recorded again what it sold since."),
        lazy_gettext("Ask who put the copy back, count the drawer of that day, then close this."),
    ),
    "proof-different": Wording(
        lazy_gettext("Till, router and cloud do not hold the same"),
        lazy_gettext(
            "Of the entries after %(after)s up to %(up_to)s, the %(place)s counted %(said)s "
            "(%(what)s), and the cloud %(counted)s."
        ),
        lazy_gettext("Everything is kept as it is; they are compared again and again."),
        lazy_gettext("Run “sentra verify” at the till, the router and the cloud: it names it."),
    ),
    "sums-overflow": Wording(
        lazy_gettext("A sum that is too large"),
        lazy_gettext("The amounts of some entries add up to more than a report can hold."),
        lazy_gettext("The entries are kept; their sums are missing in the dashboard."),
        lazy_gettext("Look for a price with too many zeros, then call support."),
    ),
}

SEVERITIES: Final = {
    "info": lazy_gettext("To know"),
    "warning": lazy_gettext("To check"),
    "error": lazy_gettext("To repair"),
}


_PLACES: Final = {
    "till": lazy_gettext("till"),
    "router": lazy_gettext("router"),
    "cloud": lazy_gettext("cloud"),
}


_FACTS: Final = {
    "sale.completed": lazy_gettext("Sale"),
    "refund.completed": lazy_gettext("Refund"),
    "sale.voided": lazy_gettext("Void"),
    "shift.opened": lazy_gettext("Shift opened"),
    "shift.closed": lazy_gettext("Shift closed"),
    "cash.moved": lazy_gettext("Cash moved"),
    "stock.moved": lazy_gettext("Stock moved"),
}
"""Kinds of entries; one that this version does not know stands as it is."""

_COUNTED: Final = {"entries": lazy_gettext("entries"), "hash": lazy_gettext("last hash")}


def exception_title(kind: str) -> str:
    """One line that names a kind of exception."""
    wording = WORDINGS.get(kind)
    return str(wording.title) if wording else kind


def place_name(place: str) -> str:
    """Who counted: till, router or cloud."""
    return str(_PLACES.get(place, place))


def severity_name(severity: str) -> str:
    """How urgent it is, in two words."""
    return str(SEVERITIES.get(severity, severity))


_QUANTITIES: Final = frozenset({"quantity_milli", "sold_milli", "given_milli"})
"""Values in thousandths, told as `quantity`, `sold` and `given`."""


def sentence_of(kind: str, params: Mapping[str, Any]) -> str:
    """What happened, with the values of this very exception."""
    wording = WORDINGS.get(kind)
    if wording is None:
        return str(gettext("This version has no words for it: %(values)s", values=dict(params)))
    values = {name: str(value) for name, value in params.items()}
    if "place" in params:
        values["place"] = place_name(values["place"])
    if "fact" in params:
        values["fact"] = str(_FACTS.get(values["fact"], values["fact"]))
    if "what" in params:
        values["what"] = str(_COUNTED.get(values["what"]) or tender_name(values["what"]))
    for name in ("said", "counted"):
        if values.get(name, "").lstrip("-").isdecimal():
            values[name] = number(int(values[name]))
    for name in _QUANTITIES & params.keys():
        values[name.removesuffix("_milli")] = quantity(int(params[name]))
    try:
        return str(wording.happened) % values
    except KeyError:
        return str(wording.title)


TONES: Final = {"info": "info", "warning": "wait", "error": "bad"}
"""The tone of the design system for each severity."""
