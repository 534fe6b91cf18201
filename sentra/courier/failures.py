"""What can be wrong with a courier file, each as one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sentra.failures import Failure
from sentra.protocol.errors import ProtocolError


class CourierFailure(Failure):
    """The family. Whichever it is, nothing was taken and nothing was moved."""

    code = "courier"


class FileUnreadable(CourierFailure):
    """The stick is gone, or the file cannot be read."""

    code = "courier-unreadable"
    sentence = "%(file)s cannot be read: %(detail)s. Put the stick in again, and try again."
    retry = True


class FileUnwritable(CourierFailure):
    """The stick is full, write-protected or gone."""

    code = "courier-unwritable"
    sentence = (
        "%(file)s cannot be written: %(detail)s. Make room or take another stick, then pack again: "
        "parts that are whole stay and are not written again."
    )
    retry = True


class FileDamaged(CourierFailure):
    """The bytes are not those that were packed."""

    code = "courier-damaged"
    sentence = (
        "%(file)s is not a courier file, or it was damaged (%(detail)s). Nothing was taken from "
        "it. Copy it from the stick again; if that does not help, pack again."
    )


class FileCutOff(CourierFailure):
    """The copy was not complete."""

    code = "courier-cut-off"
    sentence = (
        "%(file)s ends too early: it was not copied to its end. Nothing was taken from it. Copy "
        "it again, and remove the stick only when the system says so."
    )


class FileNewer(CourierFailure):
    """A later version packed it."""

    code = "courier-newer"
    sentence = (
        "%(file)s was packed by a newer version of Sentra (%(detail)s). Update here first; nothing "
        "was taken from it."
    )


class FileNotForUs(CourierFailure):
    """Encrypted for others."""

    code = "courier-not-for-us"
    sentence = (
        "%(file)s was not encrypted for this place. Take it to the back office of its company; "
        "nothing was taken from it."
    )


class FileAltered(CourierFailure):
    """The signature is not the device's."""

    code = "signature-wrong"
    sentence = (
        "%(file)s was altered, or another device packed it than it says: its signature is wrong. "
        "Nothing was taken from it. Pack again, and find out who had the stick."
    )


class OtherCompany(CourierFailure):
    """A file of another company."""

    code = "courier-other-company"
    sentence = "%(file)s belongs to another company. Nothing was taken from it."


class OtherBranch(CourierFailure):
    """A router takes files of its own branch only."""

    code = "courier-other-branch"
    sentence = (
        "%(file)s belongs to another branch than this router. Take it to that branch or to the "
        "back office; nothing was taken from it."
    )


class PackedByUnknown(CourierFailure):
    """Nobody knows the device."""

    code = "device-unknown"
    sentence = (
        "%(file)s was packed by a device that is not known here (%(device)s). Nothing was taken "
        "from it."
    )


class PackedByRevoked(CourierFailure):
    """The device was revoked; its sales may be true all the same, so a person decides."""

    code = "device-revoked"
    sentence = (
        "%(file)s was packed by %(device)s, which was revoked. Nothing was taken from it. If its "
        "sales are to be taken in all the same, say so (by the tick in the back office, or "
        "--revoked): each is kept, and an exception names the device."
    )


class PackedMeanwhile(CourierFailure):
    """What was to be packed is in the cloud by now and no longer kept here."""

    code = "courier-overtaken"
    sentence = "The journal has moved on while it was packed. Pack again."
    retry = True


class ReceiptDamaged(CourierFailure):
    """A receipt that no cloud of ours wrote."""

    code = "courier-receipt-damaged"
    sentence = "%(file)s is not a receipt of this company's cloud. Nothing was changed."


class NoPackingHere(CourierFailure):
    """A folder of no device."""

    code = "courier-not-enrolled"
    sentence = "The folder %(folder)s belongs to no till and no router. Enrol it first."


class NotUnpackedHere(CourierFailure):
    """A till takes in nothing."""

    code = "courier-not-here"
    sentence = (
        "The folder %(folder)s is a till's. Take the file to the branch's router or to the back "
        "office: only those take it in."
    )


_BY_SLUG: Final[dict[str, type[CourierFailure]]] = {
    "courier-damaged": FileDamaged,
    "courier-cut-off": FileCutOff,
    "courier-newer": FileNewer,
    "courier-not-for-us": FileNotForUs,
    "signature-wrong": FileAltered,
}


def refusal(file: Path, error: ProtocolError) -> CourierFailure:
    """The sentence for what the format found; what no name is kept for is damage."""
    return _BY_SLUG.get(error.slug, FileDamaged)(file=file.name, detail=error.detail)
