"""Hosts on one machine: network namespaces, and wires between them that we hold in our hands.

Each end of a wire is a TUN device in a namespace. What the kernel sends into one comes to us as IP
packets, and goes out of the other late, never, or slowly, as the weather on the wire has it. So the
programs run over the kernel's own TCP, with nothing of theirs replaced, and no packet filter or
traffic control is needed.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import selectors
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

TUN: Final = Path("/dev/net/tun")
MTU: Final = 1_400
QUEUE_S_MAX: Final = 1.0
"""A slow wire holds back so much before it drops, as a modem does."""

_SET_INTERFACE: Final = 0x400454CA
_TUN_NO_INFO: Final = 0x0001 | 0x1000


def why_not() -> str | None:
    """Why this machine cannot do it, or None."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    if shutil.which("ip") is None:
        return "there is no `ip` here"
    if not TUN.exists():
        return f"there is no {TUN} here"
    tried = subprocess.run(["ip", "netns", "list"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "network namespaces are not allowed here"


@dataclass(frozen=True, slots=True)
class Weather:
    """What a wire does to packets, each way. `loss` is a share of them, `bits_s` 0 is no limit."""

    loss: float = 0.0
    delay_s: float = 0.0
    bits_s: int = 0
    cut: bool = False


FAIR: Final = Weather()


@dataclass(slots=True)
class Wire:
    """Two ends and the weather between them."""

    ends: tuple[int, int]
    weather: Weather = FAIR
    passed: int = 0
    lost: int = 0
    free_at_s: dict[int, float] = field(default_factory=dict)


class Wires(threading.Thread):
    """Carries the packets of all wires. Chance is drawn from a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__(name="wires", daemon=True)
        self._dice = random.Random(seed)
        self._ends: dict[int, Wire] = {}
        self._on_the_way: list[tuple[float, int, int, bytes]] = []
        self._numbers = count()
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()

    def add(self, first: int, second: int) -> Wire:
        """A wire between two TUN devices. Before `start`."""
        wire = Wire((first, second))
        for end in wire.ends:
            self._ends[end] = wire
            self._selector.register(end, selectors.EVENT_READ)
        return wire

    def run(self) -> None:
        """Until `stop`."""
        while not self._ended.is_set():
            due_s = self._on_the_way[0][0] - time.monotonic() if self._on_the_way else 0.05
            for key, _ in self._selector.select(max(0.0, min(due_s, 0.05))):
                self._take(key.fd)
            while self._on_the_way and self._on_the_way[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(self._on_the_way)
                _write(end, packet)

    def stop(self) -> None:
        """Ends the thread; the devices go with their files."""
        self._ended.set()
        if self.is_alive():
            self.join(2)
        for end in self._ends:
            os.close(end)
        self._selector.close()

    def _take(self, end: int) -> None:
        try:
            packet = os.read(end, 65_536)
        except OSError:
            return
        wire = self._ends[end]
        weather, now_s = wire.weather, time.monotonic()
        if weather.cut or self._dice.random() < weather.loss:
            wire.lost += 1
            return
        leaves_s = now_s
        if weather.bits_s:
            begins_s = max(now_s, wire.free_at_s.get(end, 0.0))
            if begins_s - now_s > QUEUE_S_MAX:
                wire.lost += 1
                return
            leaves_s = begins_s + len(packet) * 8 / weather.bits_s
            wire.free_at_s[end] = leaves_s
        wire.passed += 1
        other = wire.ends[0] if end == wire.ends[1] else wire.ends[1]
        arrives_s = leaves_s + weather.delay_s
        heapq.heappush(self._on_the_way, (arrives_s, next(self._numbers), other, packet))


def _write(end: int, packet: bytes) -> None:
    try:
        os.write(end, packet)
    except OSError:
        return  # The far host is just being taken down.


@dataclass(slots=True)
class Hosts:
    """Three hosts in a row: the till, the branch's router, the cloud."""

    names: dict[str, str]
    lan: Wire
    wan: Wire

    def command(self, host: str, *words: str) -> list[str]:
        """A command as it is run on a host."""
        return ["ip", "netns", "exec", self.names[host], *words]


TILL_IP, ROUTER_LAN_IP = "10.77.1.2", "10.77.1.1"
ROUTER_WAN_IP, CLOUD_IP = "10.77.2.1", "10.77.2.2"


@contextmanager
def three_hosts(seed: int) -> Iterator[Hosts]:
    """till | router | cloud, each in a namespace; the router also forwards, as a branch's does."""
    names = {one: f"sentra-{os.getpid()}-{one}" for one in ("till", "router", "cloud")}
    wires = Wires(seed)
    try:
        for name in names.values():
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        lan = wires.add(
            _end(names["till"], "lan", TILL_IP, ROUTER_LAN_IP),
            _end(names["router"], "lan", ROUTER_LAN_IP, TILL_IP),
        )
        wan = wires.add(
            _end(names["router"], "wan", ROUTER_WAN_IP, CLOUD_IP),
            _end(names["cloud"], "wan", CLOUD_IP, ROUTER_WAN_IP),
        )
        _ip("-n", names["till"], "route", "add", "default", "via", ROUTER_LAN_IP)
        _ip("-n", names["cloud"], "route", "add", "default", "via", ROUTER_WAN_IP)
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        _run("ip", "netns", "exec", names["router"], "sh", "-c", forward)
        wires.start()
        yield Hosts(names, lan, wan)
    finally:
        wires.stop()
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _end(namespace: str, name: str, own: str, other: str) -> int:
    """A TUN device in a namespace; the file that holds it."""
    end = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    made = f"st{os.getpid() % 100_000}{namespace[-1]}{name[0]}"
    fcntl.ioctl(end, _SET_INTERFACE, struct.pack("16sH22x", made.encode(), _TUN_NO_INFO))
    _ip("link", "set", made, "netns", namespace)
    _ip("-n", namespace, "link", "set", made, "name", name)
    _ip("-n", namespace, "addr", "add", own, "peer", other, "dev", name)
    _ip("-n", namespace, "link", "set", name, "mtu", str(MTU), "up")
    return end


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
