"""Identities: canonical lower-case UUID text, typed so that one cannot be passed for another.

New ids are UUIDv7 (RFC 9562, section 5.7): they sort by the time of their making, which keeps
index pages together. Time and randomness are arguments, so that a simulation can replay them.
"""

from __future__ import annotations

import re
from typing import Final, NewType

from sentra.failures import Failure

CompanyId = NewType("CompanyId", str)
BranchId = NewType("BranchId", str)
DeviceId = NewType("DeviceId", str)
TerminalId = NewType("TerminalId", str)
RouterId = NewType("RouterId", str)
SaleId = NewType("SaleId", str)
LineId = NewType("LineId", str)
RefundId = NewType("RefundId", str)
ShiftId = NewType("ShiftId", str)
CashMovementId = NewType("CashMovementId", str)
StockMovementId = NewType("StockMovementId", str)
ProductId = NewType("ProductId", str)
CategoryId = NewType("CategoryId", str)
TaxId = NewType("TaxId", str)
PersonId = NewType("PersonId", str)
UserId = NewType("UserId", str)

RANDOM_BYTES: Final = 10
"""How many random bytes `uuid7` takes: 74 bits are used, 6 give way to version and variant."""

_TIME_MS_MAX: Final = 2**48 - 1
_CANONICAL: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class IdError(Failure):
    """An identity that cannot be made from, or read as, what was given. A fault of the caller."""

    code = "id-form"
    sentence = "“%(given)s” cannot be an identity."


def uuid7(time_ms: int, random_bytes: bytes) -> str:
    """Make a UUIDv7 from a Unix time in milliseconds and ten random bytes.

    Raises:
        IdError: the time is outside 48 bits or the randomness is not ten bytes.
    """
    if not 0 <= time_ms <= _TIME_MS_MAX or len(random_bytes) != RANDOM_BYTES:
        raise IdError(given=f"{time_ms} ms, {len(random_bytes)} random bytes")
    random = int.from_bytes(random_bytes, "big")
    rand_a, rand_b = (random >> 62) & 0xFFF, random & (2**62 - 1)
    value = time_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def is_id(text: str) -> bool:
    """Whether the text is a UUID of any version in its canonical lower-case form."""
    return _CANONICAL.fullmatch(text) is not None


def made_at_ms(identity: str) -> int:
    """The Unix time in milliseconds that a UUIDv7 carries.

    Raises:
        IdError: not a canonical UUID of version 7.
    """
    if not is_id(identity) or identity[14] != "7":
        raise IdError(given=identity[:40])
    return int(identity[:8] + identity[9:13], 16)
