"""The till around every screen: where it is, the shift, who sells, what waits, which keys act."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext

from pos_shell.receipt.facts import last_receipt
from pos_shell.shift.queries import open_shift_of
from pos_shell.sync.pills import pills
from pos_shell.till import Till
from sentra.domain.permission import SUPERVISOR
from sentra.events import Person
from sentra.web.filters import clock, money
from sentra.web.frames import KeyHint, PersonBadge, TillFrame


def till_frame(till: Till) -> TillFrame:
    """The frame of this request."""
    if not till.is_enrolled:
        return TillFrame(branch=gettext("New till"), terminal=gettext("not enrolled"))
    identity = till.identity
    person = till.desk.person
    with till.vault.reader() as db:
        shift = open_shift_of(db, identity)
        last = last_receipt(db, identity)
    told = ""
    if shift is not None:
        told = gettext(
            "Shift %(number)s · since %(time)s",
            number=shift.number,
            time=clock(shift.opened_at_ms, identity.zone),
        )
    receipt = ""
    if last is not None and person is not None:
        receipt = gettext(
            "Last receipt %(number)s · change %(change)s",
            number=last.receipt_number,
            change=money(last.change, identity.currency),
        )
    return TillFrame(
        branch=identity.branch_name,
        terminal=identity.name,
        shift=told,
        person=None if person is None else _badge(person),
        switch_url=url_for("cashier.choose"),
        pills=pills(till),
        time=clock(till.clock(), identity.zone),
        hints=_hints(has_shift=shift is not None) if person is not None else (),
        last_receipt=receipt,
        status_url=url_for("sync.status"),
        live_url=url_for("sync.stream"),
    )


def _badge(person: Person) -> PersonBadge:
    role = gettext("Supervisor") if SUPERVISOR in person.roles else gettext("Cashier")
    return PersonBadge(person.name, role)


def _hints(*, has_shift: bool) -> tuple[KeyHint, ...]:
    drawer = KeyHint("F11", gettext("Drawer & shift"), url_for("shift.drawer"))
    if not has_shift:
        return (KeyHint("F1", gettext("Help"), url_for("help.keys")), drawer)
    return (
        KeyHint("F1", gettext("Help"), url_for("help.keys")),
        KeyHint("F3", gettext("Price check"), url_for("sale.price_check")),
        KeyHint("F5", gettext("Find receipt"), url_for("receipt.find")),
        drawer,
    )
