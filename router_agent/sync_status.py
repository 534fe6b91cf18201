"""What a router knows of its branch's journals: `sentra sync status --data DIR`."""

from __future__ import annotations

import time
from pathlib import Path

from router_agent.outbound import backlog, decisions, store
from router_agent.outbound.schema import ROOMS
from sentra.sync_status import JournalStatus, PlaceStatus, RouterStatus, mark_of
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.failures import VaultMissing
from sentra.vault.identity import Identity, read_identity


def read(folder: Path) -> PlaceStatus:
    """Heads here and in the cloud, and what waits. Raises what `Vault.open` raises."""
    vault = Vault.open(folder, ROOMS)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
            if identity is None:
                raise VaultMissing(folder=folder)
            return _status(db, identity)
    finally:
        vault.close()


def _status(db: Connection, identity: Identity) -> PlaceStatus:
    names = {device.id: device.name for device in decisions.devices(db)}
    heard = dict(db.execute("SELECT terminal, last_heard_at_ms FROM heard").fetchall())
    waiting, oldest = backlog.waiting(db), backlog.oldest_by_terminal(db)
    journals = [
        JournalStatus(
            branch=identity.branch_name,
            name=names.get(one.terminal, one.terminal),
            terminal=one.terminal,
            held=mark_of(one.here),
            router=mark_of(one.here),
            cloud=mark_of(one.cloud),
            archived=None if one.archived is None else mark_of(one.archived.head.to_head()),
            waiting=waiting[one.terminal],
            oldest_at_ms=oldest.get(one.terminal),
            heard_at_ms=heard.get(one.terminal),
        )
        for one in store.journals(db)
    ]
    watched = db.execute("SELECT max(last_at_ms) FROM watch").fetchone()[0]
    here = RouterStatus(
        branch=identity.branch_name,
        name=identity.name,
        router=identity.device_id,
        waiting=waiting.total(),
        oldest_at_ms=min(oldest.values(), default=None),
        heard_at_ms=watched,
    )
    return PlaceStatus("router", time.time_ns() // 1_000_000, journals, [here])
