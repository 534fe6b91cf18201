"""A router's page in any state of its branch, put there through the router's own parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from router_agent.bootstrap import Router
from router_agent.config import RouterSettings
from router_agent.operations.take import take_parcels
from router_agent.operations.trunk import CloudHead
from router_agent.outbound import decisions, line_log, store
from sentra.events import Branch, Decision, Person
from sentra.protocol.bodies import encode_decision
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import FeedItem, seal_revision
from sentra.protocol.messages import note_of
from tests.support.fake_cloud import FakeCloud, a_hello, a_router, device_of, person
from tests.support.journals import Journal
from tests.support.tills import BRANCH, CLOUD_KEY

NOW_MS = 1_795_328_768_000
"""22 November 2026, 14.26.08 in Sangatta."""

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

TECHNICIAN = person(1, "Rudi Hartono", "branch_it")
MANAGER = person(2, "Sari Wulandari", "manager")
CASHIER = person(3, "Dewi", "cashier")
NAMES = ("Kasir 1", "Kasir 2", "Kasir 3", "Gudang")


@dataclass
class Page:
    """A router that is not started: its page shows what a test put there."""

    router: Router
    journals: list[Journal]

    def line(self, **changes: object) -> None:
        """How the line does."""
        self.router.trunk.state = replace(self.router.trunk.state, **changes)  # type: ignore[arg-type]  # the test's own

    def hear(self, number: int, ago_ms: int = 2_000, skew_ms: int = 200, **changes: object) -> None:
        """A till said hello so long ago."""
        at_ms = NOW_MS - ago_ms
        hello = a_hello(self.journals[number - 1], clock_ms=at_ms + skew_ms, **changes)
        self.router.roll_call.note_hello(self.journals[number - 1].terminal, hello, at_ms)

    def sell(self, number: int, count: int, amount: int = 65_350, ago_ms: int = 12_000) -> None:
        """A till's sales arrived here so long ago, one segment each."""
        journal = self.journals[number - 1]
        first = len(journal.entries) + 1
        journal.sell(count, amount)
        sealed = [journal.sealed(seq, seq) for seq in range(first, first + count)]
        with self.router.vault.writer() as db:
            takings, _ = take_parcels(
                [Parcel(one) for one in sealed],
                lambda _: journal.key.public_key(),
                lambda terminal: store.head_of(db, terminal),
            )
            store.keep(db, takings, NOW_MS - ago_ms)

    def send(self, number: int) -> None:
        """Everything of a till is in the cloud."""
        journal = self.journals[number - 1]
        head = Head(1, len(journal.entries), journal.head.hash) if journal.entries else EMPTY
        self.router.shelf.set_cloud_heads([CloudHead(journal.terminal, head, None)])

    def day(self, *outages: tuple[int, int, int], watched_ms: int = 26 * HOUR_MS) -> None:
        """(began and ended so many ms ago, sales kept); the router ran since `watched_ms` ago."""
        with self.router.vault.writer() as db:
            line_log.keep_watch(db, NOW_MS - watched_ms, NOW_MS)
            for began_ago_ms, ended_ago_ms, kept in outages:
                line_log.outage_began(db, NOW_MS - began_ago_ms, "no-answer")
                if ended_ago_ms:
                    line_log.outage_ended(db, NOW_MS - ended_ago_ms, kept)


def make_page(
    folder: Path,
    cloud: FakeCloud,
    *,
    tills: int = 4,
    people: Sequence[Person] = (TECHNICIAN, MANAGER, CASHIER),
    feed: bool = True,
) -> Page:
    """The router of a branch with this many tills, none of them heard yet."""
    a_router(folder, cloud)
    settings = RouterSettings(folder, host="127.0.0.1", port=0, page_port=0)
    page = Page(Router(settings, lambda: NOW_MS, "1.4.0"), [Journal(n + 1) for n in range(tills)])
    page.router.trunk.addresses = ("192.168.1.20:8443",)
    if feed:
        _publish(page.router, page.journals, people)
    return page


