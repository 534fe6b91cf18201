"""What can be wrong with bytes from elsewhere."""

from __future__ import annotations


class ProtocolError(Exception):
    """Bytes that this version cannot accept. `slug` is the stable problem type."""

    slug = "malformed"
    retry = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class SegmentDamaged(ProtocolError):
    """Truncated, flipped, too large, or a header that does not match its payload."""

    slug = "segment-damaged"


class SignatureWrong(ProtocolError):
    """The signature does not belong to the bytes and the key."""

    slug = "signature-wrong"


class ChainBroken(ProtocolError):
    """The entries do not continue the hash that came before them."""

    slug = "chain-broken"


class ClockSkewed(ProtocolError):
    """The request's time is outside the server's window; a corrected retry helps."""

    slug = "clock-skew"
    retry = True


class NonceReplayed(ProtocolError):
    """The very same request was seen before."""

    slug = "nonce-replayed"


class FeedDamaged(ProtocolError):
    """A feed revision that the cloud did not sign as it stands."""

    slug = "feed-damaged"


class CodeRefused(ProtocolError):
    """An enrolment code that is wrong, expired or used. `reason` is one of those words."""

    slug = "code-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the enrolment code is {reason}")
        self.reason = reason
