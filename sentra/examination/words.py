"""The stable words that stores and the daemon say of a device, told to people."""

from __future__ import annotations

from typing import Final

from sentra.examination.findings import N_, Finding, attention, bad
from sentra.i18n import say

_ENROL_ANEW: Final = N_(
    "If it is to go on, enrol it anew with a new code, in an empty folder; keep the old one."
)
_CALL: Final = N_(
    "Run sentra verify here, and tell whoever runs Sentra. Selling goes on, nothing is lost."
)

_TOLD: Final = {
    "device-revoked": (
        N_("this device was revoked in the back office; what it sold is still taken"),
        _ENROL_ANEW,
    ),
    "revoked": (
        N_("this device was revoked in the back office; what it sold is still taken"),
        _ENROL_ANEW,
    ),
    "journal-behind": (
        N_("an older copy of this vault was put back"),
        N_("Let it have a network: what was sent comes back by itself. Put back no other copy."),
    ),
    "fork": (
        N_("two machines use the identity of this device"),
        N_("Switch one of them off, and enrol it anew in an empty folder. No sale is lost."),
    ),
    "refused": (N_("the journal is refused: its bytes are not as this device signed them"), _CALL),
    "unanswered": (N_("the journal was sent and nothing was said of it"), _CALL),
    "protocol-too-old": (
        N_("this device and the other end speak no protocol together"),
        N_("Update the older of the two."),
    ),
    "feed-stuck": (
        N_("decisions do not come down: a revision is missing or damaged"),
        _CALL,
    ),
}

_UNIMPORTANT: Final = {"clock-off", "timeline-new"}
"""The clock has a line of its own, and a restored cloud gets what it lost by itself."""

_PASSING: Final = {"device-revoked", "revoked", "feed-stuck"}
"""The journal is sent all the same."""


def told(check: str, word: str) -> list[Finding]:
    """The finding of a word; nothing for one that nobody has to act on."""
    if word in _UNIMPORTANT:
        return []
    sentence, advice = _TOLD.get(word, (word, _CALL))
    state = attention if word in _PASSING else bad
    return [state(check, say(sentence), say(advice))]
