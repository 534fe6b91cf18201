"""A cashier's day in deeds, each with an answer: what was answered must survive whatever comes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pos_shell.payment.actions import complete_sale
from pos_shell.refund.actions import refund_sale
from pos_shell.sale import actions
from pos_shell.sale.store import load_cart
from pos_shell.shift.actions import close_shift, move_cash, open_shift
from pos_shell.till import Till
from sentra.domain.payment import Offer
from sentra.domain.refund import Wanted
from sentra.events import Price
from sentra.protocol.bodies import encode_decision
from sentra.protocol.entry import Head
from sentra.protocol.feed import COMPANY, FeedItem, seal_revision
from sentra.vault import catalogue, database, journal
from sentra.vault.database import Vault
from sentra.vault.identity import read_identity
from tests.support.shop import DEWI, NOON_MS, RUDI, Clock, Shop, a_product, an_id, make_shop

REFUND_ID = an_id()


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a person or the daemon does. `again` finds it done and changes nothing."""

    name: str
    do: Callable[[Till], object]
    again: bool = False


def _pay(till: Till) -> None:
    """Pays the open cart; pressed again, the sale that became of it."""
    with till.vault.reader() as db:
        cart = load_cart(db)
        last = db.execute("SELECT sale_id FROM sale ORDER BY epoch DESC, seq DESC").fetchone()
    complete_sale(till, DEWI, cart.sale_id if cart else last[0], [Offer("cash", 50_000)])


def _give_back(till: Till) -> None:
    with till.vault.reader() as db:
        sale_id = db.execute("SELECT sale_id FROM sale WHERE kind = 'sale' ORDER BY seq").fetchone()
    refund_sale(
        till, RUDI, sale_id[0], [Wanted(1, 1000)], refund_id=REFUND_ID, reason="Kemasan rusak"
    )


def _seal(till: Till) -> None:
    """What the daemon does before it sends, and when it has an answer."""
    with till.vault.writer() as db:
        journal.seal_pending(db, till.identity)
        journal.set_watermark(db, "router", journal.head(db), till.clock(), None)


def _write_back(till: Till) -> None:
    till.vault.checkpoint()


def _decide(shop: Shop) -> Callable[[Till], None]:
    """A price is changed and a product added in the office: one revision comes down."""
    dearer = replace(shop.tea, prices=(*shop.tea.prices, Price(5_000, NOON_MS + 3_600_000)))
    added = a_product("Susu Ultra 250 ml", 6_500, barcodes=("8998009010231",))
    items = [FeedItem("product", one.id, encode_decision(one)) for one in (dearer, added)]
    revision = seal_revision(COMPANY, 2, items, Ed25519PrivateKey.generate())

    def do(till: Till) -> None:
        with till.vault.writer() as db:
            if catalogue.cursor(db, COMPANY) == 1:
                catalogue.apply_revision(db, revision, items)

    return do


def a_day(shop: Shop) -> list[Deed]:
    """Sales, a refund, cash moved, segments sealed, the log written back, the drawer counted."""
    tea, coffee = shop.tea.code, shop.coffee.code
    return [
        Deed("the shift is opened", lambda till: open_shift(till, DEWI, 200_000)),
        Deed("tea is scanned", lambda till: actions.scan(till, DEWI, tea)),
        Deed("tea is paid", _pay, again=True),
        Deed("coffee is scanned", lambda till: actions.scan(till, DEWI, coffee, 3000)),
        Deed("the log is written back", _write_back, again=True),
        Deed("coffee is paid", _pay, again=True),
        Deed("the daemon seals", _seal, again=True),
        Deed("tea is given back", _give_back, again=True),
        Deed(
            "cash is dropped",
            lambda till: move_cash(till, RUDI, kind="drop", amount=50_000, reason="Brankas"),
        ),
        Deed("a decision comes down", _decide(shop), again=True),
        Deed("the log is written back again", _write_back, again=True),
        Deed("the shift is closed", lambda till: close_shift(till, DEWI, counted_cash=163_500)),
    ]


@dataclass(frozen=True, slots=True)
class State:
    """What a vault holds, as far as anybody was told."""

    head: Head
    cart: str | None
    rows: tuple[int, ...]
    sealed: int
    router: Head
    revision: int


_COUNTED = (
    "sale", "sale_line", "sale_tender", "shift_opened", "cash_movement", "shift_closed",
    "product", "barcode", "word",
)  # fmt: skip


def state_of(folder: Path) -> State:
    """Opens a vault as every program does, proves its journal, and says what is in it."""
    vault = Vault.open(folder)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
            assert identity is not None
            assert journal.verify(db, identity) == []
            assert not journal.was_put_back(db, folder)
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            cart = load_cart(db)
            return State(
                journal.head(db),
                cart.sale_id if cart else None,
                tuple(
                    db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - ours
                    for name in _COUNTED
                    if name in there
                ),
                db.execute("SELECT count(*) FROM sealed_segment").fetchone()[0],
                journal.watermark(db, "router"),
                catalogue.cursor(db, COMPANY),
            )
    finally:
        vault.close()


def till_on(folder: Path, clock: Clock) -> Till:
    """The till started on a folder; its randomness goes on where no other till's was."""
    return Till(folder, clock, lambda size: bytes.fromhex(an_id().replace("-", "")[-2 * size :]))


def copy_disk(folder: Path, to: Path) -> Path:
    """What is on the disk now: nobody has closed anything. Shared memory is no part of it."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    return to


@pytest.fixture
def shop_folder(servers_folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for shops and their copies, in memory where there is enough of it."""
    folder = servers_folder / request.node.name
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@contextmanager
def new_shop(folder: Path) -> Iterator[Shop]:
    """A fed till, closed again, so that its files are whole and alone on the disk."""
    shop = make_shop(folder, Clock())
    shop.till.close()
    yield shop
    shop.till.close()


@pytest.fixture
def write_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of any size is written back when asked: the days here are short."""
    monkeypatch.setattr(database, "CHECKPOINT_PAGES_MIN", 0)
