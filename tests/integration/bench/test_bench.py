"""The benches run as programs and tell their results in the agreed shape; no time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from bench import report
from bench.cloud import Cloud
from bench.connections import connections_in
from bench.courier import courier_in
from bench.drain import drain_in
from bench.lag import lag_in
from bench.online import fresh_cloud
from bench.report import Result
from sentra.events import Product

RUN_S_MAX = 300.0
RESULT_KEYS = {"measure", "what", "value", "unit", "yardstick", "ratio", "reach", "meets"}


def run_bench(*arguments: str) -> dict[str, Any]:
    """The object on the last line of a bench that ran."""
    done = subprocess.run(
        [sys.executable, "-m", "sentra", "bench", *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(
    ("arguments", "measures"),
    [
        (("sale", "--sales", "100"), {"P1"}),
        (
            ("sync", "--sales", "300", "--rounds", "1", "--log-only", "--two-hops"),
            {"P4", "P5", "P6"},
        ),
        (("wire", "--sales", "100"), {"P7"}),
        (
            ("pause", "--products", "300", "--sales", "300", "--seconds", "0.5"),
            {"P13", "pause"},
        ),
    ],
    ids=("sale", "sync", "wire", "pause"),
)
def test_a_bench_tells_machine_versions_and_results(
    arguments: tuple[str, ...], measures: set[str]
) -> None:
    told = run_bench(*arguments)
    assert told["bench"] == arguments[0]
    check(told, measures)


def check(told: dict[str, Any], measures: set[str]) -> None:
    assert set(told) == {"bench", "machine", "versions", "results"}
    assert told["machine"]["cores"] >= 1
    assert {"python", "sentra"} <= set(told["versions"])
    assert {result["measure"] for result in told["results"]} == measures
    for result in told["results"]:
        assert set(result) == RESULT_KEYS
        assert result["value"] >= 0
        assert (result["meets"] is None) == (result["reach"] == "")
    judged = [result for result in told["results"] if result["meets"] is not None]
    assert judged
    for result in judged:
        assert isinstance(result["meets"], bool)
        if result["ratio"] is not None:
            assert result["ratio"] == pytest.approx(result["value"] / result["yardstick"])


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[Cloud, Sequence[Product]]]:
    with fresh_cloud() as made:
        yield made


def as_told(bench: str, results: list[Result]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(report.told(bench, results)))
    return told


def test_lag_sees_every_live_sale(ground: tuple[Cloud, Sequence[Product]]) -> None:
    cloud, goods = ground
    told = as_told("lag", lag_in(cloud, goods, 0.5, 100, tills=2))
    check(told, {"P8"})
    assert [one["reach"] for one in told["results"]][:2] == ["≤ 25 ms", "≤ 150 ms"]


def test_drain_brings_what_was_sold_without_a_line(ground: tuple[Cloud, Sequence[Product]]) -> None:
    cloud, goods = ground
    check(as_told("drain", drain_in(cloud, goods, 40, tills=1, other_tills=1)), {"P9"})


def test_connections_are_held_beside_live_sales(ground: tuple[Cloud, Sequence[Product]]) -> None:
    cloud, goods = ground
    told = as_told("connections", connections_in(cloud, goods, 20, 0.5, tills=1, branches=1))
    check(told, {"P10"})
    assert told["results"][0]["value"] == 20
    assert told["results"][0]["meets"] is False, "twenty are not ten thousand"


def test_a_courier_file_comes_into_router_and_cloud(
    ground: tuple[Cloud, Sequence[Product]],
) -> None:
    cloud, goods = ground
    check(as_told("courier", courier_in(cloud, goods, 20)), {"courier"})
