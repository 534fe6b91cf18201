"""Reads of a till that is not ready to sell yet."""

from __future__ import annotations

from dataclasses import dataclass

from pos_shell.cashier.queries import cashiers
from pos_shell.till import Till
from sentra.protocol.feed import COMPANY
from sentra.vault import catalogue, snapshots, state
from sentra.vault.driver import Connection
from sentra.vault.state import SyncStatus


@dataclass(frozen=True, slots=True)
class Arrival:
    """How much of the first feed is here. `revisions_total` is None until it was heard.

    Revisions are counted over the company's and the branch's scope together.
    """

    products: int
    revisions: int
    revisions_total: int | None
    status: SyncStatus
    key_place: str

    @property
    def percent(self) -> int:
        """0 to 100; 0 while the total is unknown."""
        if not self.revisions_total:
            return 0
        return min(100, 100 * self.revisions // self.revisions_total)


def is_ready(till: Till) -> bool:
    """Whether the till knows its branch, its company and somebody who may sell."""
    with till.vault.reader() as db:
        scopes = (COMPANY, till.identity.branch_id)
        arrived = all(catalogue.cursor(db, scope) for scope in scopes)
        return arrived and bool(cashiers(db))


def arrival(till: Till) -> Arrival:
    """How far the first feed is."""
    scopes = (COMPANY, till.identity.branch_id)
    with till.vault.reader() as db:
        heads = state.get(db, state.FEED_HEADS) or {}
        return Arrival(
            products=db.execute("SELECT count(*) FROM product").fetchone()[0],
            revisions=sum(_arrived(db, scope) for scope in scopes),
            revisions_total=sum(heads.get(scope, 0) for scope in scopes) or None,
            status=state.sync_status(db),
            key_place=till.vault.key_place,
        )


def _arrived(db: Connection, scope: str) -> int:
    """Revisions applied; a snapshot on its way counts for as many as its share that is here."""
    applied = catalogue.cursor(db, scope)
    held = snapshots.begun(db, scope)
    if held is None:
        return applied
    return max(applied, held.note.revision * held.size // held.note.size)
