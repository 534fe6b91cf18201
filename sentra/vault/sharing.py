"""What a till shares with its branch, as its vault keeps it: orders on hold, the branch's board
and totals, and what the till asks the router.

The till has no network. What it asks is a row here; the daemon carries it to the router and writes
the answer beside it. The orders of the other tills are read from the board, which the daemon keeps
as the router last showed it, so that no list on the screen waits for anybody. So are the totals.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from sentra.domain.cart import Cart
from sentra.protocol.branch import Board, BranchTotals, FoundSale, Offer, OfferedOrder
from sentra.vault import state
from sentra.vault.driver import Connection

PARKED: Final = "cart/parked"
BOARD: Final = "branch/board"
TOTALS: Final = "branch/totals"
TAKEN: Final = "branch/taken"
SALES: Final = "branch/sales"

TAKEN_MAX: Final = 200
"""Orders taken up that the router has not heard of yet: days without a router."""

SALES_MAX: Final = 20
"""Sales of which the router told lately, so that a refund goes on when it falls silent."""

SILENT: Final = "router-silent"
"""The answer to a till that asks while its router does not carry."""

QUESTION_KEPT_MS: Final = 10_000
"""Who asked has read the answer, or gone on without it, in a fraction of a second."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A cart on hold: since when, by whom, what the cashier wrote on it, its total then.

    `parking_id` names this parking in the branch; without one the cart stays at this till.
    `approved_by` is who approved a return in it.
    """

    cart: Cart
    parked_at_ms: int
    parked_by: str
    label: str
    parking_id: str = ""
    total: int = 0
    approved_by: str | None = None


class HeardBoard(msgspec.Struct, frozen=True):
    """The branch's board and when the router showed it last."""

    heard_at_ms: int
    board: Board


class HeardTotals(msgspec.Struct, frozen=True):
    """The branch's totals of one day and when the router told them last."""

    heard_at_ms: int
    totals: BranchTotals


class KeptSale(msgspec.Struct, frozen=True):
    """A sale with what came back of it in the branch, as the router told of it last."""

    sale_id: str
    heard_at_ms: int
    found: FoundSale


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the router: `target` below `/v1/branch/`, `body` JSON or empty."""

    question_id: str
    target: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the router said. `problem` is the stable word of a refusal, None for a good answer."""

    problem: str | None
    body: bytes = b""


# --- Orders on hold ------------------------------------------------------------------------------


def load_parked(db: Connection) -> list[Parked]:
    """Every cart on hold at this till, oldest first."""
    return msgspec.convert(state.get(db, PARKED) or [], list[Parked])


def keep_parked(db: Connection, parked: Sequence[Parked]) -> None:
    """Keep exactly these on hold."""
    state.put(db, PARKED, list(parked) or None)


def offer_of(parked: Parked) -> Offer:
    """A cart on hold as it is offered to the branch."""
    cart = parked.cart
    return Offer(
        parking_id=parked.parking_id,
        sale_id=cart.sale_id,
        parked_at_ms=parked.parked_at_ms,
        parked_by=parked.parked_by,
        label=parked.label,
        first=cart.lines[0].name,
        line_count=len(cart.lines),
        total=parked.total,
        currency=cart.currency,
        cart=msgspec.Raw(msgspec.json.encode(cart)),
        approved_by=parked.approved_by,
    )


def heard_board(db: Connection) -> HeardBoard | None:
    """The board as the router showed it last; None where it never did."""
    kept = state.get(db, BOARD)
    return None if kept is None else msgspec.convert(kept, HeardBoard)


def put_board(db: Connection, board: Board, now_ms: int) -> None:
    """Written by the daemon alone. Inside `writer()`."""
    state.put(db, BOARD, HeardBoard(now_ms, board))


def elsewhere(db: Connection) -> tuple[OfferedOrder, ...]:
    """The orders on the board that this till does not hold itself."""
    heard = heard_board(db)
    if heard is None:
        return ()
    here = {one.parking_id for one in load_parked(db)} | set(taken(db))
    return tuple(one for one in heard.board.orders if one.parking_id not in here)


def gone(db: Connection, own: str) -> dict[str, str]:
    """Orders of this till that another took up: parking id → the other terminal's name."""
    heard = heard_board(db)
    if heard is None:
        return {}
    return {one.parking_id: one.terminal_name for one in heard.board.taken if one.terminal != own}


