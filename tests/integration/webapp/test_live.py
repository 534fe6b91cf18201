"""Open pages hear that something moved in their branches, and nothing of others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from sentra.cloud.redis_client import RedisClient
from sentra.cloud.wake import Wake, head_moved, wake
from tests.support.backoffice import Clients
from tests.support.chain import Chain
from webapp import live
from webapp.live import EXTENSION, Live

Until = Callable[..., None]


class Ear(threading.Thread):
    """Reads a stream and keeps what it says."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__(daemon=True)
        self.heard: list[str] = []
        self._chunks = chunks
        self.start()

    def run(self) -> None:
        for chunk in self._chunks:
            self.heard.append(chunk.decode())


@pytest.fixture
def ear(webapp: Flask, signed_in: Clients) -> Iterator[Callable[[str], Ear]]:
    """`ear("budi")` listens as that person's page does."""
    opened: list[Ear] = []

    def listen(login: str) -> Ear:
        answer = signed_in(login).get("/live", buffered=False)
        assert answer.content_type == "text/event-stream"
        opened.append(Ear(iter(answer.iter_encoded())))
        return opened[-1]

    yield listen
    webapp.extensions[EXTENSION].close()
    for each in opened:
        each.join(10)
        assert not each.is_alive(), "a stream must end with the process"


def test_a_page_hears_of_its_own_branch_and_of_no_other(
    ear: Callable[[str], Ear], redis_client: RedisClient, chain: Chain, until: Until
) -> None:
    page = ear("budi")
    own, other = chain.branches["SGT"], chain.branches["JKT"]

    def heard() -> bool:
        # Said again until somebody listens: a wake that is lost costs latency, never data.
        wake(redis_client, "exception", other)
        head_moved(redis_client, own, chain.tills["SGT-1"].id, epoch=1, seq=1)
        return "data: journal\n\n" in "".join(page.heard)

    until(heard)
    assert "exception" not in "".join(page.heard)


def test_the_owner_hears_of_every_branch_and_of_the_catalogue(
    ear: Callable[[str], Ear], redis_client: RedisClient, chain: Chain, until: Until
) -> None:
    page = ear("ratna")

    def heard() -> bool:
        wake(redis_client, "device", chain.branches["JYP"])
        wake(redis_client, "feed", "company", revision=1)
        told = "".join(page.heard)
        return "data: device\n\n" in told and "data: feed\n\n" in told

    until(heard)


def test_a_rush_of_sales_is_one_wake(chain: Chain) -> None:
    listener = live.Listener(lambda _branch: True)
    for _ in range(100):
        listener.hear(Wake("journal", chain.branches["SGT"], {}))
    assert listener.moved(0) == {"journal"}
    assert listener.moved(0) == set()


def test_when_the_process_holds_enough_streams_a_page_is_told_to_ask_later(
    webapp: Flask, signed_in: Clients, redis_client: RedisClient
) -> None:
    full = Live(redis_client, streams_max=0)
    webapp.extensions[EXTENSION] = full
    answer = signed_in().get("/live")
    assert answer.text == "retry: 30000\n\n"


def test_a_stranger_hears_nothing(webapp: Flask) -> None:
    assert webapp.test_client().get("/live").status_code == 303
