"""A supervisor's approval as it arrives in a form."""

from __future__ import annotations

from flask import request

from pos_shell.cashier.actions import approval_by, approve
from pos_shell.till import Till
from pos_shell.web import person
from sentra.domain.errors import ApprovalNeeded
from sentra.domain.permission import Permission


def read_approval(till: Till, permission: Permission) -> str:
    """Who approves: the signed-in person where their role is enough, else the one in the form.

    Raises:
        ApprovalNeeded: nobody is named. PinWrong, PinWait, PinLocked, NotAllowed: as they say.
    """
    own = approval_by(person(), permission)
    if own is not None:
        return own
    approver, pin = request.form.get("approver", ""), request.form.get("approver_pin", "").strip()
    if not approver or not pin:
        raise ApprovalNeeded()
    return approve(till, permission, approver, pin)


def offered_approval(till: Till, permission: Permission) -> str | None:
    """As `read_approval`, but None where nobody is named: the action may not need it."""
    if not request.form.get("approver_pin", "").strip():
        return approval_by(person(), permission)
    return read_approval(till, permission)
