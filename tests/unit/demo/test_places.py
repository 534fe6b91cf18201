"""What a second start of the demo finds, and how it steps around busy ports."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

from demo.places import DevicePlace, Places, free_port, load, save


def test_what_was_saved_is_found_again(tmp_path: Path) -> None:
    router = DevicePlace("r1", "router", "Bandung", "BDG-R1", "/somewhere/router-1")
    till = DevicePlace("t1", "terminal", "Bandung", "Kasir 1", "/somewhere/terminal-1")
    kept = Places(ports={"web": 8000}, devices=[router, till], secret="s", ready=True)
    save(tmp_path / "places.json", kept)
    assert load(tmp_path / "places.json") == kept


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "places.json"
    save(path, Places(secret="s"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_an_earlier_start_there_is_nothing_and_it_is_not_ready(tmp_path: Path) -> None:
    assert load(tmp_path / "places.json") == Places()
    assert not load(tmp_path / "places.json").ready


def test_devices_are_found_by_role_and_branch() -> None:
    bandung = DevicePlace("t1", "terminal", "Bandung", "Kasir 1", "/a")
    sangatta = DevicePlace("t2", "terminal", "Sangatta", "Kasir 1", "/b")
    places = Places(devices=[bandung, sangatta])
    assert places.of("terminal", "Sangatta") == [sangatta]
    assert places.of("terminal") == [bandung, sangatta]
    assert places.of("router") == []


def test_a_busy_or_promised_port_is_stepped_around() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        taken = busy.getsockname()[1]
        assert free_port(taken, set()) != taken
    assert free_port(taken, {taken}) != taken
