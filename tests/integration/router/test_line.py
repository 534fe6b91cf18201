"""The router's line to the cloud: outages, refusals, restored clouds, what the page may claim."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from router_agent.operations.trunk import SENDING_BYTES_MIN
from router_agent.outbound import line_log, store
from router_agent.outbound.line_log import Outage
from router_agent.status.queries import TillRow, status
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import COMPANY, FeedItem, seal_revision
from sentra.protocol.messages import note_of
from sentra.vault.failures import VaultFull
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import ROUTER_KEY, a_hello, device_of
from tests.support.journals import Journal, an_id
from tests.support.tills import BRANCH

Until = Callable[..., None]


def sell(running: Running, journal: Journal, count: int) -> None:
    """The till sends each sale as it is made."""
    link = running.link(journal)
    first = len(journal.entries) + 1
    journal.sell(count)
    link.hello(a_hello(journal))
    for seq in range(first, first + count):
        assert link.send([Parcel(journal.sealed(seq, seq))]).outcomes[0].outcome == "appended"


def outages(running: Running) -> list[Outage]:
    with running.router.vault.reader() as db:
        return line_log.outages_since(db, 0)


def cut(running: Running, until: Until) -> None:
    running.cloud.down = True
    running.router.trunk.try_now()
    until(lambda: running.router.trunk.state.reachable is False)


def mend(running: Running, until: Until) -> None:
    running.cloud.down = False
    running.router.trunk.try_now()
    until(lambda: running.router.trunk.state.reachable)


def test_sales_of_an_outage_wait_here_and_drain_in_order_when_the_line_is_back(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    cut(served, until)
    sell(served, journal, 12)
    sell(served, other, 3)
    view = status(served.router)
    assert (view.waiting.entries, view.waiting.sales) == (15, 15)
    assert view.waiting.amount == 15 * 4_500
    assert not view.waiting.more
    mend(served, until)
    until(lambda: status(served.router).waiting.entries == 0)
    assert served.cloud.entries[journal.terminal] == journal.entries
    assert served.cloud.entries[other.terminal] == other.entries


def test_an_outage_is_remembered_with_the_sales_it_kept(
    served: Running, journal: Journal, until: Until
) -> None:
    cut(served, until)
    sell(served, journal, 4)
    assert [one.ended_at_ms for one in outages(served)] == [None]
    mend(served, until)
    (outage,) = outages(served)
    assert outage.ended_at_ms is not None
    assert outage.started_at_ms <= outage.ended_at_ms
    assert (outage.reason, outage.sales_kept) == ("http-502", 4)


def test_an_outage_that_lasts_over_a_restart_is_one_outage(
    served: Running, journal: Journal, until: Until
) -> None:
    cut(served, until)
    since_ms = served.router.trunk.state.since_ms
    served.stop()
    served.start()
    assert served.router.trunk.state.since_ms == since_ms
    sell(served, journal, 1)
    mend(served, until)
    assert [one.started_at_ms for one in outages(served)] == [since_ms]
    until(lambda: served.cloud.count(journal.terminal) == 1)


def test_a_sale_does_not_shorten_the_wait_on_a_dead_line(
    served: Running, journal: Journal, until: Until
) -> None:
    cut(served, until)
    served.cloud.refuse, served.cloud.down = "too-busy", False
    # The cloud asks for a minute's patience; forty sales must not knock at its door.
    until(lambda: served.router.trunk.state.problem == "too-busy", 20.0)
    before = len(served.cloud.asked("/v1/hello")) + len(served.cloud.asked("/v1/journal"))
    sell(served, journal, 40)
    after = len(served.cloud.asked("/v1/hello")) + len(served.cloud.asked("/v1/journal"))
    assert after - before <= 3


def test_a_refused_journal_rests_and_holds_nobody_up(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    served.cloud.refused_journals[journal.terminal] = "chain-broken"
    sell(served, journal, 2)
    sell(served, other, 3)
    until(lambda: served.cloud.count(other.terminal) == 3)
    until(lambda: served.router.trunk.state.set_aside == {journal.terminal: "chain-broken"})
    rows = {row.name: row for row in status(served.router).tills}
    assert (rows["Kasir 1"].set_aside, rows["Kasir 1"].tone) == ("chain-broken", "bad")
    assert rows["Kasir 1"].not_in_cloud == 2
    served.cloud.refused_journals.clear()
    served.router.trunk.try_now()
    until(lambda: served.cloud.count(journal.terminal) == 2)
    until(lambda: served.router.trunk.state.set_aside == {})


def test_decisions_that_the_cloud_did_not_sign_stop_no_sale(
    served: Running, journal: Journal, until: Until
) -> None:
    forged = seal_revision(COMPANY, 1, [FeedItem("tax", "t", b"{}")], ROUTER_KEY)
    served.cloud.revisions[COMPANY] = [forged]
    served.cloud.wake("feed", COMPANY)
    until(lambda: served.router.trunk.state.feed_problem == "feed-damaged")
    sell(served, journal, 2)
    until(lambda: served.cloud.count(journal.terminal) == 2)
    assert served.router.shelf.feed_cursor(COMPANY) == 0
    assert served.router.trunk.state.reachable


def test_a_revoked_router_still_carries_sales_up(
    served: Running, journal: Journal, until: Until
) -> None:
    served.cloud.refuse_feed, served.cloud.notices = "device-revoked", ("device-revoked",)
    served.router.trunk.try_now()
    until(lambda: "device-revoked" in served.router.trunk.state.notices)
    sell(served, journal, 1)
    until(lambda: served.cloud.count(journal.terminal) == 1)


def test_a_line_that_carries_only_little_drains_in_smaller_steps(
    served: Running, journal: Journal, until: Until
) -> None:
    cut(served, until)
    journal.sell(6_000)
    segments = [journal.sealed(first, first + 499) for first in range(1, 6_000, 500)]
    served.link(journal).send([Parcel(one) for one in segments])
    whole_bytes = sum(map(len, segments))
    served.cloud.carries_bytes_max = whole_bytes * 6 // 10
    assert served.cloud.carries_bytes_max > SENDING_BYTES_MIN
    mend(served, until)

    def drained() -> bool:
        served.router.trunk.try_now()
        return served.cloud.count(journal.terminal) == 6_000

    until(drained, 30.0)
    assert max(served.cloud.envelope_bytes) > served.cloud.carries_bytes_max, (
        "first it was tried in one piece"
    )
    assert served.cloud.entries[journal.terminal] == journal.entries


def test_a_cloud_restored_to_an_earlier_time_gets_everything_again(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    sell(served, journal, 6)
    sell(served, other, 2)
    until(lambda: served.cloud.count(journal.terminal) == 6)
    until(lambda: served.cloud.count(other.terminal) == 2)
    served.cloud.timeline = an_id(5)
    del served.cloud.entries[journal.terminal][2:]
    del served.cloud.entries[other.terminal]
    served.router.trunk.try_now()
    until(lambda: served.cloud.count(journal.terminal) == 6)
    until(lambda: served.cloud.count(other.terminal) == 2)
    assert served.cloud.entries[journal.terminal] == journal.entries
    answer = served.link(journal).hello(a_hello(journal))
    assert (answer.timeline, answer.notices) == (an_id(5), ("timeline-new",))


def test_a_restored_cloud_that_lost_decisions_is_followed(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    served.cloud.publish(BRANCH, ("device", device_of(Journal(3))))
    until(lambda: len(served.router.devices.all()) == 3)
    served.cloud.timeline = an_id(6)
    del served.cloud.revisions[BRANCH][1:]
    served.router.trunk.try_now()
    until(lambda: len(served.router.devices.all()) == 2)
    assert served.router.shelf.feed_cursor(BRANCH) == 1
    known = {device.id for device in served.router.devices.all()}
    assert known == {journal.terminal, other.terminal}


def test_a_full_disk_is_told_and_the_trunk_goes_on_when_there_is_room(
    served: Running, journal: Journal, until: Until
) -> None:
    shelf = served.router.shelf

    def no_room(_heads: object) -> None:
        raise VaultFull(folder=served.folder, free_mib=0, needed_mib=1)

    shelf.set_cloud_heads = no_room  # type: ignore[method-assign,assignment]  # a full disk
    sell(served, journal, 1)
    until(lambda: served.router.trunk.state.disk_problem == "vault-full")
    assert status(served.router).disk_tone == "bad"
    del shelf.set_cloud_heads
    served.router.trunk.try_now()
    until(lambda: status(served.router).waiting.entries == 0)
    until(lambda: served.router.trunk.state.disk_problem is None)


def test_a_fault_of_ours_ends_no_trunk(
    served: Running,
    journal: Journal,
    until: Until,
    logged: list[structlog.types.EventDict],
) -> None:
    lanes = served.router.shelf.lanes

    def broken() -> object:
        raise ZeroDivisionError("a fault of ours")

    served.router.shelf.lanes = broken  # type: ignore[assignment,method-assign]  # a fault
    sell(served, journal, 1)
    until(lambda: served.router.trunk.state.problem == "fault")
    assert any(line["event"] == "a turn of the trunk failed" for line in logged)
    served.router.shelf.lanes = lanes  # type: ignore[method-assign]  # mended
    served.router.trunk.try_now()
    until(lambda: served.cloud.count(journal.terminal) == 1)


def test_the_hello_tells_the_cloud_where_tills_find_this_router_and_what_waits(
    served: Running, journal: Journal, until: Until
) -> None:
    cut(served, until)
    sell(served, journal, 3)
    mend(served, until)
    said = served.cloud.hellos[-1]
    assert said.addresses == served.router.trunk.addresses
    assert said.waiting[journal.terminal] == said.backlog == 3
    assert said.oldest_waiting_ms is not None
    assert said.heads[journal.terminal] == note_of(journal.head)


def test_the_page_knows_what_a_till_has_not_sent_and_when_it_went_silent(
    served: Running, journal: Journal, other: Journal
) -> None:
    journal.sell(5)
    link = served.link(journal)
    link.hello(a_hello(journal))
    assert _row(served, "Kasir 1").not_here == 5
    link.send([Parcel(journal.sealed(1, 5))])
    row = _row(served, "Kasir 1")
    assert (row.not_here, row.tone, row.rtt_ms) == (0, "ok", 2)
    assert _row(served, "Kasir 2").tone == "unknown"
    served.clock.ahead_ms = 5 * 60_000
    row = _row(served, "Kasir 1")
    assert (row.silent, row.not_here, row.tone) == (True, None, "bad")


def _row(running: Running, name: str) -> TillRow:
    return next(row for row in status(running.router).tills if row.name == name)


def test_what_tills_said_is_still_known_after_a_restart(served: Running, journal: Journal) -> None:
    served.link(journal).hello(a_hello(journal))
    before = served.router.roll_call.all()[journal.terminal]
    served.stop()
    served.start()
    assert served.router.roll_call.all()[journal.terminal] == before


def test_the_heads_here_outlive_a_restart(served: Running, journal: Journal) -> None:
    sell(served, journal, 3)
    served.stop()
    served.start()
    with served.router.vault.reader() as db:
        assert store.head_of(db, journal.terminal) == journal.head
    again = served.link(journal).send([Parcel(journal.sealed(1, 1))])
    assert again.outcomes[0].outcome == "already"
