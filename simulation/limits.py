"""Limits so tight that every page, run and envelope of a small run is cut somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from router_agent.inbound import routes
from router_agent.operations import answer, forward
from router_agent.outbound import decisions, store
from sentra.cloud import feed, snapshots
from sentra.courier import packing
from sentra.link import parts
from sentra.protocol import segment, snapshot
from sentra.vault import journal, leftovers, regaining, staging, words
from syncd.daemon.operations import send
from syncd.service import verify
from syncd.service.inbound import feed as feed_view
from syncd.service.operations import acknowledge, append

TIGHT: Final[tuple[tuple[ModuleType, str, int], ...]] = (
    (segment, "ENTRIES_MAX", 5),
    (verify, "ENTRIES_MAX", 5),
    (journal, "SEAL_ENTRIES_MAX", 7),
    (append, "RUN_ENTRIES_FIRST", 2),
    (append, "RUN_ENTRIES_MAX", 4),
    (acknowledge, "CREDIT_BYTES", 900),
    (answer, "CREDIT_BYTES", 1_200),
    (forward, "SHARE_BYTES", 600),
    (forward, "SEGMENTS_MAX", 3),
    (store, "LANE_SEGMENTS_MAX", 2),
    (send, "SEGMENTS_MAX", 3),
    (feed, "PAGE_REVISIONS_MAX", 2),
    (feed_view, "PAGE_BYTES_MAX", 400),
    (routes, "FEED_PAGE_BYTES", 400),
    (snapshots, "FAR_REVISIONS", 3),
    (snapshots, "REVISIONS_BETWEEN", 4),
    (snapshots, "_ROWS_AT_ONCE", 3),
    (snapshot, "ITEMS_MAX", 3),
    (parts, "PART_BYTES", 300),
    (parts, "KEPT_BYTES", 450),
    (parts, "_READ_BYTES", 100),
    (staging, "ITEMS_AT_ONCE", 2),
    (staging, "FIRST_AT_ONCE", 2),
    (staging, "GATHERED", 4),
    (words, "PRODUCTS_AT_ONCE", 2),
    (words, "GONE_MIN", 1),
    (regaining, "ENTRIES_AT_ONCE", 2),
    (leftovers, "ENTRIES_AT_ONCE", 2),
    (staging, "_KEYS_IN_ONE_QUERY", 3),
    (decisions, "REVISIONS_MAX", 6),
    (decisions, "REVISIONS_BEHIND_KEPT", 2),
    (packing, "ENVELOPE_BYTES", 900),
    (packing, "SEGMENTS_MAX", 3),
)


@contextmanager
def tightened(wanted: bool) -> Iterator[None]:
    """The programs' own limits, or these in their place. Raises AttributeError for one renamed."""
    before = [(module, name, getattr(module, name)) for module, name, _ in TIGHT]
    try:
        for module, name, value in TIGHT if wanted else ():
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
