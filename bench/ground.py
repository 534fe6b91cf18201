"""What the sync benches stand on: a cloud, and tills in several branches with their backlogs."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text

from bench import trade
from bench.cloud import Cloud, running_cloud
from bench.failures import BenchFailed
from bench.senders import Sender

BRANCHES: Final = 4
TILLS: Final = 2
"""In each branch."""

PRODUCTS: Final = 1_000
ARRIVE_S_MAX: Final = 600.0
_LOOK_EVERY_S: Final = 0.01


class Differs(BenchFailed):
    """The cloud does not hold just what the tills sold: then no figure means anything."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A cloud and the tills of its branches; `sales` in all backlogs together."""

    cloud: Cloud
    branches: Sequence[str]
    senders: Sequence[Sender]
    sales: int

    @property
    def what(self) -> str:
        """How many sales, how large, and from where."""
        mean = sum(one.body_bytes for one in self.senders) // self.sales
        return (
            f"{self.sales} sales of {trade.LINES} lines and {mean} B from"
            f" {len(self.senders)} tills in {len(self.branches)} branches"
        )

    def await_cloud(self) -> None:
        """Return when the cloud has committed every entry. Raises Differs after ten minutes."""
        query = text("SELECT coalesce(sum(entry_count), 0) FROM journal_head")
        deadline_s = time.monotonic() + ARRIVE_S_MAX
        with self.cloud.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        ) as connection:
            while (there := connection.execute(query).scalar_one()) < self.sales:
                if time.monotonic() > deadline_s:
                    raise Differs(f"only {there} of {self.sales} sales arrived")
                time.sleep(_LOOK_EVERY_S)

    def check(self, *, projected: bool = True) -> None:
        """The cloud holds each sale once and every journal to its end. Raises Differs."""
        ends = {one.identity.device_id: one.head() for one in self.senders}
        expected = {name: (head.epoch, head.seq, head.hash) for name, head in ends.items()}
        counted = ["SELECT count(*) FROM journal_entry"]
        if projected:
            counted.append("SELECT count(*) FROM sale")
            counted.append("SELECT coalesce(sum(sale_count), 0) FROM hourly_sales")
        with self.cloud.engine.connect() as connection:
            query = text("SELECT terminal_id::text, epoch, seq, hash FROM journal_head")
            heads = {one: (e, s, bytes(digest)) for one, e, s, digest in connection.execute(query)}
            counts = [connection.execute(text(each)).scalar_one() for each in counted]
            opened = connection.execute(text("SELECT count(*) FROM exception")).scalar_one()
        if heads != expected or counts != [self.sales] * len(counts) or opened:
            raise Differs(f"{counts} of {self.sales} sales, {opened} exceptions, heads {heads}")


@contextmanager
def prepared_ground(folder: Path, sales: int) -> Iterator[Ground]:
    """The cloud runs, the tills are enrolled and have sold; nothing is sent yet."""
    goods = trade.products(PRODUCTS, random.Random(1))
    tills = BRANCHES * TILLS
    with ExitStack() as stack:
        cloud = stack.enter_context(running_cloud(folder, goods))
        branches = [cloud.add_branch(f"CB{number}") for number in range(1, BRANCHES + 1)]
        senders: list[Sender] = []
        for number in range(tills):
            place = folder / f"till-{number}"
            identity = cloud.enrol(place, branches[number % BRANCHES], "terminal")
            sender = Sender(place, identity, goods, seed=number)
            stack.callback(sender.close)
            sender.sell(sales // tills + (number < sales % tills))
            senders.append(sender)
        yield Ground(cloud, branches, senders, sales)
