"""A router's parts, as its pages and routes see them; `bootstrap` puts them together."""

from __future__ import annotations

from router_agent.config import RouterSettings
from router_agent.inbound.streams import Streams
from router_agent.inbound.trunk_loop import TrunkLoop
from router_agent.outbound.known_devices import KnownDevices
from router_agent.outbound.ledger import Ledger
from router_agent.outbound.orders import Orders
from router_agent.outbound.refund_claims import RefundClaims
from router_agent.outbound.roll_call import RollCall
from router_agent.outbound.shelf import VaultShelf
from router_agent.outbound.waiting_sums import WaitingSums
from sentra.instants import Clock
from sentra.vault.database import Vault
from sentra.vault.identity import Identity


class RouterParts:
    """One running router, without its servers."""

    settings: RouterSettings
    clock: Clock
    version: str
    identity: Identity
    vault: Vault
    devices: KnownDevices
    shelf: VaultShelf
    streams: Streams
    sums: WaitingSums
    roll_call: RollCall
    orders: Orders
    ledger: Ledger
    refunds: RefundClaims
    trunk: TrunkLoop

    @property
    def name(self) -> str:
        """As people call it, and as its metrics are labelled."""
        return self.identity.name
