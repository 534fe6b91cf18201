"""Takes up what the stores hold of this journal and this vault does not: it was put back.

The rules, in one place (docs/decisions/epochs.md says why):

1. Every store that can be reached is asked, each for what it holds behind the last entry that both
   have. Whatever comes is believed by this terminal's own key and chain alone.
2. The cloud's line is the journal. A router's continues it, or takes its place while the cloud
   cannot be asked. What contradicts the journal is lost no more: its facts are recorded again.
3. Then, in one transaction, the next epoch is opened and everything that was written since is
   recorded again there, each fact once. A store that turns out to hold more later: the same again.
4. A store whose entries follow what this very program wrote was written to by another machine that
   uses this identity: a clone. Its line is not taken up; ours goes to the fork lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.protocol.entry import EMPTY, Entry, Head, head_of
from sentra.protocol.errors import ChainBroken
from sentra.protocol.journal_page import PageDamaged
from sentra.protocol.segment import SegmentHeader, check_signature, open_segment
from sentra.vault.epochs import Regained, Restored
from syncd.daemon.operations.ports import CLOUD, Pages, Shelf, StoreName

PAGES_MAX = 100_000
"""Pages of one line: ten million entries sealed one by one; more is a store that never ends."""


@dataclass(slots=True)
class Line:
    """A store's line where it is another than the vault's.

    `parted` is the last own entry that the store has too; `entries` are those behind it that are
    not here, `sealed` the segments that hold them.
    """

    name: StoreName
    head: Head
    parted: Head
    entries: list[Entry] = field(default_factory=list)
    sealed: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """A store that answered a hello, the head that it named, and its line where it is another."""

    name: StoreName
    head: Head
    line: Line | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `done` None: there was nothing to take up, or `clone` says why not."""

    done: Restored | None
    clone: Line | None = None


def contradicts(shelf: Shelf, name: StoreName, here: Head) -> bool:
    """Whether a store's head tells of entries that have to be taken up.

    A router may still hold a line that this journal has left: its facts are here already.
    """
    if shelf.holds(here):
        return False
    return name == CLOUD or not shelf.has_left(here)


def ask(name: StoreName, store: Pages, head: Head, shelf: Shelf) -> Asked:
    """What a store holds that is not here.

    Raises LinkDown, LinkRefused, and a ProtocolError for a line that this terminal did not write.
    """
    line = fetch_line(name, store, head, shelf) if contradicts(shelf, name, head) else None
    return Asked(name, head, line)


def recover(asked: Sequence[Asked], shelf: Shelf, began: Head, now_ms: int) -> Outcome:
    """Takes up what the stores hold. `began` is where the journal ended when this program started,
    or when it took something up last."""
    lines = [one.line for one in asked if one.line is not None and one.line.entries]
    clone = next((line for line in lines if _is_clone(line, shelf, began)), None)
    if clone is not None:
        return Outcome(None, clone)
    if not (lines or shelf.is_provisional()):
        return Outcome(None)
    return Outcome(shelf.regain(compose(lines, asked, shelf), now_ms))


def _is_clone(line: Line, shelf: Shelf, began: Head) -> bool:
    """A line that goes on from what was written since this program started has another writer:
    whoever was put back cannot know those entries."""
    if shelf.is_provisional():
        return False
    return shelf.is_forked() or _place(line.parted) > _place(began)


# --- Fetching -----------------------------------------------------------------------------------


def fetch_line(name: StoreName, store: Pages, head: Head, shelf: Shelf) -> Line:
    """The store's line behind the last common entry, from the first guess that it agrees with."""
    guess = shelf.watermark(name)
    if guess != EMPTY and _place(guess) < _place(head) and shelf.holds(guess):
        try:
            return _fetch_from(store, Line(name, head, guess), shelf)
        except ChainBroken:
            # The store parted from this journal before its watermark: it was put back itself.
            pass
    return _fetch_from(store, Line(name, head, EMPTY), shelf)


