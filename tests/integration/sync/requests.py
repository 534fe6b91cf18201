"""What tests of the service's requests share: a journal, a hello, what the tables hold."""

from __future__ import annotations

import msgspec
from prometheus_client import REGISTRY
from sqlalchemy import Engine, func, select, table

from sentra.protocol.messages import (
    Hello,
)
from tests.integration.sync.conftest import TestDevice
from tests.support.journals import Journal

TABLES = ("journal_entry", "segment", "fork_segment", "sale", "exception", "hourly_sales")


def a_journal(device: TestDevice, count: int = 3) -> Journal:
    """A journal of the device's own."""
    journal = Journal()
    journal.terminal, journal.key = device.id, device.key
    journal.sell(count)
    return journal


def a_hello(device: TestDevice, **changed: object) -> bytes:
    """The body of a hello."""
    said = Hello(
        software="0.1.0",
        protocols=(1,),
        clock_ms=device.clock.now_ms,
        heads={},
        timeline="",
        feed={},
    )
    return msgspec.json.encode(msgspec.structs.replace(said, **changed))


def counts(engine: Engine) -> dict[str, int]:
    """How many rows each table has."""
    with engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table(name))).scalar_one()
            for name in TABLES
        }


def refused_count(slug: str) -> float:
    """How many requests were refused with this problem so far."""
    return REGISTRY.get_sample_value("sentra_requests_refused_total", {"problem": slug}) or 0.0


def slug_of(answered: object) -> str:
    """The problem of a refusal."""
    body = answered.get_json(force=True)  # type: ignore[attr-defined]  # werkzeug's test response
    return str(body["type"]).rpartition(":")[2]
