"""`sentra demo --check --kills`: programs end at random, as by kill -9, and nothing is lost.

A short turn of what docs/proofs.md has at length.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from demo.kills import BAG

KILLS = 9
"""Each program once, and the till twice."""

TICKETS = 200
CHECK_S_MAX = 480
HEADER = "ticket,branch,terminal,at,code,name,quantity,unit_price,payment"


def _tickets(path: Path) -> int:
    """Writes tickets of two tills of one branch over three days; their sum in rupiah."""
    rows, total = [HEADER], 0
    for number in range(TICKETS):
        at = f"2026-03-0{number // 70 + 1}T09:{number // 60 % 60:02}:{number % 60:02}"
        price, till = 1_000 + 100 * (number % 7), number % 2 + 1
        rows.append(f"T{number},Sangatta,Kasir {till},{at},A{number % 5},Teh,2,{price},cash")
        total += 2 * price
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return total


def test_kills_at_random_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tickets.csv"
    total = _tickets(file)
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "sentra", "demo", "--check", "--tickets", str(file)),
            *("--kills", str(KILLS), "--seed", "5"),
        ],
        env={**os.environ, "SENTRA_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        timeout=CHECK_S_MAX,
        check=False,
    )
    found = json.loads(ran.stdout.splitlines()[-1])
    assert ran.returncode == 0, (found, ran.stderr)
    assert sum(found["kills"].values()) == KILLS
    assert set(found["kills"]) == set(BAG)
    assert (found["tickets"], found["lost"], found["doubled"]) == (TICKETS, 0, 0)
    assert found["gross"] == dict.fromkeys(("till", "router", "cloud"), str(total))
    assert found["verified"] is True
