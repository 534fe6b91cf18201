"""The links to the branch's routers and to the cloud, made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sentra.events import Device
from sentra.instants import Clock
from sentra.link.client import Link
from sentra.protocol.entry import Head
from sentra.protocol.journal_page import JournalPage
from sentra.vault.identity import Identity

ADDRESSES_MAX = 8
"""Addresses of routers that are tried in one turn; a branch has one router, seldom two."""


class CloudThrough:
    """The cloud's line of this terminal's journal, as a router fetches it for it."""

    def __init__(self, router: Link) -> None:
        self._router = router

    def journal(self, after: Head) -> JournalPage:
        """A page. Raises LinkDown, LinkRefused, PageDamaged."""
        return self._router.journal(after, of_cloud=True)


class Lines:
    """One terminal's links. Not shared between threads, but for `close`."""

    def __init__(
        self, identity: Identity, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._identity = identity
        self._clock, self._random = clock, random_bytes
        self._links: dict[tuple[str, str | None], Link] = {}

    def cloud(self) -> Link:
        """The link to the cloud, whose certificate names its host."""
        return self._link(self._identity.cloud_url, None)

    def routers(self, devices: Sequence[Device]) -> list[Link]:
        """Links to every address of every router. A router is known by its name in the
        certificate, so its addresses may change."""
        places = [
            (address, f"{device.id}.router.sentra")
            for device in devices
            for address in device.addresses
        ]
        return [self._link(*place) for place in places[:ADDRESSES_MAX]]

    def close(self) -> None:
        """Ends all connections."""
        for link in list(self._links.values()):
            link.close()

    def _link(self, address: str, server_name: str | None) -> Link:
        place = (address, server_name)
        if place not in self._links:
            self._links[place] = Link(
                address,
                server_name=server_name,
                anchors=self._identity.anchors,
                device_id=self._identity.device_id,
                key=self._identity.private_key,
                clock=self._clock,
                random_bytes=self._random,
            )
        return self._links[place]
