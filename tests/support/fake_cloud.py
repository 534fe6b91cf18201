"""A cloud of the test's own, over real HTTPS: journals in memory, signed like the real one's.

It also makes the branch: the authority, a router's vault, terminals and people in the feed.
"""

from __future__ import annotations

import json
import queue
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.events import Branch, Decision, Device, Person
from sentra.link.client import Link
from sentra.pins import hash_pin
from sentra.protocol import signing
from sentra.protocol.answer import pack_answer
from sentra.protocol.bodies import encode_decision
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Parcel, unpack
from sentra.protocol.feed import COMPANY, FeedItem, SealedRevision, pack_page, seal_revision
from sentra.protocol.journal_page import fill_page, pack_journal_page
from sentra.protocol.messages import (
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    Watermark,
    note_of,
    problem_type,
    sign_watermark,
)
from sentra.protocol.segment import SEGMENT_BYTES_MAX, follows, open_segment, read_header
from sentra.protocol.snapshot import write_note
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity
from tests.fakes.snapshots import MemorySnapshot
from tests.support.https import Answer, Asked, Authority, HttpsServer
from tests.support.journals import Journal, an_id
from tests.support.tills import BRANCH, CLOUD_KEY, TIMELINE, an_identity

ROUTER_KEY = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
ROUTER_ID = an_id(850_001)
PEPPER = b"pepper"
PIN = "482913"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def device_of(journal: Journal, *, revoked: bool = False, name: str = "") -> Device:
    """The feed's word about a terminal."""
    return Device(
        journal.terminal,
        "terminal",
        journal.number,
        name or f"Kasir {journal.number}",
        journal.key.public_key().public_bytes_raw().hex(),
        revoked=revoked,
    )


def person(number: int, name: str, *roles: str, pin: str = PIN) -> Person:
    """Somebody of the branch."""
    return Person(an_id(870_000 + number), name, roles, hash_pin(pin, PEPPER, salt=b"s" * 16))


