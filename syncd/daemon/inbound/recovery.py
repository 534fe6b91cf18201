"""Where a store tells of entries that are not here: asks every store, takes up what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import structlog

from sentra.instants import Clock
from sentra.link.client import Link
from sentra.link.errors import LinkDown, LinkRefused
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import Hello
from syncd.daemon.inbound import metrics
from syncd.daemon.operations.greet import FORK, JOURNAL_BEHIND
from syncd.daemon.operations.ports import CLOUD, ROUTER, StoreName, Talk
from syncd.daemon.operations.restore import Asked, Line, ask, recover
from syncd.daemon.outbound.lines import CloudThrough, Lines
from syncd.daemon.outbound.shelf import VaultShelf

_log = structlog.get_logger(__name__)


class Recovery:
    """One till's; belongs to its daemon's thread.

    `began` is where the journal ended when the daemon started: who goes on from a later entry
    than that, and is not this daemon, is another machine.
    """

    def __init__(self, shelf: VaultShelf, lines: Lines, clock: Clock) -> None:
        self._shelf, self._lines, self._clock = shelf, lines, clock
        self.began = shelf.head()

    def is_due(self, talk: Talk) -> bool:
        """Whether a store's hello, or the vault itself, tells of entries that are not here."""
        told = talk.notice in (JOURNAL_BEHIND, FORK) or talk.doubt is not None
        return told or self._shelf.is_provisional()

    def take(self, talk: Talk, link: Link, hello: Callable[[], Hello]) -> bool:
        """Whether the journal went on in another epoch. Raises LinkDown, LinkRefused."""
        shelf = self._shelf
        asked, unproved = self._ask_all(talk, link, hello)
        if not asked:
            talk.notice = JOURNAL_BEHIND
            return False
        outcome = recover(asked, shelf, self.began, self._clock())
        if unproved and outcome.done is None and outcome.clone is None:
            talk.notice = JOURNAL_BEHIND
        if outcome.clone is not None:
            self._note_clone(talk, asked, outcome.clone)
            return False
        if outcome.done is None:
            return False
        done = outcome.done
        _log.warning(
            "the journal was put back and goes on",
            epoch=done.epoch,
            fetched=done.fetched,
            again=done.again,
        )
        self.began = shelf.head()
        return True

    def _ask_all(
        self, talk: Talk, link: Link, hello: Callable[[], Hello]
    ) -> tuple[list[Asked], bool]:
        """What the stores hold, and whether the one that carries could not prove what it holds: a
        router may have forgotten the beginning of what the cloud still has."""
        found: list[Asked] = []
        unproved = False
        try:
            found.append(ask(talk.store, link, talk.here, self._shelf))
        except ProtocolError as error:
            unproved = True
            metrics.FAILED.labels(talk.store, error.slug).inc()
            _log.error("a store's journal is not believed", problem=error.slug, detail=str(error))
        found += self._others(link, hello)
        if talk.doubt is not None and not any(one.name == CLOUD for one in found):
            found += self._cloud_through(link, talk.doubt)
        return found, unproved

    def _cloud_through(self, link: Link, head: Head) -> Iterator[Asked]:
        """What the cloud holds, where only a router reaches it. The line is the cloud's if it comes
        to the very entry that the cloud signed for."""
        try:
            yield ask(CLOUD, CloudThrough(link), head, self._shelf)
        except (LinkDown, LinkRefused, ProtocolError) as error:
            _log.info("the cloud was not asked through the router", detail=str(error))

    def _note_clone(self, talk: Talk, asked: Sequence[Asked], clone: Line) -> None:
        # The cloud alone says who came second: at a router it may be the other machine.
        is_second = any(one.name == CLOUD and one.line is not None for one in asked)
        if is_second and not self._shelf.is_forked():
            self._shelf.note_fork(0, self._clock())
            _log.error("another machine uses this identity", parted_seq=clone.parted.seq)
        mine = next((one.line for one in asked if one.name == talk.store), None)
        if mine is None:
            # Only another store has the second line; this one goes on with ours.
            talk.notice = None
            return
        talk.notice = FORK
        if talk.aside is None:
            talk.aside = mine.parted

    def _others(self, link: Link, hello: Callable[[], Hello]) -> Iterator[Asked]:
        """What the other stores hold, where they answer: selling never waits for them."""
        routers = [(ROUTER, one) for one in self._lines.routers(self._shelf.routers())]
        others: list[tuple[StoreName, Link]] = [(CLOUD, self._lines.cloud()), *routers]
        for name, other in others:
            if other is link:
                continue
            try:
                note = other.hello(hello()).here.get(self._shelf.terminal())
                head = EMPTY if note is None else note.to_head()
                yield ask(name, other, head, self._shelf)
            except (LinkDown, LinkRefused, ProtocolError, ValueError) as error:
                _log.info("a store was not asked", store=name, detail=str(error))
