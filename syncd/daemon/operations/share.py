"""What this till tells the router about orders on hold, given what the router shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentra.protocol.branch import Board
from sentra.vault.sharing import Parked


@dataclass(frozen=True, slots=True)
class Steps:
    """Orders to offer, and parkings that this till took up."""

    offer: Sequence[Parked]
    settle: Sequence[str]


def steps(parked: Sequence[Parked], taken: Sequence[str], board: Board) -> Steps:
    """What the router does not know yet.

    An order is offered until the board shows it, so that a new router gets all of them. What
    this till does not hold is never withdrawn for that alone: an old copy of its vault that was
    put back would take away orders that wait for their customers.
    """
    known = {one.parking_id for one in board.orders} | {one.parking_id for one in board.taken}
    offer = [one for one in parked if one.parking_id and one.parking_id not in known]
    return Steps(offer, list(taken))
