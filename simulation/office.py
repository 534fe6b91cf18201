"""The back office: what it decides, written and published as its pages do; ids from the seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, text, update

from sentra.cloud import devices, feed, tables
from sentra.cloud.branches import publish_branch
from sentra.cloud.company import company_item, the_company
from sentra.domain.indonesia import PBJT, PPN, standard_taxes
from sentra.domain.tax import UNTAXED
from sentra.events import Category, Person, Price, Product
from sentra.ids import RANDOM_BYTES, uuid7
from sentra.protocol.feed import COMPANY, FeedItem
from sentra.vault.archived import DAY_MS, WINDOW_DAYS_DEFAULT
from sentra.vault.identity import Identity
from simulation.clocks import START_MS
from simulation.cloud import URL, Cloud

GOODS: Final = 12
"""Products at the start: enough for carts with several lines, few enough to be sold again."""

REVISIONS_OF_GOODS: Final = 3
"""In which they are published: more than one page of the feed where limits are tight."""

_PRICES: Final = (500, 1_250, 3_300, 7_900, 12_345, 50_000, 149_999)
_ZONES: Final = (("SGT", "Sangatta", "Asia/Makassar"), ("JYP", "Jayapura", "Asia/Jayapura"))
BRANCH_IDS: Final = tuple(uuid7(START_MS, bytes([n]) * RANDOM_BYTES) for n in range(len(_ZONES)))
"""The same in every run, so that their partitions are made once."""


@dataclass(slots=True)
class Branch:
    """A branch as the back office knows it."""

    id: str
    code: str
    name: str
    zone: str
    devices: dict[str, int] = field(default_factory=lambda: {"terminal": 0, "router": 0})


class Office:
    """Writes decisions straight into PostgreSQL; devices hear of them by the feed."""

    def __init__(self, cloud: Cloud, seed: int) -> None:
        self._cloud = cloud
        self._dice = random.Random(f"{seed} office")
        self._key = cloud.keys.signing_key
        self.branches: list[Branch] = []
        self.goods: list[Product] = []
        self.company_id, self.timeline = self.new_id(), self.new_id()
        self._device_changes = 0
        self._untold: list[str] | None = None
        self._kept: tuple[int, int, list[Product]] | None = None

    def new_id(self) -> str:
        """A fresh id of this moment."""
        return uuid7(self._cloud.time.now_ms, self._dice.randbytes(RANDOM_BYTES))

    def found(self, branches: int) -> None:
        """Make the company, its branches, people and first goods."""
        now_ms = self._cloud.time.now_ms
        with self._cloud.engine.begin() as connection:
            connection.execute(
                tables.company.insert().values(
                    id=self.company_id,
                    name="Toko Sentosa",
                    currency="IDR",
                    timeline=self.timeline,
                    created_at_ms=now_ms,
                )
            )
            taxes = standard_taxes(self.new_id)
            connection.execute(tables.tax.insert(), [asdict(each) for each in taxes])
            items = [company_item(the_company(connection))]
            items += [feed.item("tax", each.id, each) for each in taxes]
            self._publish(connection, COMPANY, items)
            for branch_id, place in list(zip(BRANCH_IDS, _ZONES, strict=True))[:branches]:
                self._add_branch(connection, Branch(branch_id, *place))
        for _ in range(REVISIONS_OF_GOODS):
            self.add_products(self._dice, GOODS // REVISIONS_OF_GOODS)

    def _add_branch(self, connection: Connection, branch: Branch) -> None:
        now_ms = self._cloud.time.now_ms
        connection.execute(
            tables.branch.insert().values(
                id=branch.id,
                code=branch.code,
                name=branch.name,
                zone=branch.zone,
                cash_step=100,
                created_at_ms=now_ms,
            )
        )
        connection.execute(text("SELECT make_partitions(CAST(:id AS uuid))"), {"id": branch.id})
        publish_branch(connection, branch.id, now_ms=now_ms, signing_key=self._key)
        for name, role in (("Dewi", "cashier"), ("Rudi", "supervisor")):
            self._publish(connection, branch.id, [self._person(name, role)])
        self.branches.append(branch)

    def _person(self, name: str, role: str) -> FeedItem:
        person = Person(self.new_id(), name, (role,), "unused")
        return feed.item("person", person.id, person)

    def _publish(self, connection: Connection, scope: str, items: Iterable[FeedItem]) -> None:
        now_ms = self._cloud.time.now_ms
        feed.publish(connection, scope, items, now_ms=now_ms, signing_key=self._key)

    # -- backups ------------------------------------------------------------------------------

    def back_up(self) -> None:
        """Remember what the database knows."""
        self._kept = (self._device_changes, self._cloud.time.now_ms, list(self.goods))

    def can_go_back(self) -> bool:
        """Whether there is a backup that is not older than any that is kept, and it knows every
        device as it is: who enrolled or was revoked since would have to do so again."""
        if self._kept is None:
            return False
        changes, at_ms, _ = self._kept
        is_kept = self._cloud.time.now_ms - at_ms < WINDOW_DAYS_DEFAULT * DAY_MS
        return is_kept and changes == self._device_changes

    def go_back(self) -> None:
        """Forget what was decided since the backup."""
        if self._kept is not None:
            self.goods = list(self._kept[2])

    # -- devices ------------------------------------------------------------------------------

    def add_device(
        self, branch: Branch, role: str, key: Ed25519PrivateKey, addresses: tuple[str, ...] = ()
    ) -> Identity:
        """Enrol a device: its row, the feed's word of it, and the identity that it gets."""
        branch.devices[role] += 1
        self._device_changes += 1
        number, device_id = branch.devices[role], self.new_id()
        letter = "R" if role == "router" else ""
        name = f"{branch.code}-{letter}{number}"
        with self._cloud.engine.begin() as connection:
            connection.execute(
                tables.device.insert().values(
                    id=device_id,
                    role=role,
                    branch_id=branch.id,
                    number=number,
                    name=name,
                    public_key=key.public_key().public_bytes_raw().hex(),
                    enrolled_at_ms=self._cloud.time.now_ms,
                    software="simulated",
                    host=name,
                    addresses=list(addresses),
                )
            )
            if self._untold is None:
                self._tell(connection, device_id)
            else:
                self._untold.append(device_id)
        return Identity(
            device_id=device_id,
            role=role,
            number=number,
            name=name,
            branch_id=branch.id,
            branch_code=branch.code,
            branch_name=branch.name,
            zone=branch.zone,
            company_id=self.company_id,
            company_name="Toko Sentosa",
            currency="IDR",
            cloud_url=URL,
            anchors="",
            cloud_public_key=self._key.public_key(),
            private_key=key,
            pepper=bytes(32),
            timeline=self.timeline,
        )

    def revoke(self, device_id: str) -> None:
        """A device may no longer work; what it says of sales is still taken."""
        self._device_changes += 1
        with self._cloud.engine.begin() as connection:
            devices.revoke(
                connection, device_id, now_ms=self._cloud.time.now_ms, signing_key=self._key
            )

    @contextmanager
    def telling_together(self) -> Iterator[None]:
        """The devices that are enrolled in the block come in one revision of each branch behind it:
        for each in its own, a large branch would take most of a run to hear of itself."""
        untold = self._untold = list[str]()
        yield
        self._untold = None
        with self._cloud.engine.begin() as connection:
            items: dict[str, list[FeedItem]] = {}
            for device_id in untold:
                branch_id, item = devices.device_item(connection, device_id)
                items.setdefault(branch_id, []).append(item)
            for branch_id, told in items.items():
                self._publish(connection, branch_id, told)

    def _tell(self, connection: Connection, device_id: str) -> None:
        now_ms = self._cloud.time.now_ms
        devices.publish_device(connection, device_id, now_ms=now_ms, signing_key=self._key)

    # -- goods --------------------------------------------------------------------------------

    def add_products(self, dice: random.Random, count: int) -> None:
        """New products, in one revision."""
        made = [self._product(dice, len(self.goods) + number) for number in range(1, count + 1)]
        now_ms = self._cloud.time.now_ms
        rows = [
            {
                "id": product.id,
                "code": product.code,
                "name": product.name,
                "unit": product.unit,
                "tax_code": product.tax_code,
                "weighed": product.weighed,
                "created_at_ms": now_ms,
                "updated_at_ms": now_ms,
            }
            for product in made
        ]
        with self._cloud.engine.begin() as connection:
            connection.execute(tables.product.insert(), rows)
            items = [feed.item("product", product.id, product) for product in made]
            self._publish(connection, COMPANY, items)
        self.goods += made

    def _product(self, dice: random.Random, number: int) -> Product:
        return Product(
            id=self.new_id(),
            code=f"P{number:04}",
            name=f"Barang {number}",
            category_id=None,
            unit="Pcs",
            tax_code=dice.choice((PPN, PPN, PBJT, UNTAXED)),
            prices=(Price(dice.choice(_PRICES)),),
            barcodes=(f"899{number:010}",),
            weighed=dice.random() < 0.2,
        )

    def change_prices(self, dice: random.Random, count: int) -> None:
        """New prices for some products, in one revision."""
        places = dice.sample(range(len(self.goods)), min(count, len(self.goods)))
        for place in places:
            price = Price(dice.choice(_PRICES) + 100 * dice.randrange(20))
            self.goods[place] = replace(self.goods[place], prices=(price,))
        self._publish_goods(places)

    def retire_product(self, dice: random.Random) -> None:
        """A product that is no longer sold, or that is taken away altogether."""
        place = dice.randrange(len(self.goods))
        product = self.goods[place] = replace(self.goods[place], active=False)
        if dice.random() < 0.5:
            self._publish_goods([place])
            return
        with self._cloud.engine.begin() as connection:
            self._publish(connection, COMPANY, [feed.item("product", product.id, None)])

    def _publish_goods(self, places: Iterable[int]) -> None:
        goods = [self.goods[place] for place in places]
        with self._cloud.engine.begin() as connection:
            items = [feed.item("product", one.id, one) for one in goods]
            self._publish(connection, COMPANY, items)

    # -- branches -----------------------------------------------------------------------------

    def add_person(self, branch: Branch, dice: random.Random) -> None:
        """Somebody new works there, and the shop gets another category of goods."""
        role = dice.choice(("cashier", "supervisor"))
        category = Category(self.new_id(), f"Kategori {dice.randrange(100)}")
        with self._cloud.engine.begin() as connection:
            self._publish(connection, branch.id, [self._person("Sari", role)])
            self._publish(connection, COMPANY, [feed.item("category", category.id, category)])

    def change_settings(self, branch: Branch, dice: random.Random) -> None:
        """Another receipt text, another step of cash rounding."""
        step, note = dice.choice((1, 50, 100, 500)), f"Terima kasih {dice.randrange(1000)}"
        one = update(tables.branch).where(tables.branch.c.id == branch.id)
        with self._cloud.engine.begin() as connection:
            connection.execute(one.values(cash_step=step, receipt_footer=note))
            publish_branch(
                connection,
                branch.id,
                now_ms=self._cloud.time.now_ms,
                signing_key=self._key,
            )
