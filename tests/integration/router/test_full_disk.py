"""A router whose disk is full, for real: it says so, sends on what it has, and tills go direct."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sentra.link.errors import LinkRefused
from sentra.protocol.envelope import Parcel
from sentra.vault.connect import RESERVE_BYTES
from tests.integration.router.conftest import Running
from tests.support.disks import SmallDisk, small_disk
from tests.support.fake_cloud import FakeCloud, a_hello, a_router
from tests.support.journals import Journal

__all__ = ["small_disk"]


@pytest.fixture
def running(cloud: FakeCloud, small_disk: SmallDisk) -> Iterator[Running]:
    """A router whose vault is on the small disk."""
    folder = small_disk.folder / "router"
    a_router(folder, cloud)
    made = Running(cloud, folder)
    made.start()
    yield made
    made.open.close()
    made.stop()


def test_a_full_router_refuses_sends_on_what_it_has_and_takes_again_when_there_is_room(
    served: Running, journal: Journal, small_disk: SmallDisk, until: Callable[..., None]
) -> None:
    link = served.link(journal)
    link.hello(a_hello(journal))
    served.cloud.refuse = "too-busy"
    journal.sell(6)
    [first] = link.send([Parcel(journal.sealed(1, 3))]).outcomes
    assert first.outcome == "appended"

    small_disk.fill(leave_bytes=RESERVE_BYTES // 4)
    with pytest.raises(LinkRefused) as refused:
        link.send([Parcel(journal.sealed(4, 6))])
    assert (refused.value.slug, refused.value.problem.retry) == ("vault-full", True)

    served.cloud.refuse = None
    served.router.trunk.try_now()
    until(lambda: served.cloud.count(journal.terminal) == 3)

    small_disk.free()
    [again] = link.send([Parcel(journal.sealed(4, 6))]).outcomes
    assert (again.outcome, again.appended) == ("appended", 3)
    until(lambda: served.cloud.count(journal.terminal) == 6)
