"""What requests and answers say, beside the segments themselves."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.protocol.ed25519 import is_signed
from sentra.protocol.entry import EMPTY, EPOCH_MAX, HASH_BYTES, SEQ_MAX, Head
from sentra.protocol.errors import ProtocolError

PROTOCOLS = (1,)
"""The versions of the protocol that this program speaks, newest last."""

_WATERMARK_TAG = "sentra/watermark/1"
_PROOF_TAG = "sentra/proof/1"


class HeadWrong(ProtocolError):
    """A head outside the limits of every journal."""

    slug = "malformed"


class HeadNote(msgspec.Struct, frozen=True):
    """A head on the wire: `hash` as hex."""

    epoch: int
    seq: int
    hash: str

    def to_head(self) -> Head:
        """As the chain's own type. Raises ValueError for one that no store can hold."""
        if not (1 <= self.epoch <= EPOCH_MAX and 0 <= self.seq <= SEQ_MAX):
            raise ValueError("a head outside the limits")
        try:
            digest = bytes.fromhex(self.hash)
        except ValueError:
            digest = b""
        if len(digest) != HASH_BYTES:
            raise ValueError("a head whose hash is none")
        return Head(self.epoch, self.seq, digest)


class Watermark(msgspec.Struct, frozen=True):
    """The cloud's signed word that a journal is safe up to this head. `name` cloud or archived.

    With the name `timeline` it says that the database goes on in the timeline `terminal` since
    `at_ms`: of two, the later one is true, whoever shows it.
    """

    name: str
    terminal: str
    head: HeadNote
    at_ms: int
    signature: str


class TerminalNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a terminal last told its router, `heard_ms_ago` before the router tells the cloud."""

    software: str
    heard_ms_ago: int
    skew_ms: int
    feed: dict[str, int]


class ProofNote(msgspec.Struct, frozen=True, kw_only=True):
    """What the device `by` counted of a terminal's entries behind `base` up to `head`.

    `head.hash` is computed from the entries; `tenders` are minor units by kind, refunds negative.
    The device signs it, so that nobody who passes it on can make places agree that do not.
    """

    terminal: str
    by: str
    base: HeadNote
    head: HeadNote
    entries: int
    tenders: dict[str, int]
    at_ms: int
    signature: str = ""


class Base(msgspec.Struct, frozen=True):
    """A journal begins behind `head` here: what was before it is archived, by the cloud's word."""

    head: HeadNote
    mark: Watermark

    def is_covered(self, terminal: str, cloud_key: Ed25519PublicKey) -> bool:
        """Whether the cloud signed that everything up to the head is archived.

        Raises ValueError for a head that is none.
        """
        head, end = self.head.to_head(), self.mark.head.to_head()
        return (
            (self.mark.name, self.mark.terminal) == ("archived", terminal)
            and (head.epoch, head.seq) <= (end.epoch, end.seq)
            and watermark_is_true(self.mark, cloud_key)
        )


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """What a device says of itself. `heads` by terminal; `feed` by scope.

    `skew_ms` and `rtt_ms` are what it measured at its last hello. A router says of its terminals
    in `waiting` how many entries are not yet in the cloud, in `terminals` what they told it.
    `bases` says, by terminal, where its journal begins, once the oldest entries were dropped;
    `cloud` how far the cloud has it, by its signed word: a router that holds nothing begins there.
    """

    software: str
    protocols: tuple[int, ...]
    clock_ms: int
    heads: dict[str, HeadNote]
    timeline: str
    feed: dict[str, int]
    backlog: int = 0
    oldest_waiting_ms: int | None = None
    addresses: tuple[str, ...] = ()
    waiting: dict[str, int] = {}
    terminals: dict[str, TerminalNote] = {}
    skew_ms: int = 0
    rtt_ms: int = 0
    proofs: tuple[ProofNote, ...] = ()
    bases: dict[str, Base] = {}
    cloud: dict[str, Watermark] = {}


class HelloAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows. `here` by terminal; `cloud` and `archived` the signed watermarks it can
    show. `since` is the cloud's signed word on `timeline`; a store of an older version has none.
    `proved` is, by terminal, up to where till, router and cloud were found equal.
    """

    protocol: int
    software: str
    clock_ms: int
    timeline: str
    here: dict[str, HeadNote]
    cloud: dict[str, Watermark]
    feed: dict[str, int]
    segment_bytes_max: int
    envelope_bytes_max: int
    notices: tuple[str, ...] = ()
    archived: dict[str, Watermark] = {}
    since: Watermark | None = None
    proved: dict[str, HeadNote] = {}


class JournalOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one journal of an envelope.

    `outcome` is appended, already, gap (send from `here.seq` + 1), fork (this seq has another
    hash here) or refused (`problem` says why: the bytes are damaged or not the terminal's).
    """

    terminal: str
    outcome: str
    here: HeadNote
    appended: int = 0
    cloud: Watermark | None = None
    problem: str | None = None


class JournalAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One outcome for each journal; `credit_bytes` may be sent next, after `pause_ms`."""

    outcomes: tuple[JournalOutcome, ...]
    credit_bytes: int
    pause_ms: int = 0


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """application/problem+json. `type` is `urn:sentra:problem:` and a stable word."""

    type: str
    title: str
    status: int
    detail: str = ""
    retry: bool = False
    retry_after_s: int | None = None
    server_time_ms: int | None = None


def require_heads(hello: Hello) -> None:
    """Raises HeadWrong where a hello holds a head that no journal can have."""
    for note in hello.heads.values():
        try:
            note.to_head()
        except ValueError as error:
            raise HeadWrong(str(error)) from error


def note_of(head: Head) -> HeadNote:
    """A head for the wire."""
    return HeadNote(head.epoch, head.seq, head.hash.hex())


def problem_type(slug: str) -> str:
    """The stable URN of a problem."""
    return f"urn:sentra:problem:{slug}"


def _watermark_bytes(name: str, terminal: str, head: HeadNote, at_ms: int) -> bytes:
    parts = (_WATERMARK_TAG, name, terminal, head.epoch, head.seq, head.hash, at_ms)
    return "\n".join(map(str, parts)).encode()


def sign_watermark(
    key: Ed25519PrivateKey, name: str, terminal: str, head: Head, at_ms: int
) -> Watermark:
    """The cloud's word, which a router can pass on but not make."""
    note = note_of(head)
    signature = key.sign(_watermark_bytes(name, terminal, note, at_ms)).hex()
    return Watermark(name, terminal, note, at_ms, signature)


def sign_timeline(key: Ed25519PrivateKey, timeline: str, at_ms: int) -> Watermark:
    """The cloud's word that it goes on in this timeline since then."""
    return sign_watermark(key, "timeline", timeline, EMPTY, at_ms)


def _proof_bytes(note: ProofNote) -> bytes:
    tenders = [f"{kind}={note.tenders[kind]}" for kind in sorted(note.tenders)]
    heads = [f"{one.epoch}/{one.seq}/{one.hash}" for one in (note.base, note.head)]
    parts = (_PROOF_TAG, note.terminal, note.by, *heads, note.entries, note.at_ms, *tenders)
    return "\n".join(map(str, parts)).encode()


def sign_proof(key: Ed25519PrivateKey, note: ProofNote) -> ProofNote:
    """The note with its device's signature."""
    return msgspec.structs.replace(note, signature=key.sign(_proof_bytes(note)).hex())


def proof_is_true(note: ProofNote, key: Ed25519PublicKey) -> bool:
    """Whether the device with this key counted it."""
    try:
        return is_signed(_proof_bytes(note), bytes.fromhex(note.signature), key)
    except ValueError:
        return False


def watermark_is_true(mark: Watermark, cloud_key: Ed25519PublicKey) -> bool:
    """Whether the cloud signed it."""
    try:
        signed = _watermark_bytes(mark.name, mark.terminal, mark.head, mark.at_ms)
        return is_signed(signed, bytes.fromhex(mark.signature), cloud_key)
    except ValueError:
        return False
