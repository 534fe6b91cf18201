"""Take courier files in: examine, admit, then envelope by envelope, each durable by itself.

1. Read the whole file once: its shape and the digest of all its bytes.
2. Ask the taker whose key must have signed it; check the signature.
3. Decrypt all of it once: only what holds to its end is begun. Nothing is taken before.
4. Decrypt and take each envelope, as if its device had sent it just now.

An interruption between envelopes leaves what was taken; beginning again finds it there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter

from sentra.courier.failures import CourierFailure, refusal
from sentra.courier.files import Receipt, examined, pieces
from sentra.courier.offers import Taker
from sentra.protocol import envelope
from sentra.protocol.courier import CourierHeader, check_signature, open_envelopes
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import JournalOutcome, Watermark

GRAVITY: Final = ("already", "appended", "gap", "fork", "refused")
"""Outcomes of a journal, the gravest last."""

Tick = Callable[[int, int], None]
"""Told (bytes done, bytes in all)."""

REFUSED: Final = Counter(
    "sentra_courier_refused_total", "Courier files of which nothing was taken", ("problem",)
)
TAKEN: Final = Counter("sentra_courier_entries_total", "Entries that came by courier")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Unpacked:
    """What became of one file: one outcome for each journal that was in it."""

    file: str
    header: CourierHeader
    outcomes: dict[str, JournalOutcome] = field(default_factory=dict)

    @property
    def appended(self) -> int:
        """Entries that are new here."""
        return sum(one.appended for one in self.outcomes.values())

    @property
    def is_whole(self) -> bool:
        """Whether everything in the file is here now, in its place."""
        return all(one.outcome in ("already", "appended") for one in self.outcomes.values())

    @property
    def has_gap(self) -> bool:
        """Whether something before what is in the file is missing here."""
        return any(one.outcome == "gap" for one in self.outcomes.values())

    def note(self, new: JournalOutcome) -> None:
        """One envelope's outcome of a journal, added to those before."""
        old = self.outcomes.get(new.terminal, new)
        graver = max(old.outcome, new.outcome, key=_gravity)
        appended = new.appended if old is new else old.appended + new.appended
        self.outcomes[new.terminal] = msgspec.structs.replace(
            new, outcome=graver, appended=appended, cloud=new.cloud or old.cloud,
            problem=old.problem or new.problem,
        )  # fmt: skip

    def receipt(self) -> Receipt | None:
        """The cloud's signed words; None where there are none, as at a router."""
        marks: tuple[Watermark, ...] = tuple(
            one.cloud for one in self.outcomes.values() if one.cloud is not None
        )
        if not marks:
            return None
        head = self.header
        return Receipt(
            company_id=head.company_id, device_id=head.device_id, name=head.name, marks=marks
        )


def _gravity(outcome: str) -> int:
    return GRAVITY.index(outcome) if outcome in GRAVITY else len(GRAVITY)


def unpack(
    path: Path,
    taker: Taker,
    *,
    revoked_too: bool = False,
    name: str | None = None,
    tick: Tick = lambda _done, _all: None,
) -> Unpacked:
    """Take one file in; `name` is what people call it, where that is not the path's.

    Raises CourierFailure, and nothing is changed; what the taker's store raises, and what was
    taken until then stays.
    """
    told = path if name is None else path.with_name(name)
    try:
        return _unpack(path, told, taker, revoked_too, tick)
    except CourierFailure as failure:
        REFUSED.labels(failure.code).inc()
        _log.warning("courier file refused", file=told.name, problem=failure.code)
        raise


def _unpack(path: Path, told: Path, taker: Taker, revoked_too: bool, tick: Tick) -> Unpacked:
    try:
        found = examined(path)
    except CourierFailure as failure:
        raise type(failure)(**{**failure.values, "file": told.name}) from failure
    header = found.header
    key = taker.admit(told.name, header, revoked_too=revoked_too)
    try:
        check_signature(found, key)
    except ProtocolError as error:
        raise refusal(told, error) from error
    for _ in _envelopes(path, told, taker):
        pass
    done, result = 0, Unpacked(told.name, header)
    for sealed in _envelopes(path, told, taker):
        for outcome in taker.take(header, envelope.unpack(sealed)):
            result.note(outcome)
            TAKEN.inc(outcome.appended)
        done += len(sealed)
        tick(min(done, header.size_bytes), header.size_bytes)
    _log.info(
        "courier file taken",
        file=told.name,
        device=header.device_id,
        appended=result.appended,
        outcomes={one.terminal: one.outcome for one in result.outcomes.values()},
    )
    return result


def _envelopes(path: Path, told: Path, taker: Taker) -> Iterator[bytes]:
    """Each envelope, its shape checked."""
    try:
        for sealed in open_envelopes(pieces(path), taker.own_key):
            envelope.unpack(sealed)
            yield sealed
    except ProtocolError as error:
        raise refusal(told, error) from error
