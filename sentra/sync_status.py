"""How far every journal is, as one place knows it: for people as a table, for programs as JSON.

Whoever keeps journals can say so: a function `read(folder) -> PlaceStatus` under the entry points'
group `sentra.sync_status`, named as the role of the vault that it reads; the cloud's is the sync
service's own. `sentra sync status` shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from rich.table import Table

from sentra.i18n import say
from sentra.protocol.entry import Head

GROUP: Final = "sentra.sync_status"

_MS_PER_S: Final = 1_000
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
    table = Table(title=say("Journals"), title_justify="left")
    for heading in (say("Branch"), say("Till")):
        table.add_column(heading, overflow="fold")
    for heading in (
        say("Here"),
        say("Router"),
        say("Cloud"),
        say("Archived"),
        say("Proved"),
        say("Waiting"),
        say("Oldest"),
        say("Per minute"),
        say("Last heard"),
    ):
        table.add_column(heading, justify="right")
    table.add_column(say("By way of"), overflow="fold")
    for one in status.journals:
        marks = (one.held, one.router, one.cloud, one.archived, one.proved)
        table.add_row(
            one.branch,
            f"{one.name} ({one.notice})" if one.notice else one.name,
            *(mark.text if mark is not None else "–" for mark in marks),
            f"[yellow]{one.waiting}[/]" if one.waiting else "0",
            age(one.oldest_at_ms, status.at_ms),
            "–" if one.per_minute is None else f"{one.per_minute:.0f}",
            age(one.heard_at_ms, status.at_ms),
            one.via or "–",
        )
    return table


def _routers(status: PlaceStatus) -> Table:
    table = Table(title=say("Routers"), title_justify="left")
    for heading in (say("Branch"), say("Router")):
        table.add_column(heading, overflow="fold")
    for heading in (say("Waiting"), say("Oldest"), say("Last heard"), say("Version")):
        table.add_column(heading, justify="right")
    for one in status.routers:
        table.add_row(
            one.branch,
            f"{one.name} ({one.notice})" if one.notice else one.name,
            f"[yellow]{one.waiting}[/]" if one.waiting else "0",
            age(one.oldest_at_ms, status.at_ms),
            age(one.heard_at_ms, status.at_ms),
            one.software or "–",
        )
    return table


def age(at_ms: int | None, now_ms: int) -> str:
    """`3 min`: how long ago, in the largest whole unit."""
    if at_ms is None:
        return "–"
    seconds = max(0, now_ms - at_ms) // _MS_PER_S
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 s"
