"""Proof of what a router holds: chain, signatures, gaps, and the sums of the sales in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.operations.journals import JournalState
from router_agent.outbound import decisions, lane, store
from router_agent.outbound.bases import base_of
from router_agent.outbound.schema import ROOMS
from router_agent.outbound.store import HeldSegment
from sentra.events import SaleCompleted
from sentra.finding import OTHER_BYTES, Finding, found
from sentra.i18n import say
from sentra.projection.shifts import ShiftSums
from sentra.projection.tally import Tally
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.errors import FeedDamaged, ProtocolError
from sentra.protocol.feed import COMPANY, open_revision
from sentra.protocol.segment import check_signature, follows, open_segment, sealed_digest
from sentra.protocol.snapshot import read_note, write_note
from sentra.vault import snapshots
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.failures import VaultMissing
from sentra.vault.identity import Identity, read_identity
from sentra.verification import DeviceProof, Scope, told

N_: Final = str
PROBLEMS_MAX: Final = 200
"""Of one journal: behind a broken segment there may be as many as there are sales."""

EVERYTHING: Final = Scope()
AT_ITS_CLOSE: Final = N_(
    "at its close the till said %(name)s %(till)s, its journal says %(journal)s"
)

Tell = Callable[[int], None]
"""Called with the number of entries that were read."""


@dataclass(slots=True)
class _Journal:
    """One terminal's journal while it is read.

    `sales` counts each sale id: more than one of an id is a doubled sale.
    """

    entries: int = 0
    tally: Tally = field(default_factory=Tally)
    sales: Counter[str] = field(default_factory=Counter)
    shifts: ShiftSums = field(default_factory=ShiftSums)
    problems: list[Finding] = field(default_factory=list)
    cloud_hash: bytes | None = None

    def note(self, finding: Finding) -> None:
        """Keep the first problems."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(finding)

    def add(self, entry: Entry, hash_before: bytes, cloud: Head) -> None:
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
            # A journal that was put back may hold one twice; the cloud shows it to a person.
            if self.sales[fact.sale_id] == 2 and entry.epoch == 1:
                sentence = N_("the same sale is here twice: %(sale)s")
                place = (entry.epoch, entry.seq)
                self.note(
                    found("chain", *place, sentence, receipt=fact.receipt_number, sale=fact.sale_id)
                )
        for name, till, journal in self.shifts.add(fact, entry.epoch, hash_before):
            self.note(
                found(
                    "shift",
                    entry.epoch,
                    entry.seq,
                    N_(
                        "at its close the till said %(name)s %(till)s, its journal says %(journal)s"
                    ),
                    name=name,
                    till=till,
                    journal=journal,
                )
            )


def prove(
    folder: Path, scope: Scope = EVERYTHING, tell: Tell = lambda _count: None
) -> list[DeviceProof]:
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
            proofs = list(_prove_terminals(db, identity, scope, tell))
            return proofs if scope.terminal else [*proofs, *_prove_decisions(db, identity, scope)]
    finally:
        vault.close()


def _prove_terminals(
    db: Connection, identity: Identity, scope: Scope, tell: Tell
) -> Iterable[DeviceProof]:
    known = {device.id: device for device in decisions.devices(db) if device.role == "terminal"}
    states = {state.terminal: state for state in store.journals(db)}
    for terminal in {**dict.fromkeys(known), **dict.fromkeys(states)}:
        if not scope.has(terminal, identity.branch_name, identity.branch_code):
            continue
        device, state, base = known.get(terminal), states.get(terminal), base_of(db, terminal)
        if device is None:
            nobody = N_("the branch's decisions do not name this terminal")
            journal = _Journal(problems=[found("signature", 0, 0, nobody)])
        else:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(device.public_key))
            journal = _read(store.held_segments(db, terminal), key, state, tell, base)
            for one in lane.held(db, terminal):
                if not one.is_as_it_came(key):
                    sentence = N_("a segment in the fork lane is not the one that came")
                    journal.note(found("fork", one.epoch, one.first_seq, sentence))
        yield DeviceProof(
            name=terminal if device is None else device.name,
            branch=identity.branch_name,
            terminal=terminal,
            tickets=len(journal.sales),
            entries=journal.entries,
            gross=journal.tally.gross,
            problems=tuple(map(told, journal.problems)),
            findings=tuple(journal.problems),
            begins=None if base == EMPTY else (base.epoch, base.seq),
        )


