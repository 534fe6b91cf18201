"""Proof of what a router holds: chain, signatures, gaps, and the sums of the sales in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.operations.journals import JournalState
from router_agent.outbound import decisions, store
from router_agent.outbound.schema import ROOMS
from sentra.events import SaleCompleted
from sentra.i18n import say
from sentra.projection.tally import Tally
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.errors import FeedDamaged, ProtocolError
from sentra.protocol.feed import COMPANY, open_revision
from sentra.protocol.segment import check_signature, follows, open_segment
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.failures import VaultMissing
from sentra.vault.identity import Identity, read_identity
from sentra.verification import DeviceProof


@dataclass(slots=True)
class _Journal:
    """One terminal's journal while it is read.

    `sales` counts each sale id: more than one of an id is a doubled sale.
    """

    entries: int = 0
    tally: Tally = field(default_factory=Tally)
    sales: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    cloud_hash: bytes | None = None

    def add(self, entry: Entry, cloud: Head) -> None:
        """Counts one entry; what this version cannot read is an entry without a sum."""
        self.entries += 1
        if (entry.epoch, entry.seq) == (cloud.epoch, cloud.seq):
            self.cloud_hash = entry.hash
        try:
            fact = decode_fact(entry.kind, entry.schema, entry.body)
        except (UnknownKind, BodyUnreadable):
            return
        self.tally.add(fact)
        if isinstance(fact, SaleCompleted):
            self.sales[fact.sale_id] += 1


def prove(folder: Path) -> list[DeviceProof]:
    """One proof for each terminal of the branch, read from the sealed bytes themselves.

    A last one named after the router has what is wrong with its decisions, where anything is.
    Raises what `Vault.open` raises.
    """
    vault = Vault.open(folder, ROOMS)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
            if identity is None or identity.role != "router":
                raise VaultMissing(folder=folder)
            return [*_prove_terminals(db, identity), *_prove_decisions(db, identity)]
    finally:
        vault.close()


def _prove_terminals(db: Connection, identity: Identity) -> Iterable[DeviceProof]:
    known = {device.id: device for device in decisions.devices(db) if device.role == "terminal"}
    states = {state.terminal: state for state in store.journals(db)}
    for terminal in {**dict.fromkeys(known), **dict.fromkeys(states)}:
        device, state = known.get(terminal), states.get(terminal)
        if device is None:
            journal = _Journal(problems=[say("The branch's decisions do not name this terminal.")])
        else:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(device.public_key))
            journal = _read(store.segments_of(db, terminal), key, state)
        yield DeviceProof(
            name=terminal if device is None else device.name,
            branch=identity.branch_name,
            terminal=terminal,
            tickets=len(journal.sales),
            entries=journal.entries,
            gross=journal.tally.gross,
            problems=tuple(journal.problems),
        )


def _read(segments: Iterable[bytes], key: Ed25519PublicKey, state: JournalState | None) -> _Journal:
    """Everything held of one terminal: each segment against its key and the one before."""
    journal = _Journal()
    here, cloud = (state.here, state.cloud) if state else (EMPTY, EMPTY)
    head = EMPTY
    for sealed in segments:
        try:
            header = check_signature(sealed, key)
            if not follows(header, head):
                journal.problems.append(
                    say("After entry %(seq)s of epoch %(epoch)s something is missing.",
                        seq=head.seq, epoch=head.epoch)
                )  # fmt: skip
                return journal
            for entry in open_segment(sealed, head.hash):
                journal.add(entry, cloud)
        except ProtocolError as error:
            journal.problems.append(
                say("The segment after entry %(seq)s of epoch %(epoch)s is not what the "
                    "terminal sealed: %(detail)s.",
                    seq=head.seq, epoch=head.epoch, detail=error.detail)
            )  # fmt: skip
            return journal
        head = Head(header.epoch, header.last_seq, header.last_hash)
    if head != here:
        journal.problems.append(say("The head kept here is not the last entry kept here."))
    if journal.cloud_hash not in (None, cloud.hash):
        journal.problems.append(
            say("The cloud has another entry at %(seq)s of epoch %(epoch)s.",
                seq=cloud.seq, epoch=cloud.epoch)
        )  # fmt: skip
    for sale, count in journal.sales.items():
        if count > 1:
            journal.problems.append(
                say("Sale %(sale)s is here %(count)s times.", sale=sale, count=count)
            )
    return journal


def _prove_decisions(db: Connection, identity: Identity) -> Iterable[DeviceProof]:
    """The feed that is handed on to tills: each revision signed by the cloud, none missing."""
    problems = []
    for scope in (COMPANY, identity.branch_id):
        for expected in range(1, decisions.feed_cursor(db, scope) + 1):
            page = decisions.revisions_after(db, scope, expected - 1, 1)
            try:
                if page[0].revision != expected:
                    raise FeedDamaged(f"revision {expected} of {scope}")
                open_revision(page[0], identity.cloud_public_key)
            except FeedDamaged as error:
                problems.append(
                    say("Decisions are not as the cloud signed them: %(detail)s.",
                        detail=error.detail)
                )  # fmt: skip
    if problems:
        yield DeviceProof(
            identity.name, identity.branch_name, identity.device_id, 0, 0, 0, tuple(problems)
        )
