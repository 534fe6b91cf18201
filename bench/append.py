"""What a sale costs the service's processor, by step, without database and network.

Each round takes a fresh segment through the service's own functions, so that nothing is known from
the round before but what a running service knows. Of each step the best round counts: noise only
ever adds.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, ParamSpec, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import trade
from bench.report import Result
from bench.shop import an_identity
from sentra.projection.rows import Row
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import EMPTY, Entry, Head, head_of, make_entry
from sentra.protocol.envelope import Parcel
from sentra.protocol.segment import ENTRIES_MAX, open_segment, read_header, seal
from syncd.service.operations.journals import Delivery, Piece, Terminal
from syncd.service.operations.project import project_facts, read_facts
from syncd.service.outbound import copy_format

_PRODUCTS: Final = 1_000
_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Watch:
    """Processor seconds of this thread, the least of each step."""

    def __init__(self) -> None:
        self.best_s: dict[str, float] = {}

    def step(self, name: str, work: Callable[_P, _T], *given: _P.args, **named: _P.kwargs) -> _T:
        """Do the work and note what it took."""
        began_s = time.thread_time()
        made = work(*given, **named)
        taken_s = time.thread_time() - began_s
        self.best_s[name] = min(taken_s, self.best_s.get(name, taken_s))
        return made


def bench_append(rounds: int) -> list[Result]:
    """`rounds` segments of 2,000 sales; µs of processor for a sale in each step."""
    identity, watch = an_identity(Ed25519PrivateKey.generate()), _Watch()
    sales = trade.Trade(identity, trade.products(_PRODUCTS, random.Random(1)), seed=1)
    key = identity.private_key
    owner = Terminal(identity.device_id, identity.branch_id, key.public_key(), revoked=False)
    head = EMPTY
    # The service seldom looks for circles either: see GC_OBJECTS in syncd/service/server.py.
    gc.disable()
    for _ in range(rounds):
        entries = _entries(identity.device_id, sales, head)
        sealed = watch.step("seal, at the till", seal, entries, key)
        _take(watch, owner, sealed, head)
        head = head_of(entries[-1])
    gc.enable()
    each_us = {name: best_s / ENTRIES_MAX * 1e6 for name, best_s in watch.best_s.items()}
    whole = sum(us for name, us in each_us.items() if "till" not in name)
    told = [Result("P5", f"processor for a sale: {name}", us, "µs") for name, us in each_us.items()]
    return [*told, Result("P5", "processor for a sale: all steps of the service", whole, "µs")]


def _entries(terminal: str, sales: trade.Trade, head: Head) -> list[Entry]:
    entries: list[Entry] = []
    for _ in range(ENTRIES_MAX):
        sale = sales.sale()
        kind, schema, body = encode_fact(sale)
        at_ms, day = sale.completed_at_ms, sale.business_date
        entries.append(make_entry(terminal, head, kind, schema, at_ms, day, body))
        head = head_of(entries[-1])
    return entries


def _take(watch: _Watch, owner: Terminal, sealed: bytes, head: Head) -> None:
    entries = watch.step("unpack and verify", open_segment, sealed, head.hash)
    piece = Piece(owner, Delivery(read_header(sealed), Parcel(sealed)), entries)
    watch.step("entries", copy_format.entries_binary, owner.branch_id, entries)
    facts, _ = watch.step("decode", read_facts, [piece])
    projection = watch.step("rows and sums", project_facts, facts)
    watch.step("rows as bytes", _encode, projection.rows)


def _encode(rows: Mapping[str, Sequence[Row]]) -> list[bytes]:
    return [copy_format.rows_binary(table, each) for table, each in rows.items()]
