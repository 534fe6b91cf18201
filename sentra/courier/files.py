"""Courier files and receipts on a stick: found, read in pieces, never wholly in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sentra.courier.failures import FileUnreadable, FileUnwritable, ReceiptDamaged, refusal
from sentra.protocol.courier import Examined, examine
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
    """Files as they were named; of a folder all that are in it, in the order of their names."""
    found: list[Path] = []
    for place in places:
        found += sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    return found


def write_receipt(folder: Path, receipt: Receipt) -> Path:
    """Keeps a receipt beside the files, replacing an older one of the device."""
    target = folder / f"{receipt.device_id}{RECEIPT_SUFFIX}"
    draft = target.with_name(f".{target.name}.draft")
    try:
        draft.write_bytes(msgspec.json.encode(receipt))
        draft.replace(target)
    except OSError as error:
        raise FileUnwritable(file=target, detail=error.strerror or error) from error
    return target


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