@dataclass
class FakeCloud:
    """Everything that it was given; a test may look and change anything between requests.

    `refuse`: slug → every request is answered with that problem. `refused_journals`: terminals
    whose journals are refused with this word. `down`: connections are answered with 502.
    `kept_from`: scope → the oldest revision kept; `cut_off`: a snapshot's line breaks half way.
    """

    folder: Path
    authority: Authority = field(default_factory=Authority)
    key: Ed25519PrivateKey = CLOUD_KEY
    timeline: str = TIMELINE
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    custody: list[str | None] = field(default_factory=list)
    revisions: dict[str, list[SealedRevision]] = field(default_factory=dict)
    hellos: list[Hello] = field(default_factory=list)
    envelope_bytes: list[int] = field(default_factory=list)
    notices: tuple[str, ...] = ()
    refuse: str | None = None
    refuse_feed: str | None = None
    refused_journals: dict[str, str] = field(default_factory=dict)
    down: bool = False
    is_mute: bool = False
    carries_bytes_max: int = ENVELOPE_BYTES_MAX
    credit_bytes: int = 4 * 1024 * 1024
    kept_from: dict[str, int] = field(default_factory=dict)
    snapshots: dict[str, MemorySnapshot] = field(default_factory=dict)
    cut_off: bool = False
    sealed: dict[str, list[bytes]] = field(default_factory=dict)
    _listeners: list[queue.SimpleQueue[bytes | None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        files = self.authority.write(self.folder, ("127.0.0.1",))
        self._server = HttpsServer(*files, self._answer)
        self._server.__enter__()
        self.address = self._server.address
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down = True
        for listener in self._listeners:
            listener.put(None)
        self._server.__exit__(kind, error, trace)

    # -- what a test does ---------------------------------------------------------------------

    def publish(self, scope: str, *decisions: tuple[str, Decision]) -> None:
        """One revision of whole decisions, and the wake-up for it."""
        kept = self.revisions.setdefault(scope, [])
        items = [FeedItem(kind, _id(one), encode_decision(one)) for kind, one in decisions]
        kept.append(seal_revision(scope, len(kept) + 1, items, self.key))
        self.wake("feed", scope)

    def publish_branch(self, *devices: Device, people: Sequence[Person] = ()) -> None:
        """The branch itself with devices and people."""
        branch = Branch(BRANCH, "SGT", "Sangatta", "Asia/Makassar", "Jl. Yos Sudarso", 100, "down")
        named = [("device", one) for one in devices] + [("person", one) for one in people]
        self.publish(BRANCH, ("branch", branch), *named)

    def have(self, journal: Journal, *sealed: bytes) -> None:
        """The cloud got these by another way."""
        for one in sealed:
            self._take(journal.terminal, Parcel(one), None)

    def wake(self, event: str, data: str) -> None:
        """A word to everybody who listens, unless the cloud `is_mute`."""
        for listener in () if self.is_mute else tuple(self._listeners):
            listener.put(f"event: {event}\ndata: {data}\n\n".encode())

    def head(self, terminal: str) -> Head:
        """The last entry of a journal."""
        kept = self.entries.get(terminal)
        return Head(kept[-1].epoch, kept[-1].seq, kept[-1].hash) if kept else EMPTY

    def count(self, terminal: str) -> int:
        """How many entries of a journal are here."""
        return len(self.entries.get(terminal, ()))

    def asked(self, path: str) -> list[Asked]:
        """The requests to a path so far."""
        return [one for one in list(self._server.asked) if urlsplit(one.target).path == path]

    # -- what it answers ----------------------------------------------------------------------

    def _answer(self, asked: Asked) -> Answer:
        if self.down:
            return Answer("502 Bad Gateway", b"<h1>no upstream</h1>")
        path = urlsplit(asked.target).path
        refused = self.refuse or (self.refuse_feed if path == "/v1/feed" else None)
        if refused is not None:
            return a_problem(refused)
        mark = signing.parse(asked.headers.get("Sentra-Signature"))
        key = ROUTER_KEY.public_key()
        signing.verify(mark, key, asked.method, asked.target, asked.body, mark.time_ms)
        if path == "/v1/hello":
            return _json(self._hello(msgspec.json.decode(asked.body, type=Hello)))
        if path == "/v1/journal" and asked.method == "GET":
            return self._page(parse_qs(urlsplit(asked.target).query))
        if path == "/v1/journal":
            return self._journal(asked.body)
        if path == "/v1/feed":
            return self._feed(parse_qs(urlsplit(asked.target).query))
        if path == "/v1/feed/snapshot":
            return self._snapshot(asked)
        return self._stream()

    def _hello(self, hello: Hello) -> HelloAnswer:
        self.hellos.append(hello)
        heads = {terminal: self.head(terminal) for terminal in self.entries}
        return HelloAnswer(
            protocol=1,
            software="test",
            clock_ms=now_ms(),
            timeline=self.timeline,
            here={terminal: note_of(head) for terminal, head in heads.items()},
            cloud={terminal: self._mark(terminal) for terminal in heads},
            feed={scope: len(self.revisions.get(scope, ())) for scope in (COMPANY, BRANCH)},
            segment_bytes_max=SEGMENT_BYTES_MAX,
            envelope_bytes_max=ENVELOPE_BYTES_MAX,
            notices=self.notices,
        )

    def _mark(self, terminal: str) -> Watermark:
        return sign_watermark(self.key, "cloud", terminal, self.head(terminal), now_ms())

    def _journal(self, body: bytes) -> Answer:
        self.envelope_bytes.append(len(body))
        if len(body) > self.carries_bytes_max:
            return Answer("413 Payload Too Large", b"too large for this proxy")
        parcels = unpack(body)
        self.custody += [one.custody.router if one.custody else None for one in parcels]
        outcomes: dict[str, JournalOutcome] = {}
        for parcel in parcels:
            terminal = read_header(parcel.sealed).terminal
            outcomes[terminal] = self._take(terminal, parcel, outcomes.get(terminal))
        answer = JournalAnswer(outcomes=tuple(outcomes.values()), credit_bytes=self.credit_bytes)
        return Answer(body=pack_answer(answer, parcels))

    def _take(self, terminal: str, parcel: Parcel, before: JournalOutcome | None) -> JournalOutcome:
        header, kept = read_header(parcel.sealed), self.entries.setdefault(terminal, [])
        outcome, appended, problem = "already", 0, None
        if terminal in self.refused_journals:
            problem = self.refused_journals[terminal]
            outcome = "fork" if problem == "fork" else "refused"
        elif follows(header, self.head(terminal)):
            kept += open_segment(parcel.sealed, self.head(terminal).hash)
            self.sealed.setdefault(terminal, []).append(parcel.sealed)
            outcome, appended = "appended", header.count
        elif (header.epoch, header.last_seq) > _place(self.head(terminal)):
            outcome = "gap"
        return JournalOutcome(
            terminal=terminal,
            outcome=outcome,
            here=note_of(self.head(terminal)),
            appended=appended + (before.appended if before else 0),
            cloud=self._mark(terminal) if kept else None,
            problem=problem,
        )

    def _page(self, query: dict[str, list[str]]) -> Answer:
        terminal, cursor = query["terminal"][0], (int(query["epoch"][0]), int(query["after"][0]))
        headers = [(read_header(one), one) for one in self.sealed.get(terminal, [])]
        behind = [one for header, one in headers if (header.epoch, header.last_seq) > cursor]
        return Answer(body=pack_journal_page(self.head(terminal), fill_page(behind)))

    def _feed(self, query: dict[str, list[str]]) -> Answer:
        kept = self.revisions.get(query["scope"][0], [])
        if int(query["after"][0]) + 1 < self.kept_from.get(query["scope"][0], 1):
            return a_problem("snapshot-needed", "410 Gone")
        return Answer(body=pack_page(len(kept), kept[int(query["after"][0]) :][:1]))

    def _snapshot(self, asked: Asked) -> Answer:
        made = self.snapshots.get(parse_qs(urlsplit(asked.target).query)["scope"][0])
        if made is None:
            return a_problem("snapshot-absent", "503 Service Unavailable", retry=True)
        start, end = (int(n) for n in asked.headers["Range"][6:].split("-"))
        body = made.packed[start : end + 1]
        headers = {
            "Sentra-Snapshot": write_note(made.note),
            "Content-Range": f"bytes {start}-{start + len(body) - 1}/{len(made.packed)}",
            "Content-Length": str(len(body)),
        }
        if self.cut_off:
            self.cut_off = False
            return Answer("206 Partial Content", _torn(body), headers)
        return Answer("206 Partial Content", body, headers)

    def _stream(self) -> Answer:
        listener: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._listeners.append(listener)

        def words() -> Iterator[bytes]:
            yield b": here\n\n"
            while (word := listener.get()) is not None:
                yield word

        return Answer(body=words(), headers={"Content-Type": "text/event-stream"})


def _torn(body: bytes) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionResetError("the line broke")


def _place(head: Head) -> tuple[int, int]:
    return head.epoch, head.seq


def _id(decision: Decision) -> str:
    return str(getattr(decision, "id"))  # noqa: B009 - each kind has one, the union does not say


def _json(answer: msgspec.Struct) -> Answer:
    return Answer(body=msgspec.json.encode(answer), headers={"Content-Type": "application/json"})


def a_problem(slug: str, status: str = "403 Forbidden", **more: object) -> Answer:
    """An answer in the shape of the protocol's problems."""
    said = {"type": problem_type(slug), "title": slug, "status": int(status[:3]), **more}
    return Answer(status, json.dumps(said).encode(), {"Content-Type": "application/problem+json"})


def a_router(folder: Path, cloud: FakeCloud, **changes: object) -> Identity:
    """An enrolled router's vault in a folder, that finds the cloud of the test."""
    names = (f"{ROUTER_ID}.router.sentra",)
    certificate, tls_key = cloud.authority.write(folder / "made", names)
    made = {
        "device_id": ROUTER_ID,
        "role": "router",
        "name": "SGT-R1",
        "branch_name": "Sangatta",
        "private_key": ROUTER_KEY,
        "cloud_url": f"https://{cloud.address}",
        "anchors": cloud.authority.anchors,
        "certificate": certificate.read_text(),
        "tls_key": tls_key.read_text(),
        "pepper": PEPPER,
    }
    identity = an_identity(1, **{**made, **changes})
    vault = Vault.create(folder, "router")
    with vault.writer() as db:
        write_identity(db, identity)
    vault.close()
    return identity


def a_till_link(journal: Journal, anchors: str, port: int) -> Link:
    """A terminal's line to the router on loopback."""
    return Link(
        f"127.0.0.1:{port}",
        server_name=f"{ROUTER_ID}.router.sentra",
        anchors=anchors,
        device_id=journal.terminal,
        key=journal.key,
        clock=now_ms,
        random_bytes=secrets.token_bytes,
    )


def a_hello(journal: Journal, **changes: object) -> Hello:
    """A terminal's hello."""
    said = Hello(
        software="0.1.0",
        protocols=(1,),
        clock_ms=now_ms(),
        heads={journal.terminal: note_of(journal.head)},
        timeline=TIMELINE,
        feed={},
        rtt_ms=2,
    )
    return msgspec.structs.replace(said, **changes)
