"""I6: every projection equals its rebuild, by the verifiers that operators have."""

from __future__ import annotations

from collections.abc import Iterator

from sentra.vault.verify import verify
from simulation.disks import looking, present_identity
from simulation.world import World
from syncd.service.verify import verify_cloud

SHOWN_MAX = 3
"""Of one place: a broken projection differs in many rows."""

UNREADABLE = "unreadable"
"""Facts of a later version are that at a till of this one, and rightly."""


def check(world: World) -> Iterator[str]:
    """Tills and cloud against their own journals."""
    for terminal in world.terminals:
        with looking(terminal.folder) as db:
            found = [one for one in verify(db, present_identity(db)) if one.kind != UNREADABLE]
        for finding in found[:SHOWN_MAX]:
            yield f"I6 {terminal.name}: {finding.kind} at {finding.seq}: {finding.detail}"
    with world.cloud.engine.connect() as connection:
        report = verify_cloud(connection)
    for difference in report.differences[:SHOWN_MAX]:
        place = f"{difference.epoch}/{difference.seq}"
        yield f"I6 the cloud: {difference.kind} at {place}: {difference.detail}"
