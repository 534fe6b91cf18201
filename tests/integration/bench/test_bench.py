"""The benches run as programs and tell their results in the agreed shape; no time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

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
    ],
    ids=("sale", "sync", "wire"),
)
def test_a_bench_tells_machine_versions_and_results(
    arguments: tuple[str, ...], measures: set[str]
) -> None:
    told = run_bench(*arguments)
    assert set(told) == {"bench", "machine", "versions", "results"}
    assert told["bench"] == arguments[0]
    assert told["machine"]["cores"] >= 1
    assert {"python", "sentra"} <= set(told["versions"])
    assert {result["measure"] for result in told["results"]} == measures
    for result in told["results"]:
        assert set(result) == RESULT_KEYS
        assert result["value"] > 0
        assert (result["meets"] is None) == (result["reach"] == "")
    judged = [result for result in told["results"] if result["meets"] is not None]
    assert judged
    for result in judged:
        assert isinstance(result["meets"], bool)
        if result["ratio"] is not None:
            assert result["ratio"] == pytest.approx(result["value"] / result["yardstick"])
