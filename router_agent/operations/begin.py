"""Whether a journal may begin at this router behind what the cloud has: by the cloud's word alone.

A new router holds nothing, and what the cloud has need not come here again. The terminal carries
the cloud's signed word on how far that is.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.operations.journals import JournalState
from sentra.protocol.messages import Watermark, watermark_is_true

CLOUD = "cloud"


def is_present_word(
    mark: Watermark,
    terminal: str,
    known: JournalState | None,
    since: Watermark | None,
    cloud_key: Ed25519PublicKey,
) -> bool:
    """Whether the cloud said it of this terminal's journal, and has not taken it back since.

    What it signed before its present timeline began it may have lost again; so may it what goes
    beyond a word that it signed later.
    """
    if (mark.name, mark.terminal) != (CLOUD, terminal):
        return False
    if since is not None and mark.at_ms < since.at_ms:
        return False
    later = None if known is None else known.watermark
    if later is not None and later.at_ms > mark.at_ms:
        said, meant = later.head, mark.head
        if (said.epoch, said.seq) < (meant.epoch, meant.seq):
            return False
    return watermark_is_true(mark, cloud_key)
