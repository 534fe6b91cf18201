"""What a router answers its tills over the wire, and whom and what it refuses."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from router_agent.inbound.server import HANDSHAKE_S_MAX
from sentra.link.errors import LinkRefused
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import note_of, watermark_is_true
from tests.integration.router.asking import raw
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import a_hello, device_of
from tests.support.journals import Journal
from tests.support.tills import BRANCH, CLOUD_KEY

Until = Callable[..., None]


# -- the good way ----------------------------------------------------------------------------------


def test_a_sale_is_acknowledged_here_and_reaches_the_cloud_with_the_routers_stamp(
    served: Running, journal: Journal, until: Until
) -> None:
    journal.sell(5)
    link = served.link(journal)
    assert link.hello(a_hello(journal)).here[journal.terminal].to_head() == EMPTY
    answer = link.send([Parcel(journal.sealed(1, 3)), Parcel(journal.sealed(4, 5))])
    assert [(o.outcome, o.appended) for o in answer.outcomes] == [("appended", 5)]
    assert answer.outcomes[0].here.to_head() == journal.head
    until(lambda: served.cloud.count(journal.terminal) == 5)
    assert served.cloud.entries[journal.terminal] == journal.entries
    assert set(served.cloud.custody) == {served.router.identity.device_id}


def test_the_clouds_signed_word_is_passed_on(
    served: Running, journal: Journal, until: Until
) -> None:
    journal.sell(2)
    link = served.link(journal)
    link.send([Parcel(journal.sealed(1, 2))])

    def acknowledged() -> bool:
        mark = link.hello(a_hello(journal)).cloud.get(journal.terminal)
        return mark is not None and mark.head.seq == 2

    until(acknowledged)
    mark = link.hello(a_hello(journal)).cloud[journal.terminal]
    assert watermark_is_true(mark, CLOUD_KEY.public_key())


def test_a_repeated_envelope_is_had_already_and_a_hole_is_asked_for(
    served: Running, journal: Journal
) -> None:
    journal.sell(6)
    link = served.link(journal)
    link.send([Parcel(journal.sealed(1, 2))])
    assert link.send([Parcel(journal.sealed(1, 2))]).outcomes[0].outcome == "already"
    gap = link.send([Parcel(journal.sealed(5, 6))]).outcomes[0]
    assert (gap.outcome, gap.here.seq) == ("gap", 2)


def test_the_feed_comes_from_the_cache_as_the_cloud_sealed_it(
    served: Running, journal: Journal
) -> None:
    served.cloud.down = True
    link = served.link(journal)
    head, revisions = link.feed(BRANCH, 0)
    assert (head, revisions) == (1, served.cloud.revisions[BRANCH])
    assert link.feed(COMPANY, 0) == (0, [])


def test_a_waiting_till_hears_of_decisions_and_of_its_own_journal_alone(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    heard: dict[str, list[str]] = {journal.terminal: [], other.terminal: []}
    stop = threading.Event()
    for one in (journal, other):
        link = served.link(one)
        said = heard[one.terminal]
        threading.Thread(
            target=lambda link=link, said=said: said.extend(_words(link.wakes(stop))), daemon=True
        ).start()
    until(lambda: served.router.streams.count == 2)
    journal.sell(1)
    served.link(journal).send([Parcel(journal.sealed(1, 1))])
    until(lambda: served.cloud.count(journal.terminal) == 1)
    served.cloud.publish(BRANCH, ("device", device_of(Journal(3))))
    until(lambda: len(served.router.devices.all()) == 3)
    served.router.streams.stop()
    until(lambda: served.router.streams.count == 0)
    until(lambda: heard[journal.terminal] == ["head", "feed"])
    assert heard[other.terminal] == ["feed"]


def _words(names: object) -> list[str]:
    found: list[str] = []
    try:
        for name in names:  # type: ignore[attr-defined]  # an iterator of names
            found.append(name)
    except Exception:
        return found
    return found


def test_tills_that_wait_never_take_the_threads_of_those_that_ask(
    served: Running, journal: Journal, until: Until
) -> None:
    waiting = 12
    assert waiting > served.router.settings.threads
    stop = threading.Event()
    for _ in range(waiting):
        link = served.link(journal)
        threading.Thread(target=lambda link=link: _words(link.wakes(stop)), daemon=True).start()
    until(lambda: served.router.streams.count == waiting)
    assert served.link(journal).hello(a_hello(journal)).protocol == 1


# -- who is refused --------------------------------------------------------------------------------


def test_a_till_enrolled_after_the_router_is_served_as_soon_as_the_feed_is_asked(
    served: Running, until: Until
) -> None:
    new = Journal(3)
    # No wake-up comes: only the stranger's own request makes the router look.
    served.cloud.is_mute = True
    served.cloud.publish(BRANCH, ("device", device_of(new)))

    def served_now() -> bool:
        try:
            return served.link(new).hello(a_hello(new)).protocol == 1
        except LinkRefused as refused:
            assert refused.slug == "device-unknown"
            return False

    until(served_now, 4.0)


def test_a_revoked_till_may_bring_its_facts_and_gets_no_decisions(
    served: Running, journal: Journal, until: Until
) -> None:
    served.cloud.publish(BRANCH, ("device", device_of(journal, revoked=True)))
    until(lambda: any(one.revoked for one in served.router.devices.all()))
    link = served.link(journal)
    answer = link.hello(a_hello(journal))
    assert answer.notices == ("device-revoked",)
    assert answer.feed == {}
    journal.sell(1)
    assert link.send([Parcel(journal.sealed(1, 1))]).outcomes[0].outcome == "appended"
    for ask in (lambda: link.feed(BRANCH, 0), lambda: next(link.wakes(threading.Event()))):
        with pytest.raises(LinkRefused) as refused:
            ask()
        assert refused.value.slug == "device-revoked"


# -- what is refused -------------------------------------------------------------------------------


def test_two_histories_of_one_terminal_are_a_fork_wherever_they_part(
    served: Running, journal: Journal
) -> None:
    clone = Journal(1)
    journal.sell(4)
    clone.sell(4, amount=9_999)
    link = served.link(journal)
    link.send([Parcel(journal.sealed(1, 3)), Parcel(journal.sealed(4, 4))])
    for first, last in ((1, 4), (1, 2), (1, 3)):
        outcome = link.send([Parcel(clone.sealed(first, last))]).outcomes[0]
        assert (outcome.outcome, outcome.here.to_head()) == ("fork", journal.head)


def test_a_terminal_fetches_its_own_segments_back_and_nobody_elses(
    served: Running, journal: Journal, other: Journal
) -> None:
    journal.sell(4)
    sealed = [journal.sealed(1, 3), journal.sealed(4, 4)]
    link = served.link(journal)
    assert link.journal(EMPTY).head == EMPTY
    link.send([Parcel(one) for one in sealed])
    page = link.journal(EMPTY)
    assert (page.head, page.sealed) == (journal.head, sealed)
    assert link.journal(Head(1, 3, b"")).sealed == sealed[1:]
    assert served.link(other).journal(EMPTY).sealed == []
    assert raw(served, journal, "GET", "/v1/journal?epoch=1&after=0", unsigned=True)[0] == 401
    assert raw(served, journal, "GET", "/v1/journal?epoch=1&after=0", key=other.key)[0] == 401


def test_a_full_disk_takes_nothing_and_says_so_with_a_retry(
    served: Running, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.sell(1)
    everything = 2**62
    monkeypatch.setattr(
        served.router.vault, "require_room", lambda: type(served.router.vault).require_room(
            served.router.vault, everything
        )
    )  # fmt: skip
    with pytest.raises(LinkRefused) as refused:
        served.link(journal).send([Parcel(journal.sealed(1, 1))])
    assert (refused.value.slug, refused.value.problem.retry) == ("vault-full", True)
    assert served.link(journal).hello(a_hello(journal)).here[journal.terminal].seq == 0


# -- strangers at the door -------------------------------------------------------------------------


def test_whoever_connects_and_says_nothing_keeps_nobody_out(
    served: Running, journal: Journal, until: Until
) -> None:
    silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(4)]
    try:
        answered = threading.Event()

        def ask() -> None:
            served.link(journal).hello(a_hello(journal))
            answered.set()

        threading.Thread(target=ask, daemon=True).start()
        assert answered.wait(HANDSHAKE_S_MAX - 1), "the branch waited for a stranger's handshake"
    finally:
        for one in silent:
            one.close()


def test_a_browser_without_https_is_told_to_write_it(served: Running) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)) as connection:
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 400
        assert b"https://" in answer.read()


def test_the_router_shows_its_own_certificate_and_none_older_than_tls_1_2(
    served: Running, journal: Journal
) -> None:
    context = ssl.create_default_context(cadata=served.cloud.authority.anchors)
    name = f"{served.router.identity.device_id}.router.sentra"
    with (
        socket.create_connection(("127.0.0.1", served.port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as line,
    ):
        assert line.version() in ("TLSv1.2", "TLSv1.3")
    assert not list(served.folder.glob("**/*key.pem")) or all(
        "made" in path.parts for path in served.folder.glob("**/*key.pem")
    ), "the router writes no key beside its vault"


def test_heads_of_an_unknown_epoch_are_only_what_the_till_says(
    served: Running, journal: Journal
) -> None:
    strange = note_of(Head(7, 1_000_000, b"z" * 32))
    answer = served.link(journal).hello(a_hello(journal, heads={journal.terminal: strange}))
    assert answer.here[journal.terminal].to_head() == EMPTY
