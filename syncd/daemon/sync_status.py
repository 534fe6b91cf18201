"""What a till knows of its own journal: `sentra sync status --data DIR`."""

from __future__ import annotations

import time
from pathlib import Path

from sentra.sync_status import JournalStatus, Mark, PlaceStatus, mark_of
from sentra.vault import journal, watermarks
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.failures import VaultMissing
from sentra.vault.identity import read_identity
from sentra.vault.state import sync_status


def read(folder: Path) -> PlaceStatus:
    """Heads, watermarks and what waits. Raises what `Vault.open` raises."""
    vault = Vault.open(folder)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
            if identity is None:
                raise VaultMissing(folder=folder)
            waiting, said = watermarks.backlog(db, "cloud"), sync_status(db)
            about = JournalStatus(
                branch=identity.branch_name,
                name=identity.name,
                terminal=identity.device_id,
                held=mark_of(journal.head(db)),
                router=_mark(db, "router"),
                cloud=_mark(db, "cloud"),
                archived=_mark(db, "archived"),
                waiting=waiting.count,
                oldest_at_ms=waiting.oldest_at_ms,
                heard_at_ms=said.updated_at_ms or None,
                via=said.via or "",
                skew_ms=said.skew_ms,
                notice=said.notice or "",
            )
    finally:
        vault.close()
    return PlaceStatus("till", time.time_ns() // 1_000_000, [about])


def _mark(db: Connection, name: str) -> Mark:
    return mark_of(watermarks.watermark(db, name))
