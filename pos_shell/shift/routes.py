"""The drawer: opening it with a float, cash in and out, the X report, the blind close, the Z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from pos_shell import forms
from pos_shell.cashier.forms import read_approval
from pos_shell.cashier.queries import approvers
from pos_shell.receipt.facts import ReceiptMissing
from pos_shell.shift.actions import close_shift, move_cash, open_shift
from pos_shell.shift.branch_day import BranchDay, branch_day
from pos_shell.shift.queries import (
    ClosedShift,
    Movement,
    ShiftNotOpen,
    closed_shift,
    closed_shifts,
    movements_of,
    open_shift_of,
    summary_of,
)
from pos_shell.web import person, till, told
from sentra.domain.drawer import NO_SALE, PAID_OUT, ShiftSummary, denominations_of
from sentra.domain.permission import Permission, may
from sentra.events import Person, ShiftOpened
from sentra.failures import Failure
from sentra.web.fragments import go_to, render
from sentra.web.permissions import requires

routes = Blueprint("shift", __name__, url_prefix="/shift")


@dataclass(frozen=True, slots=True)
class OpenPage:
    """The form that opens a shift."""

    currency: str
    denominations: Sequence[int]
    opening_float: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class DrawerPage:
    """The open shift. `may_report`: this person may see what the drawer should hold."""

    shift: ShiftOpened
    movements: Sequence[Movement]
    closed: Sequence[ClosedShift]
    approvers: Sequence[Person]
    may_report: bool
    needs_approval: bool
    currency: str
    zone: str
    values: dict[str, str]
    error: str = ""


@dataclass(frozen=True, slots=True)
class ReportPage:
    """The X report, or the form that asks for the supervisor who may see it."""

    shift: ShiftOpened
    summary: ShiftSummary | None
    branch: BranchDay | None
    approvers: Sequence[Person]
    currency: str
    zone: str
    now_ms: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class ClosePage:
    """The blind count: pieces by face value, or one sum where no values are listed."""

    shift: ShiftOpened
    denominations: Sequence[int]
    counts: dict[int, str]
    counted: str
    note: str
    currency: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class SummaryPage:
    """The Z of a closed shift."""

    closed: ClosedShift
    summary: ShiftSummary
    movements: Sequence[Movement]
    zone: str


@routes.get("/")
@requires(Permission.SHIFT_OPEN)
def drawer() -> Response:
    """The drawer of the open shift, or the form that opens one."""
    return _drawer()


def _drawer(error: str = "", status: int = 200) -> Response:
    here = till()
    identity = here.identity
    with here.vault.reader() as db:
        shift = open_shift_of(db, identity)
        movements = movements_of(db, identity.branch_id, shift.shift_id) if shift else ()
        closed = closed_shifts(db, identity)
        people = approvers(db, Permission.CASH_APPROVE)
    if shift is None:
        values = denominations_of(identity.currency)
        page = OpenPage(identity.currency, values, request.form.get("opening_float", ""), error)
        return render("pos_shell/shift/open.html", page=page, status=status)
    return render(
        "pos_shell/shift/drawer.html",
        page=DrawerPage(
            shift=shift,
            movements=movements,
            closed=closed,
            approvers=people,
            may_report=may(person().roles, Permission.SHIFT_REPORT),
            needs_approval=not may(person().roles, Permission.CASH_APPROVE),
            currency=identity.currency,
            zone=identity.zone,
            values={name: request.form.get(name, "") for name in ("kind", "amount", "reason")},
            error=error,
        ),
        status=status,
    )


@routes.post("/")
@requires(Permission.SHIFT_OPEN)
def begin() -> BaseResponse:
    """Open a shift."""
    try:
        open_shift(till(), person(), forms.amount("opening_float", till().identity.currency))
    except Failure as failure:
        return _drawer(told(failure), 422)
    return go_to(url_for("sale.screen"))


@routes.post("/cash")
@requires(Permission.CASH_MOVE)
def cash() -> BaseResponse:
    """Cash in, out, to the safe, or a drawer just opened."""
    kind = forms.text("kind")
    try:
        amount = 0 if kind == NO_SALE else forms.amount("amount", till().identity.currency)
        approved_by = None
        if kind in (PAID_OUT, NO_SALE):
            approved_by = read_approval(till(), Permission.CASH_APPROVE)
        move_cash(
            till(),
            person(),
            kind=kind,
            amount=amount,
            reason=forms.text("reason"),
            approved_by=approved_by,
        )
    except Failure as failure:
        return _drawer(told(failure), 422)
    return go_to(url_for("shift.drawer"))


@routes.get("/report")
@requires(Permission.SHIFT_OPEN)
def report() -> Response:
    """The X report for whoever may see it."""
    return _report(shown=may(person().roles, Permission.SHIFT_REPORT))


@routes.post("/report")
@requires(Permission.SHIFT_OPEN)
def report_approved() -> Response:
    """The X report after a supervisor's PIN."""
    try:
        read_approval(till(), Permission.SHIFT_REPORT)
    except Failure as failure:
        return _report(shown=False, error=told(failure))
    return _report(shown=True)


