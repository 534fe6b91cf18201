"""The daemon of a till, played by a test: it answers for the router while the till pauses."""

from __future__ import annotations

from collections.abc import Callable

from sentra.protocol.branch import Board
from sentra.vault import sharing, state
from sentra.vault.sharing import Answer
from tests.support.shop import Shop

Says = Callable[[sharing.Question], Answer | None]


def hear(shop: Shop, board: Board = Board()) -> None:  # noqa: B008 - it is frozen
    """The daemon has seen the board, and carries."""
    with shop.till.vault.writer() as db:
        sharing.put_board(db, board, shop.clock())
        state.put_sync_status(db, state.SyncStatus(via="router", updated_at_ms=shop.clock()))


def answering(shop: Shop, says: Says) -> list[sharing.Question]:
    """The router says this from now on; what it was asked."""
    asked: list[sharing.Question] = []

    def pause(_seconds: float) -> None:
        with shop.till.vault.writer() as db:
            for question in sharing.waiting(db, shop.clock()):
                if question not in asked:
                    asked.append(question)
                said = says(question)
                if said is not None:
                    sharing.answer(db, question.question_id, said)

    shop.till.pause = pause
    return asked
