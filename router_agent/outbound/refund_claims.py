"""Claims on what of a sale can still be given back, and what they leave to others."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from router_agent.operations.leases import Leases
from router_agent.operations.refundable import left_of
from router_agent.outbound.ledger import find_sale
from sentra.instants import Clock
from sentra.protocol.branch import RefundClaim
from sentra.protocol.errors import ProtocolError
from sentra.vault.database import Vault

CLAIM_MS: Final = 15 * 60_000
"""A refund's fact comes here within seconds. A till that claims and then fails keeps others from
giving back the same goods for this long; one that is cut off for longer may be doubled, which the
cloud finds."""

CLAIMS_MAX: Final = 500
"""Live claims of a branch: each is one customer at a counter."""


class RefundClaimed(ProtocolError):
    """Less is left of a line: given back, or about to be, at another till."""

    slug = "refund-claimed"


class ClaimsFull(ProtocolError):
    """More claims than a branch has counters."""

    slug = "claims-full"
    retry = True


class RefundClaims:
    """All claims of the branch. Threads may share it: who writes takes the vault's turn."""

    def __init__(self, vault: Vault, ticks: Clock) -> None:
        """`ticks` are milliseconds of a clock that only goes forward."""
        self._vault = vault
        self._leases = Leases(ticks, CLAIM_MS)

    def claim(self, terminal: str, wanted: RefundClaim) -> None:
        """Keeps the claim; a second time it holds for its whole time again.

        Raises SaleUnknown, RefundClaimed, ClaimsFull.
        """
        with self._vault.writer() as db:
            # In the same transaction as the claims: a fact that settles one counts in its place.
            told = find_sale(db, sale_id=wanted.sale_id)
            if any(refund.refund_id == wanted.claim_id for refund in told.refunds):
                return
            self._drop_ended(db)
            claims = db.execute(
                "SELECT lines FROM refund_claim WHERE sale_id = ? AND claim_id <> ?",
                (wanted.sale_id, wanted.claim_id),
            ).fetchall()
            others = [msgspec.json.decode(row[0], type=dict[int, int]) for row in claims]
            left = left_of(told.sale, told.refunds, others)
            for position, quantity_milli in wanted.lines.items():
                if quantity_milli > left.get(position, 0):
                    raise RefundClaimed(f"less is left of line {position} of this sale")
            if db.execute("SELECT count(*) FROM refund_claim").fetchone()[0] >= CLAIMS_MAX:
                raise ClaimsFull("too many refunds are under way in this branch")
            db.execute(
                "INSERT OR REPLACE INTO refund_claim VALUES (?, ?, ?, ?)",
                (wanted.claim_id, wanted.sale_id, terminal, msgspec.json.encode(wanted.lines)),
            )
            self._leases.begin(wanted.claim_id)

    def _drop_ended(self, db: Any) -> None:
        known = [row[0] for row in db.execute("SELECT claim_id FROM refund_claim").fetchall()]
        ended = [claim_id for claim_id in known if not self._leases.holds(claim_id)]
        db.executemany("DELETE FROM refund_claim WHERE claim_id = ?", [(one,) for one in ended])
        self._leases.keep_only(set(known) - set(ended))
