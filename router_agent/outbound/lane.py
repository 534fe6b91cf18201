"""The router's fork lane: what contradicts a journal here, or was left by it, on its way to the
cloud. Every function runs on a raw connection of the router's vault; nothing here commits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.operations.take import Held
from router_agent.operations.trunk import LaneParcel
from sentra.protocol.envelope import Custody, Parcel
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import check_signature, read_header

WAITING_MAX = 500
"""Segments of the lane in one envelope."""

FORGOTTEN_AT_ONCE = 200
"""Segments dropped in one transaction: a till that sends meanwhile waits some milliseconds."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How many entries of a lane wait for the cloud, and when the oldest came here."""

    entries: int
    oldest_at_ms: int


@dataclass(frozen=True, slots=True)
class HeldFork:
    """A segment of the lane as its row has it."""

    digest: bytes
    epoch: int
    first_seq: int
    last_seq: int
    last_hash: bytes
    sealed: bytes

    def is_as_it_came(self, key: Ed25519PublicKey) -> bool:
        """Whether these are the bytes that came, and the terminal's."""
        if hashlib.sha256(self.sealed).digest() != self.digest:
            return False
        try:
            header = check_signature(self.sealed, key)
        except ProtocolError:
            return False
        says = (header.epoch, header.first_seq, header.last_seq, header.last_hash)
        return says == (self.epoch, self.first_seq, self.last_seq, self.last_hash)


def held(db: Any, terminal: str) -> Iterator[HeldFork]:
    """Every segment that is kept aside of a terminal's journal."""
    cursor = db.execute(
        "SELECT digest, epoch, first_seq, last_seq, last_hash, sealed FROM held_fork"
        " WHERE terminal = ? ORDER BY epoch, first_seq, digest",
        (terminal,),
    )
    for digest, epoch, first, last, last_hash, sealed in cursor:
        yield HeldFork(bytes(digest), epoch, first, last, bytes(last_hash), bytes(sealed))


def keep_aside(db: Any, terminal: str, forks: Iterable[Held], now_ms: int) -> None:
    """Keeps segments of another line; the same bytes again change nothing."""
    for held in forks:
        header = held.header
        db.execute(
            "INSERT OR IGNORE INTO held_fork (terminal, digest, epoch, first_seq, last_seq,"
            " last_hash, received_at_ms, sealed) VALUES (?,?,?,?,?,?,?,?)",
            (
                terminal,
                hashlib.sha256(held.sealed).digest(),
                header.epoch,
                header.first_seq,
                header.last_seq,
                header.last_hash,
                now_ms,
                held.sealed,
            ),
        )


def give_back(db: Any, terminal: str, held: Iterable[Held]) -> None:
    """What came to the line again, byte for byte, is no more aside."""
    if db.execute("SELECT 1 FROM held_fork WHERE terminal = ? LIMIT 1", (terminal,)).fetchone():
        rows = [(terminal, hashlib.sha256(one.sealed).digest()) for one in held]
        db.executemany("DELETE FROM held_fork WHERE terminal = ? AND digest = ?", rows)


def leave_line(db: Any, terminal: str, in_cloud: tuple[int, int]) -> None:
    """Moves a whole journal to the lane; what the cloud has confirmed is not sent again."""
    rows = db.execute(
        "SELECT epoch, first_seq, last_seq, received_at_ms, sealed FROM held_segment"
        " WHERE terminal = ? ORDER BY epoch, last_seq",
        (terminal,),
    ).fetchall()
    for epoch, first, last, at_ms, sealed in rows:
        digest = hashlib.sha256(sealed).digest()
        db.execute(
            "INSERT OR IGNORE INTO held_fork (terminal, digest, epoch, first_seq, last_seq,"
            " last_hash, received_at_ms, sealed, in_cloud)"
            " VALUES (?,?,?,?,?,?,?,?,?)",
            (
                terminal,
                digest,
                epoch,
                first,
                last,
                read_header(sealed).last_hash,
                at_ms,
                sealed,
                (epoch, last) <= in_cloud,
            ),
        )
    db.execute("DELETE FROM held_segment WHERE terminal = ?", (terminal,))
    db.execute(
        "UPDATE held_head SET epoch = 1, seq = 0, hash = zeroblob(32) WHERE terminal = ?",
        (terminal,),
    )


