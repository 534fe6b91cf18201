"""A router for each branch of a bench, all in one process of `sentra router`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bench.ground import Ground
from bench.programs import READY_S_MAX, Program, ProgramFailed, free_port, running
from sentra.link.errors import LinkDown, LinkRefused
from syncd.daemon.operations.ports import ROUTER

_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tills of a branch find their router."""

    address: str
    server_name: str


@dataclass(frozen=True, slots=True)
class Routers:
    """The process, and the place of each branch's router by the branch's id."""

    program: Program
    places: Mapping[str, Place]


@contextmanager
def running_routers(ground: Ground, name: str) -> Iterator[Routers]:
    """Newly enrolled, empty, and ready for every till of the ground."""
    places: dict[str, Place] = {}
    arguments = ["router", "--host", "127.0.0.1"]
    for number, branch in enumerate(ground.branches):
        folder = ground.cloud.folder / f"{name}-router-{number}"
        identity = ground.cloud.enrol(folder, branch, "router")
        address = f"127.0.0.1:{free_port()}"
        places[branch] = Place(address, f"{identity.device_id}.router.sentra")
        arguments += ["--data", str(folder), "--port", address.rpartition(":")[2]]
        arguments += ["--page-port", str(free_port()), "--advertise", address]
    log = ground.cloud.folder / f"{name}-routers.log"
    with running(log, *arguments, environment={}) as program:
        routers = Routers(program, places)
        _await_all(ground, routers)
        yield routers


def _await_all(ground: Ground, routers: Routers) -> None:
    """A router serves a till once the feed has told it of the till's key."""
    deadline_s = time.monotonic() + READY_S_MAX
    for sender in ground.senders:
        place = routers.places[sender.identity.branch_id]
        while True:
            try:
                sender.connect(place.address, ROUTER, place.server_name)
                break
            except (LinkDown, LinkRefused) as error:
                if time.monotonic() > deadline_s:
                    raise ProgramFailed(f"{error}\n{routers.program.log_end()}") from error
            time.sleep(_LOOK_EVERY_S)
