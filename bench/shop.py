"""A till with a catalogue for a bench: a real vault, filled by the production code."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import trade
from bench.trade import START_MS
from pos_shell.shift.actions import open_shift
from pos_shell.till import Till
from sentra.domain.indonesia import standard_taxes
from sentra.events import Branch, Company, Decision, Person
from sentra.ids import uuid7
from sentra.protocol.bodies import encode_decision
from sentra.protocol.feed import COMPANY, ITEMS_MAX, FeedItem, seal_revision
from sentra.vault import catalogue
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity

_numbers = itertools.count(1)


def an_id() -> str:
    """A fresh id; benches need no secrets."""
    return uuid7(START_MS, next(_numbers).to_bytes(10, "big"))


def an_identity(cloud_key: Ed25519PrivateKey) -> Identity:
    """A terminal of a branch, enrolled with a cloud that has this key."""
    return Identity(
        device_id=an_id(),
        role="terminal",
        number=1,
        name="Kasir 1",
        branch_id=an_id(),
        branch_code="SGT",
        branch_name="Sangatta",
        zone="Asia/Makassar",
        company_id=an_id(),
        company_name="Toko Sentra",
        currency="IDR",
        cloud_url="https://127.0.0.1:1",
        anchors="",
        cloud_public_key=cloud_key.public_key(),
        private_key=Ed25519PrivateKey.generate(),
        pepper=bytes(32),
        timeline=an_id(),
    )


class Shop:
    """One till. The clock goes on by `step_ms` each time it is read."""

    def __init__(self, folder: Path, products: int, step_ms: int = 10) -> None:
        self.cloud_key = Ed25519PrivateKey.generate()
        self.person = Person(an_id(), "Dewi", ("cashier",), "unused")
        self.products = trade.products(products, random.Random(1))
        self._ticks = itertools.count(START_MS, step_ms)
        self._identity = an_identity(self.cloud_key)
        vault = Vault.create(folder, "terminal")
        with vault.writer() as db:
            write_identity(db, self._identity)
        self._publish(vault)
        vault.close()
        drawn = itertools.count(1)
        self.till = Till(
            folder, lambda: next(self._ticks), lambda n: next(drawn).to_bytes(n, "big")
        )
        open_shift(self.till, self.person, 200_000)

    def _publish(self, vault: Vault) -> None:
        identity = self._identity
        branch = Branch(identity.branch_id, "SGT", "Sangatta", identity.zone, "", 100, "down")
        company = Company(identity.company_id, identity.company_name, "IDR")
        decisions: list[tuple[str, Decision]] = [("company", company)]
        decisions += [("tax", tax) for tax in standard_taxes(an_id)]
        decisions += [("product", product) for product in self.products]
        self._apply(vault, COMPANY, decisions)
        self._apply(vault, identity.branch_id, [("branch", branch), ("person", self.person)])

    def _apply(self, vault: Vault, scope: str, decisions: list[tuple[str, Decision]]) -> None:
        for number, start in enumerate(range(0, len(decisions), ITEMS_MAX), 1):
            items = [
                FeedItem(kind, body.id, encode_decision(body))
                for kind, body in decisions[start : start + ITEMS_MAX]
            ]
            revision = seal_revision(scope, number, items, self.cloud_key)
            with vault.writer() as db:
                catalogue.apply_revision(db, revision, items)
