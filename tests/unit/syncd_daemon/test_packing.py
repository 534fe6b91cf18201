"""A till packs its sales for the courier: what is left on the stick, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sentra.courier import packing
from syncd.daemon.outbound.courier import TillDepot
from tests.support.journals import START_MS, an_id
from tests.support.tills import a_till, sell


def test_the_next_packing_takes_away_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, identity = a_till(tmp_path / "till")
    sell(vault, identity, 3)
    depot, stick = TillDepot(vault, identity), tmp_path / "stick"
    stick.mkdir()
    killed = os.fork()
    if not killed:
        packing.pack(depot, stick, now_ms=START_MS, tick=lambda *_: os._exit(9))
    assert os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1]) == 9
    (draft,) = stick.iterdir()
    others = [
        draft.with_name(draft.name.replace(identity.device_id, an_id(5))),
        draft.with_name(f".{identity.device_id}.receipt.draft"),
        draft.with_name("holiday.draft"),
    ]
    for other in others:
        other.write_bytes(b"x")
    packed = packing.pack(depot, stick, now_ms=START_MS)
    assert packed.entries == 3
    assert sorted(stick.iterdir()) == sorted([*packed.written, *others])
    vault.close()
