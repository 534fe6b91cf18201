"""What a person may do: permissions by name, and roles as sets of them.

A role is held in some or all branches; which, is the caller's to know. A role that this version
does not know grants nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Self

from sentra.domain.errors import DomainError

N_: Final = str
"""Marks a text for the translators; whoever shows it translates it."""


class NotAllowed(DomainError):
    """A person without the permission; the action is open to others."""

    code = "not-allowed"
    sentence = "You may not do this here: %(permission)s. Ask someone who may."
    texts = ("permission",)


class Permission(StrEnum):
    """One thing that a person may do; `about` is the sentence that the roles page shows."""

    about: str

    def __new__(cls, value: str, about: str) -> Self:
        """Keep the sentence beside the name."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.about = about
        return member

    # At the till
    SALE_COMPLETE = "sale.complete", N_("Sell and take payment")
    SALE_VOID = "sale.void", N_("Give up an open cart, up to the branch's limit")
    SALE_VOID_ANY = "sale.void_any", N_("Approve giving up a cart of any amount")
    SALE_DISCOUNT = "sale.discount", N_("Give a discount on a line or a sale")
    SALE_PRICE = "sale.price", N_("Sell at a price of one's own, and open items")
    SALE_REPRINT = "sale.reprint", N_("Find earlier sales and print copies")
    REFUND_COMPLETE = "refund.complete", N_("Refund lines of an earlier sale")
    REFUND_APPROVE = "refund.approve", N_("Approve a refund, also without the first sale at hand")
    SHIFT_OPEN = "shift.open", N_("Open a shift and count its float")
    SHIFT_CLOSE = "shift.close", N_("Count the drawer and close a shift")
    SHIFT_REPORT = "shift.report", N_("See what the drawer should hold")
    CASH_MOVE = "cash.move", N_("Pay cash in or out, drop to the safe, open the drawer")
    CASH_APPROVE = "cash.approve", N_("Approve cash paid out and drawers opened without a sale")
    PIN_UNLOCK = "pin.unlock", N_("Let a colleague try again after too many wrong PINs")

    # In the back office
    DASHBOARD_VIEW = "dashboard.view", N_("See the figures of the day")
    SALES_VIEW = "sales.view", N_("See sales and their journey")
    CATALOGUE_VIEW = "catalogue.view", N_("See products and prices")
    CATALOGUE_EDIT = "catalogue.edit", N_("Change products, prices and categories")
    CATALOGUE_IMPORT = "catalogue.import", N_("Take in a catalogue from a file")
    TAX_EDIT = "tax.edit", N_("Change taxes and their dates")
    STOCK_VIEW = "stock.view", N_("See stock and its movements")
    STOCK_MOVE = "stock.move", N_("Receive, count, adjust and transfer stock")
    PEOPLE_VIEW = "people.view", N_("See people and their roles")
    PEOPLE_EDIT = "people.edit", N_("Add people, set PINs, roles and branches")
    BRANCH_VIEW = "branch.view", N_("See branches and their settings")
    BRANCH_EDIT = "branch.edit", N_("Add branches and change their settings")
    FLEET_VIEW = "fleet.view", N_("See terminals and routers")
    FLEET_ENROL = "fleet.enrol", N_("Make enrolment codes, rename and revoke devices")
    MONEY_VIEW = "money.view", N_("See shifts, drawer differences and taxes")
    REPORT_VIEW = "report.view", N_("Run reports")
    REPORT_EXPORT = "report.export", N_("Take reports and lists out as files")
    EXCEPTION_VIEW = "exception.view", N_("See what was accepted but needs a look")
    EXCEPTION_RESOLVE = "exception.resolve", N_("Settle an exception")
    AUDIT_VIEW = "audit.view", N_("See who did what")
    COMPANY_EDIT = "company.edit", N_("Change the company's own settings")

    # At the router
    ROUTER_VIEW = "router.view", N_("See the router's status page")
    ROUTER_OPERATE = "router.operate", N_("Retry, drain and re-enrol a router")


_P = Permission

CASHIER: Final = "cashier"
SUPERVISOR: Final = "supervisor"
MANAGER: Final = "manager"
BOOKKEEPER: Final = "bookkeeper"
BRANCH_IT: Final = "branch_it"
OWNER: Final = "owner"

_CASHIER: Final = frozenset(
    {
        _P.SALE_COMPLETE,
        _P.SALE_VOID,
        _P.SALE_DISCOUNT,
        _P.SALE_PRICE,
        _P.SALE_REPRINT,
        _P.REFUND_COMPLETE,
        _P.SHIFT_OPEN,
        _P.SHIFT_CLOSE,
        _P.CASH_MOVE,
    }
)
_SUPERVISOR: Final = _CASHIER | {
    _P.SALE_VOID_ANY,
    _P.REFUND_APPROVE,
    _P.SHIFT_REPORT,
    _P.CASH_APPROVE,
    _P.PIN_UNLOCK,
    _P.ROUTER_VIEW,
}
_MANAGER: Final = _SUPERVISOR | {
    _P.DASHBOARD_VIEW,
    _P.SALES_VIEW,
    _P.CATALOGUE_VIEW,
    _P.CATALOGUE_EDIT,
    _P.CATALOGUE_IMPORT,
    _P.STOCK_VIEW,
    _P.STOCK_MOVE,
    _P.PEOPLE_VIEW,
    _P.PEOPLE_EDIT,
    _P.BRANCH_VIEW,
    _P.BRANCH_EDIT,
    _P.FLEET_VIEW,
    _P.FLEET_ENROL,
    _P.MONEY_VIEW,
    _P.REPORT_VIEW,
    _P.REPORT_EXPORT,
    _P.EXCEPTION_VIEW,
    _P.EXCEPTION_RESOLVE,
    _P.AUDIT_VIEW,
}
_BOOKKEEPER: Final = frozenset(
    {
        _P.DASHBOARD_VIEW,
        _P.SALES_VIEW,
        _P.CATALOGUE_VIEW,
        _P.STOCK_VIEW,
        _P.BRANCH_VIEW,
        _P.MONEY_VIEW,
        _P.TAX_EDIT,
        _P.REPORT_VIEW,
        _P.REPORT_EXPORT,
        _P.EXCEPTION_VIEW,
        _P.AUDIT_VIEW,
    }
)
_BRANCH_IT: Final = frozenset(
    {
        _P.BRANCH_VIEW,
        _P.FLEET_VIEW,
        _P.FLEET_ENROL,
        _P.EXCEPTION_VIEW,
        _P.ROUTER_VIEW,
        _P.ROUTER_OPERATE,
    }
)

ROLES: Final[dict[str, frozenset[Permission]]] = {
    CASHIER: _CASHIER,
    SUPERVISOR: _SUPERVISOR,
    BOOKKEEPER: _BOOKKEEPER,
    BRANCH_IT: _BRANCH_IT,
    MANAGER: _MANAGER,
    OWNER: frozenset(Permission),
}
"""Role -> its permissions. The owner has all of them."""


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """All that the roles grant together."""
    return frozenset[Permission]().union(*(ROLES.get(role, frozenset()) for role in roles))


def may(roles: Iterable[str], permission: str) -> bool:
    """Whether one of the roles grants the permission."""
    return permission in permissions_of(roles)


def require(roles: Iterable[str], permission: Permission) -> None:
    """Refuse a person whose roles do not grant the permission.

    Raises:
        NotAllowed: they do not.
    """
    if not may(roles, permission):
        raise NotAllowed(permission=permission.about)
