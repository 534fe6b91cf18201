"""Branches: made with their partitions, and told to their tills through the branch's own scope."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from sentra.cloud import feed, people
from sentra.cloud.identity import new_id
from sentra.cloud.tables import branch
from sentra.events import Branch
from sentra.failures import Failure
from sentra.instants import zone_of

_CODE: Final = re.compile(r"[A-Z0-9]{2,6}", re.ASCII)
_CODE_LETTERS: Final = 3


class BranchError(Failure):
    """The family: a branch cannot be as it was asked for."""

    code = "branch"


class BranchCodeMalformed(BranchError):
    """The code leads every receipt number, so it is short and plain."""

    code = "branch-code-malformed"
    sentence = "“%(given)s” cannot be a branch's code. Use two to six capital letters and digits."


class BranchCodeTaken(BranchError):
    """Two branches with one code would write the same receipt numbers."""

    code = "branch-code-taken"
    sentence = "There is a branch with the code %(given)s already. Choose another code."


class BranchMissing(BranchError):
    """No branch has this id."""

    code = "branch-missing"
    sentence = "That branch is not there any more."


def create_branch(
    connection: Connection,
    *,
    code: str,
    name: str,
    zone: str,
    now_ms: int,
    signing_key: Ed25519PrivateKey,
    **settings: Any,
) -> str:
    """Make a branch and its partitions, publish it and the people who may work there; its id.

    `zone` is an IANA name or WIB, WITA, WIT; `settings` are further columns of the branch. Raises
    `BranchCodeMalformed`, `BranchCodeTaken` or `sentra.instants.ZoneUnknown`.
    """
    if not _CODE.fullmatch(code):
        raise BranchCodeMalformed(given=code[:32])
    branch_id = new_id(now_ms)
    row = {"id": branch_id, "code": code, "name": name, "zone": zone_of(zone).key}
    try:
        with connection.begin_nested():
            connection.execute(branch.insert().values(**row, created_at_ms=now_ms, **settings))
    except IntegrityError as error:
        raise BranchCodeTaken(given=code) from error
    connection.execute(text("SELECT make_partitions(CAST(:id AS uuid))"), {"id": branch_id})
    publish_branch(connection, branch_id, now_ms=now_ms, signing_key=signing_key)
    items = people.items_for_branch(connection, branch_id)
    feed.publish(connection, branch_id, items, now_ms=now_ms, signing_key=signing_key)
    return branch_id


def publish_branch(
    connection: Connection, branch_id: str, *, now_ms: int, signing_key: Ed25519PrivateKey
) -> int:
    """Publish the branch as its row is now, in its own scope; the scope's head afterwards."""
    row = connection.execute(select(branch).where(branch.c.id == branch_id)).one_or_none()
    if row is None:
        raise BranchMissing
    decision = Branch(
        id=row.id,
        code=row.code,
        name=row.name,
        zone=row.zone,
        address=row.address,
        cash_step=row.cash_step,
        cash_direction=row.cash_direction,
        receipt_header=row.receipt_header,
        receipt_footer=row.receipt_footer,
        void_limit=row.void_limit,
    )
    item = feed.item("branch", branch_id, decision)
    return feed.publish(connection, branch_id, [item], now_ms=now_ms, signing_key=signing_key)


def suggest_code(name: str, taken: Collection[str]) -> str:
    """A free code from a name: the first letter and the next consonants, `Sangatta` → `SNG`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().upper()
    letters = re.sub(r"[^A-Z0-9]", "", plain) or "BR"
    spoken = letters[0] + re.sub(r"[AEIOU]", "", letters[1:])
    stem = (spoken if len(spoken) >= _CODE_LETTERS else letters.ljust(2, "X"))[:_CODE_LETTERS]
    candidates = (stem, *(f"{stem}{number}" for number in range(2, 1000)))
    return next(candidate for candidate in candidates if candidate not in taken)
