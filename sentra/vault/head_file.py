"""The journal's head outside the database: evidence against an old copy that was put back.

Written after each commit by the till, atomically, and brought to the disk by the daemon, so that no
cashier waits for a second sync. A head that is a little old proves nothing wrong; one that this
database never had proves that the database is an older copy.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from sentra.protocol.entry import EPOCH_MAX, SEQ_MAX, Head
from sentra.vault.driver import Connection
from sentra.vault.entries import highest_epoch, holds

HEAD_FILE: Final = "head.json"
_PROVISIONAL: Final = b"sentra/provisional/1"


class _HeadFile(msgspec.Struct, frozen=True):
    epoch: int
    seq: int
    hash: str


def write_head_file(folder: Path, head: Head) -> None:
    """Notes the head beside the database, after the commit: wholly or not at all."""
    unfinished = folder / (HEAD_FILE + ".new")
    unfinished.write_bytes(msgspec.json.encode(_HeadFile(head.epoch, head.seq, head.hash.hex())))
    unfinished.replace(folder / HEAD_FILE)


def sync_head_file(folder: Path) -> None:
    """Brings the noted head and its name to the disk. For a program in the background."""
    for path in (folder / HEAD_FILE, folder):
        if os.name != "posix" and path == folder:
            continue
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_head_file(folder: Path) -> Head | None:
    """The head noted beside the database; None where there is none that can be read."""
    try:
        noted = msgspec.json.decode((folder / HEAD_FILE).read_bytes(), type=_HeadFile)
        head = Head(noted.epoch, noted.seq, bytes.fromhex(noted.hash))
    except (OSError, ValueError, msgspec.DecodeError):
        return None
    is_one = 1 <= head.epoch < EPOCH_MAX and 0 <= head.seq <= SEQ_MAX
    return head if is_one else None


def was_put_back(db: Connection, folder: Path) -> bool:
    """Whether this database is an older copy: the noted head is one that it never had.

    One that it set aside itself it has had. An epoch without entries holds nothing that could be
    missing: only an epoch that is not known here tells of a copy.
    """
    noted = read_head_file(folder)
    if noted is None or holds(db, noted):
        return False
    if noted.seq == 0:
        return noted.epoch > highest_epoch(db)
    known = "SELECT 1 FROM abandoned_entry WHERE hash = ?"
    if db.execute(known, (noted.hash,)).fetchone() is not None:
        return False
    # It was noticed before: what is written since is in a later epoch, and not noted yet.
    provisional = "SELECT 1 FROM journal_epoch WHERE provisional AND base_hash = ?"
    return db.execute(provisional, (provisional_base(noted),)).fetchone() is None


def provisional_base(noted: Head) -> bytes:
    """What a provisional epoch chains to: no entry's hash, so that nothing which is written in it
    (a closed shift names the hash before it) can seem to have been said of the line that was lost.
    """
    return hashlib.sha256(_PROVISIONAL + noted.hash).digest()
