"""What is decided about branches and their devices."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from sentra.cloud import branches, devices
from sentra.cloud.tables import branch, device, enrolment_code
from webapp.change import Change


def create_branch(change: Change, values: dict[str, Any]) -> str:
    """Make a branch, publish it, and return its id.

    Raises:
        BranchError, ZoneUnknown: the code is malformed or taken, or the zone is none.
    """
    branch_id = branches.create_branch(
        change.connection, now_ms=change.now_ms, signing_key=change.keys.signing_key, **values
    )
    change.audit("branches.create", "branch", branch_id, branch_id=branch_id, **values)
    return branch_id


def edit_branch(change: Change, branch_id: str, values: dict[str, Any]) -> None:
    """Change a branch's settings; its tills have them within seconds. The code stays for good:
    it leads the numbers of every receipt that was printed."""
    kept = {name: value for name, value in values.items() if name != "code"}
    before = change.connection.execute(
        select(*(branch.c[name] for name in kept)).where(branch.c.id == branch_id)
    ).one()
    change.connection.execute(update(branch).where(branch.c.id == branch_id).values(**kept))
    head = branches.publish_branch(
        change.connection, branch_id, now_ms=change.now_ms, signing_key=change.keys.signing_key
    )
    change.published({branch_id: head})
    changed = {
        name: [getattr(before, name), value]
        for name, value in kept.items()
        if getattr(before, name) != value
    }
    change.audit("branches.edit", "branch", branch_id, branch_id=branch_id, **changed)


def make_code(change: Change, branch_id: str, role: str, name: str | None) -> devices.NewCode:
    """A one-time code for a till or router. The code is shown once and kept nowhere."""
    made = devices.create_code(
        change.connection,
        branch_id=branch_id,
        role=role,
        now_ms=change.now_ms,
        name=name,
        created_by=change.actor.user_id,
    )
    change.audit("devices.enrol", "code", made.id, branch_id=branch_id, role=role, name=name)
    return made


def withdraw_code(change: Change, branch_id: str, code_id: str) -> None:
    """End a code that was made by mistake or seen by somebody."""
    c = enrolment_code.c
    change.connection.execute(
        update(enrolment_code)
        .where(c.id == code_id, c.branch_id == branch_id, c.used_at_ms.is_(None))
        .values(expires_at_ms=change.now_ms)
    )
    change.audit("devices.withdraw_code", "code", code_id, branch_id=branch_id)


def revoke_device(change: Change, branch_id: str, device_id: str) -> None:
    """Shut a device out. What it recorded until now stays, and what it still sends is kept."""
    head = devices.revoke(
        change.connection, device_id, now_ms=change.now_ms, signing_key=change.keys.signing_key
    )
    change.published({branch_id: head})
    change.audit("devices.revoke", "device", device_id, branch_id=branch_id)
    change.wake("device", branch_id)


def rename_device(change: Change, branch_id: str, device_id: str, name: str) -> None:
    """Give a device another name; its branch's screens show it within seconds."""
    change.connection.execute(update(device).where(device.c.id == device_id).values(name=name))
    head = devices.publish_device(
        change.connection, device_id, now_ms=change.now_ms, signing_key=change.keys.signing_key
    )
    change.published({branch_id: head})
    change.audit("devices.rename", "device", device_id, branch_id=branch_id, name=name)
    change.wake("device", branch_id)
