"""A shop whose shifts grow old: what tests of forgetting share."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from sentra.events import ShiftClosed, ShiftOpened
from sentra.projection.tables import SHARED
from sentra.protocol.entry import Head
from sentra.protocol.messages import sign_watermark
from sentra.vault import archived, journal, leftovers, retention
from sentra.vault.archived import DAY_MS
from sentra.vault.database import Vault
from sentra.vault.entries import hash_at
from sentra.vault.identity import Identity
from sentra.vault.watermarks import reset_watermark
from tests.support.journals import DAY, START_MS, a_sale, an_id
from tests.support.tills import CLOUD_KEY

WINDOW_MS = 35 * DAY_MS
T0 = START_MS
LATER = T0 + WINDOW_MS
SHIFT_ENTRIES = 5


@dataclass
class Shop:
    """A till that trades shifts of three sales: five entries each."""

    vault: Vault
    identity: Identity
    sold: int = 0
    shifts: int = 0

    def trade(self, shifts: int = 1, *, close: bool = True) -> None:
        """Each shift is a segment of its own, as a till that is online makes them."""
        for _ in range(shifts):
            self.shifts += 1
            shift_id = an_id(600_000 + self.shifts)
            self._add(
                ShiftOpened(shift_id, self.shifts, "c", "Dewi", "IDR", T0, DAY, "Asia/Makassar", 0)
            )
            for _ in range(3):
                self.sold += 1
                self._add(replace(a_sale(self.sold), shift_id=shift_id))
            if close:
                self._add(self._closing(shift_id))
            with self.vault.writer() as db:
                journal.seal_pending(db, self.identity)

    def _closing(self, shift_id: str) -> ShiftClosed:
        return ShiftClosed(
            shift_id=shift_id, cashier_id="c", cashier_name="Dewi", currency="IDR",
            closed_at_ms=T0, business_date=DAY, sale_count=3, refund_count=0, void_count=0,
            total=13_500, rounding=0, tenders=(), expected_cash=13_500, counted_cash=13_500,
            difference=0, denominations=(), last_hash=self.head().hash.hex(),
        )  # fmt: skip

    def _add(self, fact: object) -> None:
        with self.vault.writer() as db:
            journal.append(db, self.identity, fact, T0)  # type: ignore[arg-type]  # either fact

    def head(self) -> Head:
        with self.vault.reader() as db:
            return journal.head(db)

    def place(self, seq: int) -> Head:
        with self.vault.reader() as db:
            return Head(1, seq, hash_at(db, 1, seq) or b"")

    def hear(
        self,
        name: str,
        head: Head,
        at_ms: int,
        key: Ed25519PrivateKey = CLOUD_KEY,
        terminal: str = "",
    ) -> None:
        """A word of the cloud, as the daemon keeps it."""
        mark = sign_watermark(key, name, terminal or self.identity.device_id, head, at_ms)
        with self.vault.writer() as db:
            reset_watermark(db, name, head, at_ms, mark.signature)

    def look(self, now_ms: int) -> None:
        """What the housekeeping remembers."""
        with self.vault.writer() as db:
            mark = retention.marks_of(db, self.identity).get("archived")
            archived.remember(db, self.identity.device_id, mark, now_ms)

    def forget(self, now_ms: int) -> int:
        """One step; how many entries went."""
        with self.vault.writer() as db:
            found = retention.plan(db, self.identity, WINDOW_MS, now_ms)
            if found is None:
                return 0
            count = retention.forget(db, self.identity, found, WINDOW_MS, now_ms)
        while self.drop_portion():
            pass
        return count

    def drop_portion(self) -> bool:
        """The next of what is left over; whether there was any."""
        with self.vault.writer() as db:
            found = leftovers.next_portion(db, self.identity)
            if found is not None:
                leftovers.drop(db, found)
            return found is not None

    def forget_all(self, now_ms: int) -> int:
        total = 0
        while count := self.forget(now_ms):
            total += count
        return total

    def is_whole(self) -> bool:
        with self.vault.reader() as db:
            return journal.verify(db, self.identity) == []

    def rows(self) -> dict[str, int]:
        with self.vault.reader() as db:
            return {
                table.name: db.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0]  # noqa: S608
                for table in SHARED
            }


@pytest.fixture
def shop(till: tuple[Vault, Identity]) -> Shop:
    """Six closed shifts, of which the cloud has archived four; a seventh is open."""
    made = Shop(*till)
    made.trade(6)
    made.trade(close=False)
    made.hear("archived", made.place(4 * SHIFT_ENTRIES), T0)
    made.hear("cloud", made.head(), T0)
    made.look(T0)
    return made