def _read(
    segments: Iterable[HeldSegment],
    key: Ed25519PublicKey,
    state: JournalState | None,
    tell: Tell,
    base: Head = EMPTY,
) -> _Journal:
    """Everything held of one terminal behind its base: each segment against its key and the one
    before."""
    journal = _Journal(shifts=ShiftSums(whole=base == EMPTY))
    here, cloud = (state.here, state.cloud) if state else (EMPTY, EMPTY)
    head = base
    for held in segments:
        try:
            header = check_signature(held.sealed, key)
            if not follows(header, head):
                missing = N_("it is missing here")
                journal.note(found("chain", head.epoch, head.seq + 1, missing))
                return journal
            before = head.hash
            for entry in open_segment(held.sealed, before):
                journal.add(entry, before, cloud)
                before = entry.hash
        except ProtocolError as error:
            sentence = N_("the segment from here on is not what the terminal sealed: %(detail)s")
            journal.note(found("segment", head.epoch, head.seq + 1, sentence, detail=error.detail))
            return journal
        if held.place != (header.epoch, header.first_seq, header.last_seq):
            sentence = N_("its row says otherwise than its header")
            journal.note(found("segment", header.epoch, header.first_seq, sentence))
        elif held.sha256 is not None and sealed_digest(held.sealed) != held.sha256:
            journal.note(found("segment", header.epoch, header.first_seq, OTHER_BYTES))
        head = Head(header.epoch, header.last_seq, header.last_hash)
        tell(header.count)
    if head != here:
        sentence = N_("the head kept here is not the last entry kept here")
        journal.note(found("head", head.epoch, head.seq, sentence))
    if journal.cloud_hash not in (None, cloud.hash):
        sentence = N_("the cloud has another entry there")
        journal.note(found("head", cloud.epoch, cloud.seq, sentence))
    return journal


def _prove_decisions(db: Connection, identity: Identity, scope: Scope) -> Iterable[DeviceProof]:
    """The feed that is handed on to tills: each revision signed by the cloud, none missing."""
    problems: list[str] = []
    if scope.branch not in ("", identity.branch_name, identity.branch_code):
        return
    for feed in (COMPANY, identity.branch_id):
        for error in _feed_damages(db, identity, feed):
            problems.append(
                say("Decisions are not as the cloud signed them: %(detail)s.", detail=error.detail)
            )
    if problems:
        yield DeviceProof(
            identity.name, identity.branch_name, identity.device_id, 0, 0, 0, tuple(problems)
        )


def _feed_damages(db: Connection, identity: Identity, feed: str) -> Iterable[ProtocolError]:
    """The snapshot, where one is kept, and every revision behind it; those before it may be gone,
    the oldest first."""
    kept, first = snapshots.kept(db, feed), 1
    if kept is not None:
        try:
            read_note(write_note(kept.note), feed, identity.cloud_public_key)
            snapshots.check(db, kept.note)
        except ProtocolError as error:
            yield error
        before = decisions.revisions_after(db, feed, 0, 1)
        end = kept.note.revision + 1
        first = min(before[0].revision, end) if before else end
    for expected in range(first, decisions.feed_cursor(db, feed) + 1):
        page = decisions.revisions_after(db, feed, expected - 1, 1)
        try:
            if not page or page[0].revision != expected:
                raise FeedDamaged(f"revision {expected} of {feed}")
            open_revision(page[0], identity.cloud_public_key)
        except FeedDamaged as error:
            yield error
