"""Tills with a backlog, and the daemon's own steps that send it on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench.cloud import now_ms
from bench.failures import BenchFailed
from bench.trade import Trade
from sentra.events import Product
from sentra.link.client import Link
from sentra.protocol.entry import Head
from sentra.protocol.feed import open_revision
from sentra.vault import catalogue, journal
from sentra.vault.database import Vault
from sentra.vault.identity import Identity
from syncd.daemon.operations.greet import Self, hello_of, note_hello
from syncd.daemon.operations.ports import CLOUD, StoreName, Talk
from syncd.daemon.operations.send import send_next
from syncd.daemon.outbound.shelf import VaultShelf

SALES_AT_ONCE: Final = 2_000
"""Written in one transaction while a backlog is made; what is measured comes later."""


class Stuck(BenchFailed):
    """A store did not take what it was sent; the text says what it answered."""


class Sender:
    """One till: its vault with a sealed backlog, and its line to a store."""

    def __init__(
        self, folder: Path, identity: Identity, goods: Sequence[Product], seed: int
    ) -> None:
        self.identity = identity
        self.vault = Vault.open(folder)
        self.body_bytes = 0
        self._shelf = VaultShelf(self.vault, identity)
        self._trade = Trade(identity, goods, seed)
        self._link: Link | None = None
        self._talk = Talk(CLOUD)

    def sell(self, sales: int, *, sealed: bool = True) -> None:
        """Record sales in the journal and the till's tables, and seal them."""
        for start in range(0, sales, SALES_AT_ONCE):
            with self.vault.writer() as db:
                for _ in range(min(SALES_AT_ONCE, sales - start)):
                    sale = self._trade.sale()
                    entry = journal.append(db, self.identity, sale, sale.completed_at_ms)
                    self.body_bytes += len(entry.body)
        while sealed and self._shelf.seal_pending():
            pass

    def connect(self, address: str, store: StoreName, server_name: str | None = None) -> None:
        """Greet the store at an address, and believe what it says it has."""
        self.hang_up()
        self._link = Link(
            address,
            server_name=server_name,
            anchors=self.identity.anchors,
            device_id=self.identity.device_id,
            key=self.identity.private_key,
            clock=now_ms,
            random_bytes=os.urandom,
        )
        self._talk = Talk(store)
        me = Self("bench", 0, None, 0, 0)
        answer = self._link.hello(hello_of(self._shelf, me, now_ms()))
        note_hello(self._talk, answer, self._shelf, self.identity.cloud_public_key, now_ms())

    def learn(self) -> None:
        """Read the decisions for this till, as far as the store hands them out in one page."""
        assert self._link is not None  # noqa: S101 - connected before
        for scope in self._shelf.scopes():
            _, revisions = self._link.feed(scope, self._shelf.feed_cursor(scope))
            with self.vault.writer() as db:
                for one in revisions:
                    items = open_revision(one, self.identity.cloud_public_key)
                    catalogue.apply_revision(db, one, items)

    def drain(self) -> None:
        """Send until the store has everything, each watermark durable here. Raises Stuck."""
        assert self._link is not None  # noqa: S101 - connected before
        key = self.identity.cloud_public_key
        while (sent := send_next(self._link, self._shelf, self._talk, key, now_ms())) is not None:
            if not sent.moved:
                raise Stuck(f"{sent.outcome}, {self._talk.notice}")
            time.sleep(self._talk.pause_ms / 1000)

    def head(self) -> Head:
        """The end of the journal here."""
        return self._shelf.head()

    def watermark(self, name: str) -> Head:
        """How far the journal has come, by this till's own evidence."""
        return self._shelf.watermark(name)

    def hang_up(self) -> None:
        """End the line."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def close(self) -> None:
        """End the line and close the vault."""
        self.hang_up()
        self.vault.close()


def drain_all(senders: Sequence[Sender], *, then: Callable[[], None] | None = None) -> float:
    """All at once; the seconds from the first byte sent to the last watermark durable at a till.

    Or until `then` returns, which is called after that.
    """
    failures: list[BaseException] = []
    gate = threading.Barrier(len(senders) + 1)

    def drain(sender: Sender) -> None:
        gate.wait()
        try:
            sender.drain()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=drain, args=(one,)) for one in senders]
    for thread in threads:
        thread.start()
    gate.wait()
    began_s = time.perf_counter()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    if then is not None:
        then()
    return time.perf_counter() - began_s