def _publish(router: Router, journals: Sequence[Journal], people: Sequence[Person]) -> None:
    branch = Branch(BRANCH, "SGT", "Sangatta", "Asia/Makassar", "Jl. Yos Sudarso", 100, "down")
    said: list[tuple[str, str, Decision]] = [("branch", branch.id, branch)]
    for journal, name in zip(journals, NAMES, strict=False):
        said.append(("device", journal.terminal, device_of(journal, name=name)))
    said += [("person", one.id, one) for one in people]
    items = [FeedItem(kind, key, encode_decision(one)) for kind, key, one in said]
    with router.vault.writer() as db:
        decisions.cache_revision(db, seal_revision(BRANCH, 1, items, CLOUD_KEY), items)
    router.devices.renew()


# -- the states ------------------------------------------------------------------------------------

UP = {"reachable": True, "since_ms": NOW_MS - 3 * HOUR_MS, "last_ok_at_ms": NOW_MS - 1_000,
      "rtt_ms": 38, "skew_ms": -140, "entries_per_s": 4_200}  # fmt: skip


def all_well(page: Page) -> None:
    for number in range(1, len(page.journals) + 1):
        page.sell(number, 3 * number)
        page.send(number)
        page.hear(number, ago_ms=1_000 * number + 4_000, skew_ms=130 * (2 - number))
    page.day((13 * HOUR_MS, 13 * HOUR_MS - 41 * MINUTE_MS, 96))
    page.line(**UP)


def line_down(page: Page) -> None:
    for number, count in ((1, 21), (2, 14), (3, 2)):
        page.sell(number, count, ago_ms=12 * MINUTE_MS)
        page.hear(number, ago_ms=1_000 * number, skew_ms=192_000 if number == 3 else 120)
    page.hear(4, ago_ms=5 * HOUR_MS + 24 * MINUTE_MS)
    page.day((13 * HOUR_MS, 13 * HOUR_MS - 29 * MINUTE_MS, 59), (12 * MINUTE_MS, 0, 0))
    page.line(**{**UP, "reachable": False, "since_ms": NOW_MS - 12 * MINUTE_MS,
                 "last_ok_at_ms": NOW_MS - 12 * MINUTE_MS, "problem": "no-answer",
                 "next_try_at_ms": NOW_MS + 3_000, "entries_per_s": 20})  # fmt: skip


def draining(page: Page) -> None:
    line_down(page)
    page.sell(1, 300, ago_ms=9 * MINUTE_MS)
    with page.router.vault.writer() as db:
        line_log.outage_ended(db, NOW_MS - 1_000, 337)
    page.line(**{**UP, "since_ms": NOW_MS - 1_000, "problem": None, "next_try_at_ms": None,
                 "entries_per_s": 60})  # fmt: skip


def a_till_silent(page: Page) -> None:
    all_well(page)
    page.hear(2, ago_ms=40 * MINUTE_MS)
    page.hear(1, ago_ms=3_000, heads={page.journals[0].terminal: note_of(Head(1, 8, b"h" * 32))})


def a_clock_off(page: Page) -> None:
    all_well(page)
    page.hear(3, ago_ms=3_000, skew_ms=192_000)


def set_aside(page: Page) -> None:
    all_well(page)
    page.sell(2, 5, ago_ms=8 * MINUTE_MS)
    page.line(set_aside={page.journals[1].terminal: "fork"})


def no_tills(page: Page) -> None:
    page.day(watched_ms=7 * MINUTE_MS)
    page.line(**UP)


def revoked(page: Page) -> None:
    all_well(page)
    page.line(notices=("device-revoked",), feed_problem="device-revoked")


def disk_full(page: Page) -> None:
    all_well(page)
    page.line(disk_problem="vault-full")


def just_started(page: Page) -> None:
    page.sell(1, 4, ago_ms=20 * MINUTE_MS)
    page.hear(1, ago_ms=2_000)
    page.day(watched_ms=2_000)


STATES = {
    "well": all_well,
    "down": line_down,
    "draining": draining,
    "silent": a_till_silent,
    "clock": a_clock_off,
    "set-aside": set_aside,
    "no-tills": no_tills,
    "revoked": revoked,
    "disk-full": disk_full,
    "just-started": just_started,
}
