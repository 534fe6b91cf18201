"""Wakes arrive, only those asked for, also after Redis was away; a lost one harms nobody."""

from __future__ import annotations

from pathlib import Path

from sentra.cloud import wake
from sentra.cloud.redis_client import RedisClient, connect_redis
from sentra.embedded.redis import running_redis


def test_a_listener_hears_its_scopes_and_no_others(redis_client: RedisClient) -> None:
    listener = wake.listen(redis_client, [("feed", "*"), ("journal", "b1")], heartbeat_s=0.5)
    assert next(listener) is None
    wake.head_moved(redis_client, "b2", "t9", epoch=1, seq=5)
    wake.feed_moved(redis_client, "company", 7)
    wake.head_moved(redis_client, "b1", "t1", epoch=1, seq=3)
    assert next(listener) == wake.Wake("feed", "company", {"revision": 7})
    assert next(listener) == wake.Wake("journal", "b1", {"terminal": "t1", "epoch": 1, "seq": 3})
    assert next(listener) is None
    listener.close()


def test_a_listener_comes_back_by_itself_after_redis_was_away(tmp_path: Path) -> None:
    with running_redis(tmp_path, durable=False) as server:
        client = connect_redis(server.url())
        listener = wake.listen(client, [("feed", "*")], heartbeat_s=0.2)
        assert next(listener) is None
        server.stop()
        assert next(listener) is None
        assert wake.feed_moved(client, "company", 1) is False
        server.start()
        assert next(listener) is None
        assert wake.feed_moved(client, "company", 2) is True
        assert next(listener) == wake.Wake("feed", "company", {"revision": 2})
        listener.close()
        client.close()


def test_what_is_no_wake_of_ours_is_passed_over(redis_client: RedisClient) -> None:
    listener = wake.listen(redis_client, [("feed", "*")], heartbeat_s=0.5)
    assert next(listener) is None
    redis_client.publish("sentra:wake:feed:company", b"\xff not json")
    assert next(listener) is None
    wake.feed_moved(redis_client, "company", 3)
    assert next(listener) == wake.Wake("feed", "company", {"revision": 3})
    listener.close()
