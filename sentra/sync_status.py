"""How far every journal is, as one place knows it: for people as a table, for programs as JSON.

Whoever keeps journals can say so: a function `read(folder) -> PlaceStatus` under the entry points'
group `sentra.sync_status`, named as the role of the vault that it reads; the cloud's is the sync
service's own. `sentra sync status` shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from rich.console import JustifyMethod
from rich.table import Table

from sentra.i18n import say
from sentra.protocol.entry import Head

GROUP: Final = "sentra.sync_status"

_MS_PER_S: Final = 1_000
_UNKNOWN: Final = "–"
_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a journal. `hash` is hex."""

    epoch: int
    seq: int
    hash: str

    @property
    def text(self) -> str:
        """`1/205`."""
        return f"{self.epoch}/{self.seq}"


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """One terminal's journal. `held` is the head that this place has; None in the others: it does
    not know. `waiting` entries are not in the cloud yet, the oldest since `oldest_at_ms`;
    `per_minute` came into the cloud between two looks."""

    branch: str
    name: str
    terminal: str
    held: Mark
    router: Mark | None = None
    cloud: Mark | None = None
    archived: Mark | None = None
    proved: Mark | None = None
    waiting: int = 0
    oldest_at_ms: int | None = None
    heard_at_ms: int | None = None
    via: str = ""
    software: str = ""
    skew_ms: int | None = None
    notice: str = ""
    per_minute: float | None = None


@dataclass(frozen=True, slots=True)
class RouterStatus:
    """One router: what waits there for the cloud, over all of its tills."""

    branch: str
    name: str
    router: str
    waiting: int
    oldest_at_ms: int | None
    heard_at_ms: int | None
    software: str = ""
    skew_ms: int | None = None
    notice: str = ""


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """What one place knows at one instant. `place` is till, router or cloud."""

    place: str
    at_ms: int
    journals: Sequence[JournalStatus] = ()
    routers: Sequence[RouterStatus] = field(default=())

    def since(self, before: PlaceStatus) -> PlaceStatus:
        """The same with rates: what came into the cloud since an earlier look."""
        minutes = (self.at_ms - before.at_ms) / (60 * _MS_PER_S)
        known = {one.terminal: one for one in before.journals}
        rated = [_rated(one, known.get(one.terminal), minutes) for one in self.journals]
        return replace(self, journals=rated)

    def as_json(self) -> Mapping[str, object]:
        """One object; instants in UTC milliseconds."""
        return {
            "place": self.place,
            "at_ms": self.at_ms,
            "waiting": sum(one.waiting for one in self.journals),
            "journals": [asdict(one) for one in self.journals],
            "routers": [asdict(one) for one in self.routers],
        }


def mark_of(head: Head) -> Mark:
    """A head as it is told."""
    return Mark(head.epoch, head.seq, head.hash.hex())


def _rated(now: JournalStatus, before: JournalStatus | None, minutes: float) -> JournalStatus:
    then = before.cloud if before is not None else None
    if then is None or now.cloud is None or minutes <= 0 or then.epoch != now.cloud.epoch:
        return now
    return replace(now, per_minute=max(0.0, (now.cloud.seq - then.seq) / minutes))


def tables(status: PlaceStatus) -> list[Table]:
    """For people: one table of journals and, where the place knows of any, one of routers."""
    made = [_journals(status)]
    if status.routers:
        made.append(_routers(status))
    return made


def _journals(status: PlaceStatus) -> Table:
    headings = (
        say("Branch"),
        say("Till"),
        say("By way of"),
        say("Here"),
        say("Router"),
        say("Cloud"),
        say("Archived"),
        say("Proved"),
        say("Waiting"),
        say("Oldest"),
        say("Per minute"),
        say("Last heard"),
    )
    rows = []
    for one in status.journals:
        marks = (one.held, one.router, one.cloud, one.archived, one.proved)
        rows.append(
            (
                one.branch,
                f"{one.name} ({one.notice})" if one.notice else one.name,
                one.via or _UNKNOWN,
                *(mark.text if mark is not None else _UNKNOWN for mark in marks),
                _waiting(one.waiting),
                age(one.oldest_at_ms, status.at_ms),
                _UNKNOWN if one.per_minute is None else f"{one.per_minute:.0f}",
                age(one.heard_at_ms, status.at_ms),
            )
        )
    return _table(say("Journals"), headings, rows, names=3)


def _routers(status: PlaceStatus) -> Table:
    headings = (
        say("Branch"),
        say("Router"),
        say("Waiting"),
        say("Oldest"),
        say("Last heard"),
        say("Version"),
    )
    rows = [
        (
            one.branch,
            f"{one.name} ({one.notice})" if one.notice else one.name,
            _waiting(one.waiting),
            age(one.oldest_at_ms, status.at_ms),
            age(one.heard_at_ms, status.at_ms),
            one.software or _UNKNOWN,
        )
        for one in status.routers
    ]
    return _table(say("Routers"), headings, rows, names=2)


def _waiting(count: int) -> str:
    return f"[yellow]{count}[/]" if count else "0"


def _table(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, names: int
) -> Table:
    """So many `names` at the left, then figures; a column of which nothing is known is left out,
    so that the rest has room on a narrow terminal."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    known = [
        place
        for place in range(len(headings))
        if place < names or any(row[place] != _UNKNOWN for row in rows)
    ]
    for place in known:
        justify: JustifyMethod = "left" if place < names else "right"
        table.add_column(headings[place], justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(row[place] for place in known))
    return table


def age(at_ms: int | None, now_ms: int) -> str:
    """`3 min`: how long ago, in the largest whole unit."""
    if at_ms is None:
        return _UNKNOWN
    seconds = max(0, now_ms - at_ms) // _MS_PER_S
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 s"
