"""Courier files and receipts on a stick: found, read in pieces, never wholly in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sentra.courier.failures import (
    CourierFailure,
    FileUnreadable,
    FileUnwritable,
    ReceiptDamaged,
    refusal,
)
from sentra.protocol.courier import Examined, examine, read_header
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import Watermark

SUFFIX: Final = ".courier"
RECEIPT_SUFFIX: Final = ".receipt"

PIECE_BYTES: Final = 256 * 1024
RECEIPT_BYTES_MAX: Final = 1024 * 1024
"""A receipt names each terminal of one file, some 400 B for one."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud has, by its signed watermarks; for the device that packed the file."""

    company_id: str
    device_id: str
    name: str
    marks: tuple[Watermark, ...]


def pieces(path: Path) -> Iterator[bytes]:
    """The file from its beginning. Raises FileUnreadable."""
    try:
        with path.open("rb") as source:
            while piece := source.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise FileUnreadable(file=path, detail=error.strerror or error) from error


def examined(path: Path) -> Examined:
    """A whole file, read once, its signature not yet checked. Raises CourierFailure."""
    try:
        return examine(pieces(path))
    except ProtocolError as error:
        raise refusal(path, error) from error


def courier_files(places: Iterable[Path]) -> list[Path]:
    """The files that were named, and all of a folder, in the order in which they were packed."""
    found: list[Path] = []
    for place in places:
        found += sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    return sorted(dict.fromkeys(found), key=_packed_order)


def _packed_order(path: Path) -> tuple[int, int, int]:
    """What cannot be read comes last; it is refused there."""
    try:
        header = read_header(pieces(path))
    except (FileUnreadable, ProtocolError):
        return 1, 0, 0
    return 0, header.packed_at_ms, header.part


def write_receipt(folder: Path, receipt: Receipt) -> Path:
    """Keeps a receipt beside the files; of each journal the cloud's latest word."""
    target = folder / f"{receipt.device_id}{RECEIPT_SUFFIX}"
    draft = target.with_name(f".{target.name}.draft")
    try:
        draft.write_bytes(msgspec.json.encode(_with_earlier(target, receipt)))
        draft.replace(target)
    except OSError as error:
        raise FileUnwritable(file=target, detail=error.strerror or error) from error
    return target


def _with_earlier(target: Path, receipt: Receipt) -> Receipt:
    """A router's parts tell of different journals, and perhaps on different days."""
    try:
        earlier = read_receipt(target).marks if target.is_file() else ()
    except CourierFailure:
        earlier = ()
    marks: dict[tuple[str, str], Watermark] = {}
    for mark in (*earlier, *receipt.marks):
        known = marks.get((mark.name, mark.terminal))
        if known is None or mark.at_ms >= known.at_ms:
            marks[mark.name, mark.terminal] = mark
    return msgspec.structs.replace(receipt, marks=tuple(marks.values()))


def read_receipt(path: Path) -> Receipt:
    """A receipt, its watermarks not yet checked. Raises FileUnreadable, ReceiptDamaged."""
    try:
        with path.open("rb") as source:
            written = source.read(RECEIPT_BYTES_MAX)
    except OSError as error:
        raise FileUnreadable(file=path, detail=error.strerror or error) from error
    try:
        return msgspec.json.decode(written, type=Receipt)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReceiptDamaged(file=path.name) from error


def receipts_for(device_id: str, folder: Path) -> Sequence[Path]:
    """The receipt of a device that lies in a folder, if there is one."""
    path = folder / f"{device_id}{RECEIPT_SUFFIX}"
    return (path,) if path.is_file() else ()