def _report(*, shown: bool, error: str = "") -> Response:
    here = till()
    with here.vault.reader() as db:
        shift = open_shift_of(db, here.identity)
        if shift is None:
            raise ShiftNotOpen()
        summary = summary_of(db, here.identity.branch_id, shift.shift_id) if shown else None
        people = approvers(db, Permission.SHIFT_REPORT)
    page = ReportPage(
        shift=shift,
        summary=summary,
        branch=branch_day(here, shift.business_date) if shown else None,
        approvers=people,
        currency=here.identity.currency,
        zone=here.identity.zone,
        now_ms=here.clock(),
        error=error,
    )
    return render("pos_shell/shift/report.html", page=page, status=422 if error else 200)


@routes.get("/close")
@requires(Permission.SHIFT_CLOSE)
def count() -> BaseResponse:
    """The count, which does not say what is expected."""
    return _count()


def _count(error: str = "", status: int = 200) -> BaseResponse:
    here = till()
    with here.vault.reader() as db:
        shift = open_shift_of(db, here.identity)
    if shift is None:
        return go_to(url_for("shift.drawer"))
    values = denominations_of(here.identity.currency)
    page = ClosePage(
        shift=shift,
        denominations=values,
        counts={value: request.form.get(f"pieces_{value}", "") for value in values},
        counted=request.form.get("counted", ""),
        note=request.form.get("note", ""),
        currency=here.identity.currency,
        error=error,
    )
    return render("pos_shell/shift/close.html", page=page, status=status)


@routes.post("/close")
@requires(Permission.SHIFT_CLOSE)
def close() -> BaseResponse:
    """Close the shift and post the difference."""
    code = till().identity.currency
    values = denominations_of(code)
    try:
        pieces = [(value, forms.whole(f"pieces_{value}")) for value in values]
        closed = close_shift(
            till(),
            person(),
            denominations=pieces,
            counted_cash=None if values else forms.amount("counted", code),
            note=forms.text("note") or None,
        )
    except Failure as failure:
        return _count(told(failure), 422)
    return go_to(url_for("shift.summary", shift_id=closed.shift_id))


@routes.get("/<uuid:shift_id>")
@requires(Permission.SHIFT_CLOSE)
def summary(shift_id: object) -> Response:
    """The Z summary."""
    here = till()
    identity = here.identity
    with here.vault.reader() as db:
        closed = closed_shift(db, identity.branch_id, str(shift_id))
        if closed is None:
            raise ReceiptMissing(number=shift_id)
        page = SummaryPage(
            closed=closed,
            summary=summary_of(db, identity.branch_id, closed.shift_id),
            movements=movements_of(db, identity.branch_id, closed.shift_id),
            zone=identity.zone,
        )
    return render("pos_shell/shift/summary.html", page=page)
