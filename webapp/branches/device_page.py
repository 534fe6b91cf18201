"""What the page of one device shows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from sentra.cloud.company import the_company
from sentra.cloud.proofs import ProofStatus, read_proof
from sentra.cloud.tables import archive_head, journal_head
from sentra.money import Currency
from sentra.money import currency as currency_of
from webapp.branches.queries import DeviceRow, read_devices
from webapp.places import Place


@dataclass(frozen=True, slots=True)
class HeadRow:
    """How far a journal is somewhere. `hash` is that of its last entry."""

    epoch: int
    seq: int
    hash: bytes
    moved_at_ms: int


@dataclass(frozen=True, slots=True)
class DevicePage:
    """What `branches/device.html` shows. A router has no journal, and so neither head nor proof."""

    place: Place
    device: DeviceRow
    currency: Currency
    here: HeadRow | None
    archived: HeadRow | None
    proof: ProofStatus | None

    @property
    def tenders(self) -> list[tuple[str, int]]:
        """What is proved, by kind of tender, in minor units."""
        return sorted(self.proof.tenders.items()) if self.proof is not None else []


def read_device(connection: Connection, place: Place, device_id: str, now_ms: int) -> DevicePage:
    """One device of a branch, which it is known to have."""
    devices = read_devices(connection, [place.id], now_ms)
    row = next(each for each in devices if each.id == device_id)
    is_till = row.role == "terminal"
    return DevicePage(
        place=place,
        device=row,
        currency=currency_of(the_company(connection).currency),
        here=_head(connection, place.id, device_id, journal_head) if is_till else None,
        archived=_head(connection, place.id, device_id, archive_head) if is_till else None,
        proof=read_proof(connection, place.id, device_id) if is_till else None,
    )


def _head(connection: Connection, branch_id: str, terminal_id: str, table: Table) -> HeadRow | None:
    c = table.c
    row = connection.execute(
        select(c.epoch, c.seq, c.hash, c.moved_at_ms).where(
            c.branch_id == branch_id, c.terminal_id == terminal_id
        )
    ).one_or_none()
    return None if row is None else HeadRow(row.epoch, row.seq, bytes(row.hash), row.moved_at_ms)
