"""What stands around each page: the company, the menu as far as it is open, who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import current_app, request, url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy import Connection, func, select

from sentra.cloud.tables import company, exception
from sentra.web.frames import BackofficeFrame, NavGroup, NavItem, PersonBadge
from webapp.database import connection
from webapp.flash import said
from webapp.identity import current_member
from webapp.roles import Member


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the menu: where it leads, and which permission opens it.

    `everywhere`: only for people whose business every branch is.
    """

    label: object
    endpoint: str
    icon: str
    permission: str
    everywhere: bool = False

    def is_open_to(self, person: Member) -> bool:
        """Whether the page is there, and this person may see it."""
        if self.endpoint not in current_app.view_functions or not person.may(self.permission):
            return False
        return not self.everywhere or person.branch_ids is None


_MENU: Final = (
    (
        "",
        (
            _Entry(lazy_gettext("Today"), "dashboard.show", "layout-dashboard", "dashboard.view"),
            _Entry(lazy_gettext("Sales"), "sales.index", "receipt", "sales.view"),
            _Entry(lazy_gettext("Shifts"), "shifts.index", "cash-register", "shifts.view"),
            _Entry(lazy_gettext("Exceptions"), "exceptions.index", "inbox", "exceptions.view"),
        ),
    ),
    (
        lazy_gettext("Catalogue"),
        (
            _Entry(lazy_gettext("Products"), "catalogue.index", "package", "catalogue.view"),
            _Entry(
                lazy_gettext("Import"), "imports.index", "file-import", "catalogue.import", True
            ),
        ),
    ),
    (
        lazy_gettext("Company"),
        (
            _Entry(lazy_gettext("Branches"), "branches.index", "building-store", "branches.view"),
            _Entry(lazy_gettext("People"), "people.index", "users", "people.view"),
            _Entry(lazy_gettext("Courier"), "courier.index", "transfer", "courier.unpack"),
        ),
    ),
)

_STAND_UNDER: Final = {"categories": "catalogue", "devices": "branches"}
"""Blueprints without a line of their own, and whose line is lit instead."""

ROLE_NAMES: Final = {
    "owner": lazy_gettext("Owner"),
    "manager": lazy_gettext("Manager"),
    "bookkeeper": lazy_gettext("Bookkeeper"),
    "branch_it": lazy_gettext("Branch IT"),
    "supervisor": lazy_gettext("Supervisor"),
    "cashier": lazy_gettext("Cashier"),
}


def role_name(role: str) -> str:
    """A role's name in the language of the request."""
    return str(ROLE_NAMES.get(role, role))


def make_frame() -> BackofficeFrame:
    """The frame of this request's page."""
    person = current_member()
    if person is None:
        return BackofficeFrame(company="Sentra")
    message, tone = said() or ("", "ok")
    return BackofficeFrame(
        company=_company_name(connection()),
        navigation=_navigation(person, _open_exceptions(connection(), person)),
        person=PersonBadge(person.name, ", ".join(role_name(role) for role in person.roles)),
        sign_out_url=url_for("account.sign_out"),
        account_url=url_for("account.show"),
        search_url=url_for("sales.index") if person.may("sales.view") else "",
        live_url=url_for("live.stream"),
        message=message,
        message_tone=tone,
    )


def first_page(person: Member) -> str:
    """Where a person lands after signing in: the first page of the menu that is open to them."""
    for _label, entries in _MENU:
        for entry in entries:
            if entry.is_open_to(person):
                return url_for(entry.endpoint)
    return url_for("account.show")


def _navigation(person: Member, exceptions: int) -> tuple[NavGroup, ...]:
    groups = []
    for label, entries in _MENU:
        items = tuple(
            NavItem(
                label=str(entry.label),
                href=url_for(entry.endpoint),
                icon=entry.icon,
                active=_is_here(entry.endpoint),
                count=exceptions if entry.endpoint == "exceptions.index" else 0,
            )
            for entry in entries
            if entry.is_open_to(person)
        )
        if items:
            groups.append(NavGroup(items, str(label)))
    return tuple(groups)


def _is_here(endpoint: str) -> bool:
    """Whether the present page belongs to this line of the menu."""
    here = request.blueprint or ""
    return _STAND_UNDER.get(here, here) == endpoint.partition(".")[0]


def _company_name(connection: Connection) -> str:
    name: str | None = connection.execute(select(company.c.name)).scalar_one_or_none()
    return name or gettext("Company")


def _open_exceptions(connection: Connection, person: Member) -> int:
    if not person.may("exceptions.view"):
        return 0
    question = select(func.count()).where(exception.c.resolved_at_ms.is_(None))
    if person.branch_ids is not None:
        question = question.where(exception.c.branch_id.in_(person.branch_ids))
    return connection.execute(question).scalar_one()
