"""Carries between a till and its router what the branch shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from sentra.instants import Clock
from sentra.link import branch
from sentra.link.client import Link
from sentra.link.errors import LinkDown, LinkRefused
from sentra.protocol.branch import Board, BranchTotals
from sentra.vault import sharing
from sentra.vault.database import Vault
from sentra.vault.sharing import Answer, Parked, Question
from syncd.daemon.inbound import metrics
from syncd.daemon.operations.ports import ROUTER
from syncd.daemon.operations.share import steps

BRANCH_EVENT: Final = "branch"
"""The router's word that something moved on the branch's board."""

BOARD_EVERY_MS: Final = 5_000
"""The board is looked at this often without any word: a lost one costs no more than this. Asking
costs the router a millisecond or two. The day's totals are asked for with it."""

NOTED_EVERY_MS: Final = 30_000
"""What says the same as before is written down this often, for the time at which it was heard."""

_log = structlog.get_logger(__name__)


class BranchDesk:
    """One till's desk; belongs to the thread that takes its turns, but for `wake`."""

    def __init__(self, vault: Vault, *, clock: Clock, ticks: Clock) -> None:
        """`clock` is the wall's, `ticks` only goes forward; both in milliseconds."""
        self._vault, self._clock, self._ticks = vault, clock, ticks
        self._moved = True
        self._told: Sequence[tuple[str, bytes]] = ()
        self._board: Board | None = None
        self._totals: BranchTotals | None = None
        self._due_tick_ms = self._note_tick_ms = 0

    def wake(self) -> None:
        """The board moved, or may have."""
        self._moved = True

    def take(self, link: Link) -> None:
        """Carries what waits. Raises LinkDown; what the router refuses is noted."""
        self._carry_questions(link)
        try:
            self._exchange(link)
        except LinkRefused as refused:
            # A router of an older version shares nothing; all else goes on with it.
            self._note(refused)

    def close(self) -> None:
        """The router does not carry now: who asks hears so at once."""
        for question in self._waiting():
            self._answer(question, Answer(sharing.SILENT))

    def _waiting(self) -> Sequence[Question]:
        with self._vault.reader() as db:
            return sharing.waiting(db, self._clock())

    def _carry_questions(self, link: Link) -> None:
        for question in self._waiting():
            try:
                body = link.ask(question.target, question.body or None)
            except LinkRefused as refused:
                self._answer(question, Answer(refused.slug))
            except LinkDown:
                self._answer(question, Answer(sharing.SILENT))
                raise
            else:
                self._answer(question, Answer(None, body))

    def _answer(self, question: Question, said: Answer) -> None:
        with self._vault.writer() as db:
            sharing.answer(db, question.question_id, said)

    def _exchange(self, link: Link) -> None:
        with self._vault.reader() as db:
            told = sharing.raw_shares(db)
            if told == self._told and not self._moved and self._ticks() < self._due_tick_ms:
                return
            parked, taken = sharing.load_parked(db), sharing.taken(db)
            date = sharing.business_date(db)
        self._moved, self._told = False, told
        self._due_tick_ms = self._ticks() + BOARD_EVERY_MS
        board = branch.board(link)
        todo = steps(parked, taken, board)
        for one in todo.offer:
            self._offer(link, one)
        for parking_id in todo.settle:
            self._settle(link, parking_id)
        if todo.offer or todo.settle:
            board = branch.board(link)
        is_due = self._ticks() >= self._note_tick_ms
        if todo.settle or board != self._board or is_due:
            with self._vault.writer() as db:
                sharing.forget_taken(db, todo.settle)
                sharing.put_board(db, board, self._clock())
            self._board, self._note_tick_ms = board, self._ticks() + NOTED_EVERY_MS
        if date is not None:
            self._hear_totals(link, date, is_due=is_due)

    def _hear_totals(self, link: Link, date: str, *, is_due: bool) -> None:
        totals = branch.totals(link, date)
        told = _without_times(totals)
        if told != self._totals or is_due:
            with self._vault.writer() as db:
                sharing.put_totals(db, totals, self._clock())
            self._totals = told

    def _offer(self, link: Link, parked: Parked) -> None:
        try:
            branch.offer_order(link, sharing.offer_of(parked))
        except LinkRefused as refused:
            self._note(refused)

    def _settle(self, link: Link, parking_id: str) -> None:
        """Where another till has the order too, its id in both journals shows it to a person."""
        try:
            branch.settle_order(link, parking_id)
        except LinkRefused as refused:
            self._note(refused)

    @staticmethod
    def _note(refused: LinkRefused) -> None:
        metrics.FAILED.labels(ROUTER, refused.slug).inc()
        _log.warning("the router does not share", problem=refused.slug, detail=str(refused))


def _without_times(totals: BranchTotals) -> BranchTotals:
    """What was counted, whenever each till was heard."""
    terminals = tuple(replace(one, heard_ms_ago=None) for one in totals.terminals)
    return replace(totals, terminals=terminals)
