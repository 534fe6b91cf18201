"""Proof of what a router holds: chain, signatures, gaps, and the sums of the sales in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.outbound import store
from sentra.events import SaleCompleted
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import check_signature, follows, open_segment
from sentra.vault.database import Vault


@dataclass(slots=True)
class TerminalReport:
    """One terminal's journal as it is held here. Amounts are minor units.

    `sales` counts each sale id: more than one of an id is a doubled sale. `problem` names the
    first segment or entry that differs.
    """

    terminal: str
    name: str
    entries: int = 0
    gross: int = 0
    problem: str | None = None
    sales: Counter[str] = field(default_factory=Counter)

    @property
    def tickets(self) -> int:
        """Sales held, each once."""
        return len(self.sales)

    def add(self, entry: Entry) -> None:
        """Counts one entry; what this version cannot read is an entry without a sum."""
        self.entries += 1
        try:
            fact = decode_fact(entry.kind, entry.schema, entry.body)
        except (UnknownKind, BodyUnreadable):
            return
        if isinstance(fact, SaleCompleted):
            self.sales[fact.sale_id] += 1
            self.gross += fact.goods_total


def verify_router(vault: Vault) -> list[TerminalReport]:
    """One report for each terminal of the branch, read from the sealed bytes themselves."""
    with vault.reader() as db:
        reports = []
        for device in store.devices(db):
            if device.role != "terminal":
                continue
            report = TerminalReport(device.id, device.name)
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(device.public_key))
            try:
                end = _walk(report, store.segments_of(db, device.id), key)
                if end != store.head_of(db, device.id):
                    report.problem = f"the head held is not the last entry held ({end.seq})"
            except ProtocolError as error:
                report.problem = f"after entry {report.entries}: {error.detail}"
            reports.append(report)
        return reports


def _walk(report: TerminalReport, segments: Iterable[bytes], key: Ed25519PublicKey) -> Head:
    head = EMPTY
    for sealed in segments:
        header = check_signature(sealed, key)
        if not follows(header, head):
            report.problem = f"entries after {head.seq} of epoch {head.epoch} are missing"
            break
        for entry in open_segment(sealed, head.hash):
            report.add(entry)
        head = Head(header.epoch, header.last_seq, header.last_hash)
    return head
