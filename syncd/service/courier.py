"""The cloud takes a courier file in: by the very append of `POST /v1/journal`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg2 import extensions
from sqlalchemy import Engine, select

from sentra.cloud.company import the_company
from sentra.cloud.database import make_engine, wait_for_database
from sentra.cloud.findings import Products
from sentra.cloud.identity import new_id
from sentra.cloud.keys import CompanyKeys, load_keys
from sentra.cloud.redis_client import RedisClient, connect_redis
from sentra.cloud.schema import require_newest
from sentra.cloud.tables import device
from sentra.cloud.wake import head_moved, wake
from sentra.config import Environment
from sentra.courier.failures import OtherCompany, PackedByRevoked, PackedByUnknown
from sentra.ids import is_id
from sentra.instants import Clock
from sentra.protocol.courier import CourierHeader
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import JournalOutcome
from syncd.service.config import POSTGRES_SCHEMES, REDIS_SCHEMES
from syncd.service.operations.acknowledge import acknowledge
from syncd.service.operations.append import Appended, append_envelope
from syncd.service.operations.journals import Carrier
from syncd.service.outbound.journal_store import JournalStore
from syncd.service.outbound.threads import one_ahead


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class CloudTaker:
    """`sentra.courier.offers.Taker` for the cloud."""

    def __init__(
        self,
        engine: Engine,
        keys: CompanyKeys,
        redis: RedisClient | None,
        clock: Clock = _now_ms,
    ) -> None:
        self._engine, self._keys, self._redis, self._clock = engine, keys, redis, clock
        self._products = Products()
        self.own_key = keys.signing_key

    def admit(self, file: str, header: CourierHeader, *, revoked_too: bool) -> Ed25519PublicKey:
        """The key of the company's device that packed the file."""
        with self._engine.connect() as connection:
            if header.company_id != the_company(connection).id:
                raise OtherCompany(file=file)
            table = device.c
            row = None
            if is_id(header.device_id):
                row = connection.execute(
                    select(
                        table.public_key, table.status, table.role, table.branch_id, table.name
                    ).where(table.id == header.device_id)
                ).one_or_none()
        # A device that claims another role or branch than its own is none that we know.
        if row is None or (row.role, str(row.branch_id)) != (header.role, header.branch_id):
            raise PackedByUnknown(file=file, device=header.device_id)
        if row.status == "revoked" and not revoked_too:
            raise PackedByRevoked(file=file, device=header.name)
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(row.public_key))

    def take(self, header: CourierHeader, parcels: Sequence[Parcel]) -> Sequence[JournalOutcome]:
        """Appends one envelope in one transaction; its outcomes carry the cloud's signed word."""
        carrier = Carrier(header.device_id, header.role, header.branch_id)
        now_ms = self._clock()
        with self._engine.begin() as connection:
            plain = cast(extensions.connection, connection.connection.dbapi_connection)
            store = JournalStore(plain, new_id, self._products)
            appended = append_envelope(store, parcels, carrier, now_ms, ahead=one_ahead)
        self._wake(appended, carrier)
        key = self._keys.signing_key
        return acknowledge(appended.journals, now_ms, key, waiting=0).outcomes

    def _wake(self, appended: Appended, carrier: Carrier) -> None:
        """Tell pages and devices after the commit, where Redis is there to tell them."""
        if self._redis is None:
            return
        for one in appended.moved:
            if one.head is not None:
                epoch, seq = one.head.epoch, one.head.seq
                head_moved(self._redis, carrier.branch_id, one.terminal_id, epoch=epoch, seq=seq)
        if appended.opened:
            wake(self._redis, "exception", carrier.branch_id)


@contextmanager
def open_cloud() -> Iterator[CloudTaker]:
    """The cloud of this environment's settings; SENTRA_REDIS_URL may be left out.

    Raises ConfigError, KeysError, and a sentence where the database does not answer.
    """
    read = Environment(os.environ)
    url = read.url("SENTRA_DATABASE_URL", schemes=POSTGRES_SCHEMES)
    keys = load_keys(read.folder("SENTRA_KEYS_DIR", must_exist=True))
    redis_url = read.optional("SENTRA_REDIS_URL")
    if redis_url is not None:
        redis_url = read.url("SENTRA_REDIS_URL", schemes=REDIS_SCHEMES)
    engine = make_engine(url, pool_size=2, application="sentra courier")
    redis = None if redis_url is None else connect_redis(redis_url)
    try:
        wait_for_database(engine)
        with engine.connect() as connection:
            require_newest(connection)
        yield CloudTaker(engine, keys, redis)
    finally:
        if redis is not None:
            redis.close()
        engine.dispose()