def taken(db: Connection) -> list[str]:
    """Parkings that this till took up, and the router has not heard of yet."""
    return list(state.get(db, TAKEN) or ())


def note_taken(db: Connection, parking_id: str) -> None:
    """This till has the order in its own vault. Inside `writer()`."""
    state.put(db, TAKEN, [*taken(db), parking_id][-TAKEN_MAX:])


def forget_taken(db: Connection, settled: Collection[str]) -> None:
    """The router knows of these. Inside `writer()`."""
    state.put(db, TAKEN, [one for one in taken(db) if one not in settled] or None)


def raw_shares(db: Connection) -> Sequence[tuple[str, bytes]]:
    """What this till would tell the router, unread: differs when there is something to tell."""
    rows = db.execute("SELECT key, value FROM state WHERE key IN (?, ?)", (PARKED, TAKEN))
    return [(key, bytes(value)) for key, value in rows.fetchall()]


# --- The branch's totals -------------------------------------------------------------------------


def heard_totals(db: Connection, business_date: str) -> HeardTotals | None:
    """The totals of a day as the router told them last; None where it did not."""
    kept = state.get(db, TOTALS)
    heard = None if kept is None else msgspec.convert(kept, HeardTotals)
    return None if heard is None or heard.totals.business_date != business_date else heard


def put_totals(db: Connection, totals: BranchTotals, now_ms: int) -> None:
    """Written by the daemon alone. Inside `writer()`."""
    state.put(db, TOTALS, HeardTotals(now_ms, totals))


def business_date(db: Connection) -> str | None:
    """The day of this till's latest shift, whose totals it shows; None before the first."""
    row = db.execute("SELECT business_date FROM shift ORDER BY number DESC LIMIT 1").fetchone()
    return None if row is None else str(row[0])


# --- Sales of the branch -------------------------------------------------------------------------


def kept_sale(db: Connection, sale_id: str) -> KeptSale | None:
    """What the router told of a sale; None where it did not, or long ago."""
    return next((one for one in _kept_sales(db) if one.sale_id == sale_id), None)


def keep_sale(db: Connection, kept: KeptSale) -> None:
    """Keep what it told now. Inside `writer()`."""
    others = [one for one in _kept_sales(db) if one.sale_id != kept.sale_id]
    state.put(db, SALES, [*others, kept][-SALES_MAX:])


def _kept_sales(db: Connection) -> list[KeptSale]:
    row = db.execute("SELECT value FROM state WHERE key = ?", (SALES,)).fetchone()
    return [] if row is None else msgspec.json.decode(row[0], type=list[KeptSale])


# --- What the till asks --------------------------------------------------------------------------


def ask(db: Connection, question: Question, now_ms: int) -> None:
    """Leaves a question for the daemon; old ones go. Inside `writer()`."""
    db.execute(
        "DELETE FROM branch_question WHERE asked_at_ms NOT BETWEEN ? AND ?",
        (now_ms - QUESTION_KEPT_MS, now_ms),
    )
    db.execute(
        "INSERT INTO branch_question (question_id, target, body, asked_at_ms) VALUES (?, ?, ?, ?)",
        (question.question_id, question.target, question.body, now_ms),
    )


def waiting(db: Connection, now_ms: int) -> list[Question]:
    """What nobody has answered yet and somebody still waits for."""
    rows = db.execute(
        "SELECT question_id, target, body FROM branch_question"
        " WHERE answered = 0 AND asked_at_ms BETWEEN ? AND ? ORDER BY asked_at_ms",
        (now_ms - QUESTION_KEPT_MS, now_ms),
    )
    return [Question(question_id, target, bytes(body)) for question_id, target, body in rows]


def answer(db: Connection, question_id: str, said: Answer) -> None:
    """Written by the daemon alone; a question that was given up stays so. Inside `writer()`."""
    db.execute(
        "UPDATE branch_question SET answered = 1, problem = ?, answer = ? WHERE question_id = ?",
        (said.problem, said.body, question_id),
    )


def answer_to(db: Connection, question_id: str) -> Answer | None:
    """What the router said; None while it has not."""
    row = db.execute(
        "SELECT problem, answer FROM branch_question WHERE question_id = ? AND answered = 1",
        (question_id,),
    ).fetchone()
    return None if row is None else Answer(row[0], bytes(row[1]))


def give_up(db: Connection, question_id: str) -> None:
    """Nobody waits for the answer any more. Inside `writer()`."""
    db.execute("DELETE FROM branch_question WHERE question_id = ?", (question_id,))
