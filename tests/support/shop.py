"""A till of the branch Sangatta with a real vault, its catalogue, and a clock that tests move."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from pos_shell.bootstrap import make_app
from pos_shell.config import Settings
from pos_shell.till import Till
from sentra.domain.indonesia import standard_taxes
from sentra.events import Branch, Category, Company, Decision, Person, Price, Product
from sentra.pins import hash_pin
from sentra.protocol.bodies import encode_decision
from sentra.protocol.feed import COMPANY, FeedItem, seal_revision
from sentra.vault import catalogue
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity

BRANCH_ID = "0190a000-0000-7000-8000-00000000b001"
COMPANY_ID = "0190a000-0000-7000-8000-00000000c001"
DEVICE_ID = "0190a000-0000-7000-8000-00000000d001"
PEPPER = bytes(range(32))
NOON_MS = 1_795_320_000_000
"""2026-11-22T04:00Z, noon in Sangatta (WITA)."""

DEWI_PIN, RUDI_PIN = "274951", "830264"
# One hash for each person in the whole run: argon2 is slow on purpose.
DEWI = Person(
    "0190a000-0000-7000-8000-00000000e001", "Dewi", ("cashier",), hash_pin(DEWI_PIN, PEPPER)
)
RUDI = Person(
    "0190a000-0000-7000-8000-00000000e002", "Rudi", ("supervisor",), hash_pin(RUDI_PIN, PEPPER)
)

_CLOUD = Ed25519PrivateKey.generate()
_TERMINAL = Ed25519PrivateKey.generate()
_numbers = itertools.count(1)


def an_id() -> str:
    """A fresh identity in canonical form."""
    return f"0190b000-0000-7000-8000-{next(_numbers):012x}"


def a_product(name: str, amount: int, **changes: object) -> Product:
    """A product at one company price."""
    values: dict[str, object] = {
        "id": an_id(),
        "code": f"B{next(_numbers):06d}",
        "name": name,
        "category_id": None,
        "unit": "Pcs",
        "tax_code": "PPN",
        "prices": (Price(amount),),
    }
    return Product(**(values | changes))  # type: ignore[arg-type]  # the tests' own names


class Clock:
    """Milliseconds that stand still until a test moves them."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, *, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


@dataclass
class Shop:
    """A till and what a test needs around it."""

    till: Till
    clock: Clock
    tea: Product
    coffee: Product
    eggs: Product
    revisions: dict[str, int]

    def publish(self, scope: str, *decisions: tuple[str, Decision | None, str]) -> None:
        """Bring decisions down: (kind, body or None for a deletion, key)."""
        items = [
            FeedItem(kind, key, None if body is None else encode_decision(body))
            for kind, body, key in decisions
        ]
        number = self.revisions.get(scope, 0) + 1
        revision = seal_revision(scope, number, items, _CLOUD)
        with self.till.vault.writer() as db:
            catalogue.apply_revision(db, revision, items)
        self.revisions[scope] = number


def identity(**changes: object) -> Identity:
    """The identity that an enrolment at Sangatta gives."""
    values: dict[str, object] = {
        "device_id": DEVICE_ID,
        "role": "terminal",
        "number": 1,
        "name": "Kasir 1",
        "branch_id": BRANCH_ID,
        "branch_code": "SGT",
        "branch_name": "Sangatta",
        "zone": "Asia/Makassar",
        "company_id": COMPANY_ID,
        "company_name": "Toko Sumber Rejeki",
        "currency": "IDR",
        "cloud_url": "https://127.0.0.1:1",
        "anchors": "",
        "cloud_public_key": _CLOUD.public_key(),
        "private_key": _TERMINAL,
        "pepper": PEPPER,
        "timeline": an_id(),
    }
    return Identity(**(values | changes))  # type: ignore[arg-type]  # the tests' own names


def a_branch(**changes: object) -> Branch:
    """Sangatta as the back office set it up: cash in steps of Rp 100, downwards."""
    values: dict[str, object] = {
        "id": BRANCH_ID,
        "code": "SGT",
        "name": "Sangatta",
        "zone": "Asia/Makassar",
        "address": "Jl. Yos Sudarso II 17, Sangatta",
        "cash_step": 100,
        "cash_direction": "down",
        "receipt_footer": "Terima kasih",
        "void_limit": 50_000,
    }
    return Branch(**(values | changes))  # type: ignore[arg-type]  # the tests' own names


def make_shop(
    folder: Path, clock: Clock | None = None, *, fed: bool = True, **changes: object
) -> Shop:
    """A till that is enrolled and, if `fed`, has received its first feed."""
    clock = clock or Clock()
    vault = Vault.create(folder, "terminal")
    with vault.writer() as db:
        write_identity(db, identity(**changes))
    vault.close()
    random = itertools.count(1)
    till = Till(folder, clock, lambda size: next(random).to_bytes(size, "big"))
    drinks = Category(an_id(), "Minuman", 1)
    tea = a_product("Teh Botol 350 ml", 4500, barcodes=("8992761002015",), favourite=True,
                    category_id=drinks.id)  # fmt: skip
    coffee = a_product("Kopiko 78 °C Mocharetta", 4550, barcodes=("8996001414002",),
                       category_id=drinks.id, favourite=True)  # fmt: skip
    eggs = a_product("Telur ayam (timbang)", 28_000, unit="kg", weighed=True)
    shop = Shop(till, clock, tea, coffee, eggs, {})
    if not fed:
        return shop
    company = Company(COMPANY_ID, "Toko Sumber Rejeki", str(changes.get("currency", "IDR")))
    shop.publish(
        COMPANY,
        ("company", company, company.id),
        ("category", drinks, drinks.id),
        *(("tax", tax, tax.id) for tax in standard_taxes(an_id)),
        *(("product", product, product.id) for product in (tea, coffee, eggs)),
    )
    branch = a_branch()
    shop.publish(
        BRANCH_ID,
        ("branch", branch, branch.id),
        ("person", DEWI, DEWI.id),
        ("person", RUDI, RUDI.id),
    )
    return shop


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    """Make shops in folders of their own; their vaults are closed afterwards."""
    made: list[Shop] = []

    def one(folder: str = "till", **changes: object) -> Shop:
        made.append(make_shop(tmp_path / folder, **changes))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for shop in made:
        shop.till.close()


@pytest.fixture
def shop(make: Callable[..., Shop]) -> Shop:
    """A till without a shift."""
    return make()


@pytest.fixture
def open_shop(shop: Shop) -> Shop:
    """A till where Dewi stands with an open shift and a float of Rp 200.000."""
    from pos_shell.shift.actions import open_shift

    shop.till.desk.person = DEWI
    open_shift(shop.till, DEWI, 200_000)
    return shop


@pytest.fixture(autouse=True)
def key_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the keyring of whoever runs it."""
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")


KEY = "a-key-of-this-start"


def an_app(shop: Shop, cloud: str = "https://127.0.0.1:1") -> Flask:
    """The till's pages over the shop's till; `KEY` opens them."""
    return make_app(Settings(shop.till.folder, cloud, "id", "info"), shop.till, KEY)