def _fetch_from(store: Pages, line: Line, shelf: Shelf) -> Line:
    key, at = shelf.public_key(), line.parted
    hashes = {_place(at): at.hash}
    for _ in range(PAGES_MAX):
        before = at
        for sealed in store.journal(at).sealed:
            at = _take(line, sealed, key, shelf, at, hashes)
        if _place(at) >= _place(line.head):
            if hashes.get(_place(line.head)) != line.head.hash:
                raise PageDamaged("the journal there is not the one that its head is of")
            return line
        if at == before:
            break
    raise PageDamaged(f"the journal there does not come to its head in epoch {line.head.epoch}")


def _take(
    line: Line,
    sealed: bytes,
    key: Ed25519PublicKey,
    shelf: Shelf,
    at: Head,
    hashes: dict[tuple[int, int], bytes],
) -> Head:
    """Adds one segment to the line; its new end. Raises SignatureWrong, ChainBroken, …"""
    header = check_signature(sealed, key)
    if header.terminal != shelf.terminal():
        raise PageDamaged("a segment of another terminal")
    entries = open_segment(sealed, _hash_before(header, shelf, at, hashes))
    for entry in entries:
        known = hashes.setdefault((entry.epoch, entry.seq), entry.hash)
        if known != entry.hash:
            # The segment began before the cursor, and its line had parted there already.
            raise ChainBroken(f"another entry at {entry.epoch}/{entry.seq}")
        if (entry.epoch, entry.seq) <= _place(at):
            continue
        # Of what was dropped for its age the vault knows no more; it holds it all the same.
        if not line.entries and shelf.holds(head_of(entry)):
            line.parted = head_of(entry)
        else:
            line.entries.append(entry)
    if line.entries:
        line.sealed.append(sealed)
    return max(at, head_of(entries[-1]), key=_place)


def _hash_before(
    header: SegmentHeader, shelf: Shelf, at: Head, hashes: dict[tuple[int, int], bytes]
) -> bytes:
    """What the segment's first entry chains to, by the line so far or by the own journal."""
    place = (header.epoch, header.first_seq - 1)
    known = hashes.get(place) or shelf.hash_at(*place)
    if header.epoch > at.epoch and header.first_seq == 1 and (known is None or at != EMPTY):
        return at.hash
    if known is None:
        raise ChainBroken(f"what comes before {header.epoch}/{header.first_seq} is not known")
    return known


# --- Composing ----------------------------------------------------------------------------------


def compose(lines: Sequence[Line], asked: Sequence[Asked], shelf: Shelf) -> Regained:
    """What the journal becomes: one line taken up, the facts of others recorded again."""
    end = shelf.settled_end()
    main = _main_line(lines, asked, shelf)
    others = [line for line in lines if line is not main]
    keep = end if main is None else min(main.parted, end, key=_place)
    heads = [one.head.epoch for one in asked]
    return Regained(
        keep=keep,
        line=() if main is None else main.entries,
        sealed=() if main is None else main.sealed,
        lost=[entry for line in others for entry in line.entries],
        since=min([keep, *(line.parted for line in others)], key=_place),
        epochs=max([1, *heads]),
    )


def _main_line(lines: Sequence[Line], asked: Sequence[Asked], shelf: Shelf) -> Line | None:
    """The line that the journal takes up; None where the own one stays as it is."""
    fixed = shelf.watermark(CLOUD)
    cloud_head = next((one.head for one in asked if one.name == CLOUD), fixed)
    cloud = next((line for line in lines if line.name == CLOUD), None)
    others = [line for line in lines if line.name != CLOUD]
    longest = max(others, key=lambda line: _place(line.head), default=None)
    if longest is None:
        return cloud
    if cloud is not None:
        return longest if _extends(longest, cloud) else cloud
    # What the cloud has of the own line stays, and so does everything before it.
    return longest if _place(longest.parted) >= _place(cloud_head) else None


def _extends(line: Line, other: Line) -> bool:
    """Whether a line holds all of another one, and perhaps more behind it."""
    if line.parted != other.parted:
        return False
    return line.entries[: len(other.entries)] == other.entries


def _place(head: Head) -> tuple[int, int]:
    return head.epoch, head.seq
