"""How products moved in the whole branch, as the router says now: beside a price that is asked
for, never on the way of a sale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import msgspec

from pos_shell.branch import SILENT_TILL_MS, ask_router
from pos_shell.till import Till
from sentra.protocol.branch import STOCK, BranchStock, ProductStock, ReadJournal
from sentra.vault import sharing

CHECKED_MAX: Final = 8
"""Products that a price check shows, and asks the router about."""


@dataclass(frozen=True, slots=True)
class BranchMoves:
    """By product. `is_current`: every till of the branch was heard and counted to its last entry;
    else others may have sold more."""

    products: Mapping[str, ProductStock]
    is_current: bool


def branch_moves(till: Till, product_ids: Sequence[str]) -> BranchMoves | None:
    """None before the first shift, and where the router does not answer in time or is away."""
    with till.vault.reader() as db:
        date = sharing.business_date(db)
    if date is None or not product_ids:
        return None
    query = urlencode({"date": date, "product": list(product_ids)}, doseq=True)
    said = ask_router(till, f"{STOCK}?{query}")
    if said is None or said.problem is not None:
        return None
    told = msgspec.json.decode(said.body, type=BranchStock)
    products = {one.product: one for one in told.products}
    return BranchMoves(products, all(map(_is_current, told.journals)))


def _is_current(journal: ReadJournal) -> bool:
    """A till that was never heard has sold nothing through this router, and may have elsewhere."""
    ago_ms = journal.heard_ms_ago
    is_heard = ago_ms is not None and ago_ms <= SILENT_TILL_MS
    return is_heard and journal.is_whole and not journal.behind and not journal.unread
