"""Router first, the cloud while it does not answer, and back."""

from __future__ import annotations

from syncd.daemon.inbound.backoff import CLOUD_WAIT_S_MAX, ROUTER_WAIT_S_MAX, wait_ms
from syncd.daemon.operations.ports import CLOUD, ROUTER
from syncd.daemon.operations.route import Line, answered, failed, idle_ms, order


def test_the_router_comes_first() -> None:
    assert order(Line(), Line(), 0) == (ROUTER, CLOUD)


def test_without_a_router_there_is_the_cloud() -> None:
    assert order(None, Line(), 0) == (CLOUD,)


def test_a_router_that_does_not_answer_is_left_alone_until_its_time_and_then_comes_first() -> None:
    router = failed(Line(), "timeout", 1_000, retry_at_tick_ms=50)
    assert order(router, Line(), 49) == (CLOUD,)
    assert order(router, Line(), 50) == (ROUTER, CLOUD)


def test_when_nothing_is_due_nothing_is_tried() -> None:
    down = failed(Line(), "timeout", 1_000, retry_at_tick_ms=50)
    assert order(down, down, 0) == ()


def test_a_line_remembers_since_when_it_is_up_or_down() -> None:
    line = answered(Line(), 10)
    assert (line.reachable, line.since_ms, line.last_ok_at_ms) == (True, 10, 10)
    line = answered(line, 20)
    assert (line.since_ms, line.last_ok_at_ms) == (10, 20)
    line = failed(line, "timeout", 30, 0)
    line = failed(line, "no-answer", 40, 0)
    assert (line.reachable, line.since_ms, line.last_error) == (False, 30, "no-answer")
    assert (line.failures, line.last_ok_at_ms) == (2, 20)
    line = answered(line, 50)
    assert (line.failures, line.last_error, line.since_ms) == (0, None, 50)


def test_the_wait_is_the_timer_or_less_where_a_try_is_due_before() -> None:
    assert idle_ms(Line(), Line(), 0, 5_000) == 5_000
    soon = failed(Line(), "timeout", 0, retry_at_tick_ms=700)
    assert idle_ms(soon, Line(), 100, 5_000) == 600
    assert idle_ms(None, soon, 100, 5_000) == 600
    assert idle_ms(soon, Line(), 700, 5_000) == 5_000


def test_waits_grow_with_full_jitter_up_to_a_named_maximum() -> None:
    for store, most in ((ROUTER, ROUTER_WAIT_S_MAX), (CLOUD, CLOUD_WAIT_S_MAX)):
        for failures in (1, 2, 5, 50, 5_000):
            waits = [wait_ms(store, failures) for _ in range(50)]
            assert all(200 <= wait <= most * 1000 for wait in waits)
        assert len({wait_ms(store, 50) for _ in range(50)}) > 10
    assert max(wait_ms(CLOUD, 1) for _ in range(50)) <= 500


def test_a_wait_that_the_store_asks_for_is_kept_within_reason() -> None:
    assert wait_ms(CLOUD, 1, asked_s=7) == 7_000
    assert wait_ms(CLOUD, 1, asked_s=10**9) == 120_000