def tails(db: Any, terminal: str, epoch: int, seq: int) -> list[bytes]:
    """The hashes of the lane's segments that end at a place."""
    rows = db.execute(
        "SELECT last_hash FROM held_fork WHERE terminal = ? AND epoch = ? AND last_seq = ?",
        (terminal, epoch, seq),
    )
    return [bytes(digest) for (digest,) in rows.fetchall()]


def waiting(db: Any, router: str, resting: Sequence[str], bytes_max: int) -> list[LaneParcel]:
    """The lane's next segments for the cloud, of one terminal, in order."""
    marks = ", ".join("?" for _ in resting)
    first = db.execute(
        "SELECT terminal FROM held_fork WHERE in_cloud = 0"  # noqa: S608 - our own text
        f" AND terminal NOT IN ({marks}) ORDER BY terminal LIMIT 1",
        tuple(resting),
    ).fetchone()
    if first is None:
        return []
    rows = db.execute(
        "SELECT digest, sealed, received_at_ms FROM held_fork WHERE terminal = ? AND in_cloud = 0"
        " ORDER BY epoch, first_seq, received_at_ms LIMIT ?",
        (first[0], WAITING_MAX),
    ).fetchall()
    found: list[LaneParcel] = []
    size = 0
    for digest, sealed, at_ms in rows:
        size += len(sealed)
        if found and size > bytes_max:
            break
        found.append(LaneParcel(bytes(digest), Parcel(bytes(sealed), Custody(router, at_ms))))
    return found


def waits(db: Any) -> dict[str, Waits]:
    """By terminal, what of the lane the cloud has not confirmed."""
    rows = db.execute(
        "SELECT terminal, sum(last_seq - first_seq + 1), min(received_at_ms) FROM held_fork"
        " WHERE in_cloud = 0 GROUP BY terminal"
    )
    return {terminal: Waits(int(count), oldest) for terminal, count, oldest in rows.fetchall()}


def confirm(db: Any, digests: Iterable[bytes]) -> None:
    """The cloud has them, in one of its lanes."""
    rows = [(digest,) for digest in digests]
    db.executemany("UPDATE held_fork SET in_cloud = 1 WHERE digest = ?", rows)


def confirm_no_more(db: Any) -> None:
    """The whole lane is sent again, and its days are counted anew."""
    db.execute(
        "UPDATE held_fork SET in_cloud = 0, confirmed_at_ms = NULL, noted_at_ms = NULL"
        " WHERE in_cloud = 1"
    )


_UNNOTED = "in_cloud = 1 AND confirmed_at_ms IS NULL"


def is_news(db: Any) -> bool:
    """Whether `remember` would write anything."""
    query = f"SELECT 1 FROM held_fork WHERE {_UNNOTED} LIMIT 1"  # noqa: S608 - our own text
    return db.execute(query).fetchone() is not None


def remember(db: Any, signed_at_ms: int, now_ms: int) -> None:
    """Notes of what the cloud has confirmed that it has it by now: by its newest signature's time,
    and by this machine's clock."""
    change = f"UPDATE held_fork SET confirmed_at_ms = ?, noted_at_ms = ? WHERE {_UNNOTED}"  # noqa: S608
    db.execute(change, (signed_at_ms, now_ms))


_MAY_GO = "SELECT rowid FROM held_fork WHERE confirmed_at_ms <= ? AND noted_at_ms <= ? LIMIT ?"


def has_old(db: Any, newest_signed_at_ms: int, window_ms: int, now_ms: int) -> bool:
    """Whether `forget` would drop anything."""
    limits = (newest_signed_at_ms - window_ms, now_ms - window_ms, 1)
    return db.execute(_MAY_GO, limits).fetchone() is not None


def forget(db: Any, newest_signed_at_ms: int, window_ms: int, now_ms: int) -> int:
    """Drops what the cloud has had for a whole window by both clocks, a few at once; how many.

    However far its database is restored then, it has them.
    """
    limits = (newest_signed_at_ms - window_ms, now_ms - window_ms, FORGOTTEN_AT_ONCE)
    query = f"DELETE FROM held_fork WHERE rowid IN ({_MAY_GO})"  # noqa: S608 - our own text
    return int(db.execute(query, limits).rowcount)
