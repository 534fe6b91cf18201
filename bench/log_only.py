"""P4's service: `python -m bench.log_only syncd service …`, which keeps facts and makes no rows.

Everything is the service's own code but one function, what a run is projected to. That leaves the
transport, the signatures, the chain and the journal's tables, as P4 asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.service.operations.journals import Piece


def main() -> None:
    """Serve as `sentra` does, without projection."""
    # As the service's own command does: before anything is imported that waits.
    from gevent import monkey

    monkey.patch_all()
    _leave_projection_out()

    from sentra.command import main as sentra

    sentra()


def _leave_projection_out() -> None:
    from syncd.service.operations.project import Projection
    from syncd.service.outbound import projection_store
    from syncd.service.outbound.projection_store import PreparedRows

    def prepare(run: Sequence[Piece]) -> PreparedRows:  # noqa: ARG001 - the replaced one's signature
        return PreparedRows(Projection())

    projection_store.prepare = prepare


if __name__ == "__main__":
    main()
