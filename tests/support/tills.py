"""A till's vault and identity, made by the production code in a folder of the test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.events import Decision
from sentra.protocol.bodies import encode_decision
from sentra.protocol.entry import Entry
from sentra.protocol.feed import FeedItem, SealedRevision, seal_revision
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity
from tests.support.journals import START_MS, a_sale, an_id

CLOUD_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BRANCH = an_id(700_001)
COMPANY_ID = an_id(700_000)
TIMELINE = an_id(700_002)


def an_identity(number: int = 1, **changes: object) -> Identity:
    """Terminal `number` of the one branch; the same for the same number."""
    identity = Identity(
        device_id=an_id(800_000 + number),
        role="terminal",
        number=number,
        name=str(number),
        branch_id=BRANCH,
        branch_code="SGT",
        branch_name="Sanggata",
        zone="Asia/Makassar",
        company_id=COMPANY_ID,
        company_name="Toko Maju",
        currency="IDR",
        cloud_url="https://127.0.0.1:1",
        anchors="",
        cloud_public_key=CLOUD_KEY.public_key(),
        private_key=Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big")),
        pepper=b"pepper",
        timeline=TIMELINE,
    )
    fields = {name: getattr(identity, name) for name in Identity.__dataclass_fields__}
    return Identity(**{**fields, **changes})


def a_till(folder: Path, number: int = 1, **changes: object) -> tuple[Vault, Identity]:
    """An enrolled till; close its vault when done."""
    identity = an_identity(number, **changes)
    vault = Vault.create(folder, "terminal")
    with vault.writer() as db:
        write_identity(db, identity)
    return vault, identity


def sell(vault: Vault, identity: Identity, count: int = 1) -> list[Entry]:
    """Completes sales, numbered on from what the journal holds, one transaction each."""
    made = []
    for _ in range(count):
        with vault.writer() as db:
            number = journal.head(db).seq + 1
            fact = a_sale(number, terminal_number=identity.number)
            made.append(journal.append(db, identity, fact, START_MS + number * 1000))
    return made


def a_revision(
    scope: str, number: int, decisions: Sequence[tuple[str, str, Decision | None]]
) -> tuple[SealedRevision, list[FeedItem]]:
    """A revision signed by the cloud, from (kind, key, body or None for a deletion)."""
    items = [
        FeedItem(kind, key, None if body is None else encode_decision(body))
        for kind, key, body in decisions
    ]
    return seal_revision(scope, number, items, CLOUD_KEY), items


def plain(value: object) -> object:
    """A dataclass as comparable lists and dicts."""
    return msgspec.to_builtins(value)
