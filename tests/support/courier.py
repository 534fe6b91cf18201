"""Devices that are enrolled in a real cloud's database and have never had a network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from router_agent.outbound import decisions
from router_agent.outbound.schema import ROOMS
from sentra.cloud.company import CompanyFacts
from sentra.cloud.keys import CompanyKeys
from sentra.events import Decision, Device
from sentra.protocol.bodies import encode_decision
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.vault import catalogue
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity
from tests.present import NOW_MS
from tests.support.books import Books
from tests.support.tills import a_revision, an_identity


def offline_device(
    folder: Path,
    engine: Engine,
    keys: CompanyKeys,
    company: CompanyFacts,
    branch: str,
    role: str = "terminal",
    number: int = 1,
) -> tuple[Vault, Identity]:
    """A till or router that the cloud knows; close its vault when done."""
    with engine.begin() as connection:
        device_id, key = Books(connection).add_device(branch, role, number, f"{number}", NOW_MS)
    identity = an_identity(
        number,
        device_id=device_id,
        role=role,
        private_key=key,
        company_id=company.id,
        branch_id=branch,
        cloud_public_key=keys.signing_key.public_key(),
    )
    vault = Vault.create(folder, "router" if role == "router" else "terminal")
    with vault.writer() as db:
        write_identity(db, identity)
    return vault, identity


def tell_router(
    folder: Path, *identities: Identity, revoked: bool = False, addresses: tuple[str, ...] = ()
) -> None:
    """The router hears of the branch's devices, as by the feed."""
    vault = Vault.open(folder, ROOMS)
    devices = [replace(_device(one, revoked), addresses=addresses) for one in identities]
    items = [FeedItem("device", one.id, encode_decision(one)) for one in devices]
    with vault.writer() as db:
        scope = identities[0].branch_id
        number = decisions.feed_cursor(db, scope) + 1
        decisions.cache_revision(db, SealedRevision(scope, number, b"", b""), items)
    vault.close()


def tell_till(vault: Vault, *identities: Identity, addresses: tuple[str, ...] = ()) -> None:
    """The till hears of the branch's devices, as by the feed."""
    decided: list[tuple[str, str, Decision | None]] = [
        ("device", one.device_id, replace(_device(one, revoked=False), addresses=addresses))
        for one in identities
    ]
    with vault.writer() as db:
        scope = identities[0].branch_id
        revision = a_revision(scope, catalogue.cursor(db, scope) + 1, decided)
        catalogue.apply_revision(db, *revision)


def _device(one: Identity, revoked: bool) -> Device:
    key = one.private_key.public_key().public_bytes_raw().hex()
    return Device(one.device_id, one.role, one.number, one.name, key, revoked=revoked)
