"""`sentra demo --check`: all programs as real processes, a cut in the middle, nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECK_S_MAX = 240
ODD_TICKETS = """\
ticket,branch,terminal,at,code,name,quantity,unit_price,payment
1,Łódź,Till 1,2026-03-01T09:00:00,A1,"Café ☕ ""crème"", 250 g",2,3.49,cash
1,Łódź,Till 1,2026-03-01T09:00:00,A2,,1,0,cash
2,東京,レジ 1,2026-03-01T09:05:00,B-1,お茶 ペットボトル,3,1.20,card
3,Łódź,Till 1,2026-03-01T09:10:00,A1,Return of café,-1,3.49,cash
4,Łódź,Till 1,2026-03-01T09:12:00,A3,Cheese by weight,0.345,12.00,qris
4,Łódź,Till 1,2026-03-01T09:12:00,A1,Café,-1,3.49,qris
5,Łódź,Till 1,2026-03-01T09:15:00,A9,Bad price,1,abc,cash
6,Łódź,Till 1,not a date,A9,Bad date,1,1.00,cash
7,مقهى,صندوق,2026-03-02T09:15:00,,قهوة,1,2.50,cash
8,Łódź,Till 2,2026-03-02T09:15:00,E,family bag,1,9.99,voucher
"""


def _check(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """(status, the JSON of the last line, what was said to people)."""
    ran = subprocess.run(
        [sys.executable, "-m", "sentra", "demo", "--check", *arguments],
        env={**os.environ, "SENTRA_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        timeout=CHECK_S_MAX,
        check=False,
    )
    return ran.returncode, json.loads(ran.stdout.splitlines()[-1]), ran.stderr


def test_odd_tickets_arrive_once_and_what_cannot_be_taken_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text(ODD_TICKETS, encoding="utf-8")
    status, found, said = _check("--tickets", str(file), "--currency", "GBP")
    assert status == 0, (found, said)
    assert found["gross"] == {"till": "20.23", "router": "20.23", "cloud": "20.23"}
    assert found["by_branch"] == {
        "Łódź": {"tickets": 4, "gross": "14.13"},
        "東京": {"tickets": 1, "gross": "3.60"},
        "مقهى": {"tickets": 1, "gross": "2.50"},
    }
    assert (found["tickets"], found["lines"], found["rejected_lines"]) == (6, 8, 2)
    assert (found["lost"], found["doubled"], found["verified"]) == (0, 0, True)
    assert found["converged_s"] >= 0
    assert found["sales_per_s"] > 0
    assert "every trunk is cut" in said
    assert "every trunk is mended" in said


def test_a_file_that_is_no_tickets_file_ends_with_a_sentence_and_status_one(
    tmp_path: Path,
) -> None:
    file = tmp_path / "tickets.csv"
    file.write_text("nama,harga\nTeh,4500\n", encoding="utf-8")
    status, found, said = _check("--tickets", str(file))
    assert status == 1
    assert found["verified"] is False
    assert "Traceback" not in said
    assert "columns" in said
