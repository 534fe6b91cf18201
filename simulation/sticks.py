"""USB sticks: who packs one, who takes it in, in which state it arrives, and who forges one.

Nothing says which stick is the newest, nor that somebody has been with one before: they lie in a
drawer, and people take what comes to hand.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg2 import OperationalError
from psycopg2.errors import DeadlockDetected
from sqlalchemy.exc import DBAPIError

from router_agent.courier import RouterDepot, open_router
from sentra.courier import packing, unpacking
from sentra.courier.failures import CourierFailure, PackedByRevoked
from sentra.courier.files import SUFFIX, courier_files, receipts_for, write_receipt
from sentra.courier.offers import Sender, Taker, sender_of
from sentra.failures import Failure
from sentra.protocol.courier import CONTENTS_BYTES_MAX
from simulation.cloud import ADDRESS
from simulation.network import torn
from simulation.plan import Step
from simulation.power import Life, PowerCut
from simulation.router import RouterMachine
from simulation.terminal import TerminalMachine
from simulation.world import Stick, World
from syncd.daemon.outbound.courier import TillDepot, open_till

_CUT_WITHIN: Final = 5
_CUT_SHARE: Final = 0.25
_STICKS_MAX: Final = 6
"""Then the oldest is overwritten by somebody's holiday pictures."""

_PART_BYTES: Final = (1_500, 4_000, CONTENTS_BYTES_MAX)
"""A part of the first two sizes holds a few sales."""

_AWAY: Final = (DBAPIError, OperationalError, DeadlockDetected)


# -- packing ---------------------------------------------------------------------------------------


def pack(world: World, step: Step, dice: random.Random) -> str:
    """A till or a router packs what the cloud does not have, beside its other programs."""
    machine = _packer(world, step, dice)
    folder = _stick_for(world, machine.branch, dice).folder
    life = _life(machine.name, dice)
    pulled_in = dice.randrange(1, 40) if dice.random() < 0.1 else None

    def tick(_done: int, _all: int) -> None:
        nonlocal pulled_in
        if pulled_in is not None:
            pulled_in -= 1
            if pulled_in == 0:
                raise PowerCut(life)

    again, everything = dice.random() < 0.15, dice.random() < 0.25
    try:
        with world.site.grid.run(life), _depot(machine) as depot:
            receipts = receipts_for(depot.sender.device_id, folder)
            moved = sum(packing.take_receipt(depot, path) for path in receipts)
            packed = packing.pack(
                depot,
                folder,
                now_ms=machine.clock(),
                random=machine.dice.randbytes,
                again=again,
                everything=everything,
                part_bytes=dice.choice(_PART_BYTES),
                tick=tick,
            )
    except PowerCut as cut:
        return _died(cut, life)
    parts, kept = len(packed.written), len(packed.kept)
    return f"{machine.name}: {packed.entries} entries in {parts} parts behind {kept}, {moved} words"


def _packer(world: World, step: Step, dice: random.Random) -> TerminalMachine | RouterMachine:
    """Whoever has no other way rather than anybody else."""
    down = world.site.network.down
    cut_off = [one for one in world.terminals if (one.name, ADDRESS) in down]
    fate = dice.random()
    if cut_off and fate < 0.5:
        return dice.choice(cut_off)
    return (world.router(step) if fate > 0.65 else None) or world.terminal(step)


def _depot(
    machine: TerminalMachine | RouterMachine,
) -> AbstractContextManager[TillDepot | RouterDepot]:
    if isinstance(machine, RouterMachine):
        return open_router(machine.folder, machine.clock)
    return open_till(machine.folder)


def _stick_for(world: World, branch: int, dice: random.Random) -> Stick:
    own = [one for one in world.sticks if one.branch == branch]
    if own and dice.random() < 0.7:
        return own[-1] if dice.random() < 0.7 else dice.choice(own)
    if len(own) == _STICKS_MAX:
        world.sticks.remove(own[0])
    stick = Stick(branch, world.site.disks.new_folder("stick"))
    world.sticks.append(stick)
    return stick


def _life(name: str, dice: random.Random) -> Life:
    """A program that may die at one of its commits."""
    life = Life(f"the courier at {name}")
    if dice.random() < _CUT_SHARE:
        life.arm(dice.randrange(_CUT_WITHIN), after=dice.random() < 0.5)
    return life


def _died(cut: PowerCut, life: Life) -> str:
    """Only the courier's own program dies in here; whose power it was says the exception."""
    if cut.life is not life:
        raise cut
    life.end()
    return f"{life.name} dies"


# -- taking in -------------------------------------------------------------------------------------


def unpack(world: World, step: Step, dice: random.Random) -> str:
    """Some files of a stick are taken in by the cloud or a router, perhaps damaged on the way."""
    sticks = [one for one in world.sticks if any(one.folder.glob(f"*{SUFFIX}"))]
    if not sticks:
        return f"nothing is there yet; {pack(world, step, dice)}"
    stick = sticks[-1] if dice.random() < 0.5 else step.pick(sticks)
    files = _some(courier_files([stick.folder]), dice)
    router = dice.choice(world.routers) if world.routers and dice.random() < 0.5 else None
    life = _life("the cloud" if router is None else router.name, dice)
    told = []
    for file in files:
        is_damaged = dice.random() < 0.15
        path = _damaged(world, file, dice) if is_damaged else file
        try:
            with world.site.grid.run(life), _taker(world, router, life) as taker:
                taken = _take(path, taker, life)
        except (CourierFailure, *_AWAY) as failure:
            told.append(_name(failure))
            continue
        except PowerCut as cut:
            told.append(_died(cut, life))
            break
        if is_damaged:
            world.broken.append(f"I8 a damaged courier file is taken in: {file.name}")
        receipt = taken.receipt()
        if receipt is not None and dice.random() < 0.8:
            write_receipt(stick.folder, receipt)
        told.append("/".join(one.outcome for one in taken.outcomes.values()) or "empty")
    return f"{life.name}: {', '.join(told)}"


def _name(failure: Exception) -> str:
    return failure.code if isinstance(failure, Failure) else "the database does not answer"


def _some(files: list[Path], dice: random.Random) -> list[Path]:
    """All in order, the newest, any one, or some of them in no order and some of them twice."""
    fate = dice.random()
    if fate < 0.4:
        return files
    if fate < 0.6:
        return files[-1:]
    if fate < 0.75:
        return [dice.choice(files)]
    return dice.choices(files, k=dice.randint(1, 2 * len(files)))


def _damaged(world: World, file: Path, dice: random.Random) -> Path:
    """A copy that was cut off, or in which a bit has turned."""
    copy = world.site.disks.new_folder("copy") / file.name
    copy.write_bytes(torn(file.read_bytes(), dice))
    return copy


@contextmanager
def _taker(world: World, router: RouterMachine | None, life: Life) -> Iterator[Taker]:
    if router is None:
        with world.cloud.courier(life) as cloud:
            yield cloud
    else:
        with open_router(router.folder, router.clock) as depot:
            yield depot


def _take(path: Path, taker: Taker, life: Life) -> unpacking.Unpacked:
    """What a person does who is told that a revoked device packed it: they want the sales."""
    try:
        return unpacking.unpack(path, taker)
    except PackedByRevoked:
        life.require()
        return unpacking.unpack(path, taker, revoked_too=True)


# -- forging ---------------------------------------------------------------------------------------


def forge(world: World, step: Step, dice: random.Random) -> str:
    """Somebody makes files that are not theirs to make, out of sealed sales that are true."""
    owner = world.terminal(step)
    life = Life(f"the forger at {owner.name}")
    with world.site.grid.run(life):
        made = {how: _forged(world, owner, how, dice) for how in _FORGERIES}
        for how, path in made.items():
            for router in (None, *world.routers):
                if path is not None:
                    _show(world, path, how, router, life)
    return f"{sum(path is not None for path in made.values())} files of {owner.name}"


def _forged(world: World, owner: TerminalMachine, how: str, dice: random.Random) -> Path | None:
    """The file; None where nothing is sealed."""
    folder = world.site.disks.new_folder("forged")
    with open_till(owner.folder) as depot:
        depot.sender = _FORGERIES[how](world, owner, depot, dice)
        packed = packing.pack(
            depot, folder, now_ms=owner.clock(), random=owner.dice.randbytes, everything=True
        )
    return packed.written[0] if packed.written else None


def _show(world: World, path: Path, how: str, router: RouterMachine | None, life: Life) -> None:
    try:
        with _taker(world, router, life) as taker:
            taken = unpacking.unpack(path, taker, revoked_too=True)
    except (Failure, *_AWAY):
        return
    if any(one.outcome != "refused" for one in taken.outcomes.values()):
        name = "the cloud" if router is None else router.name
        world.broken.append(f"I10 {name} takes a forged courier file in: {how}")


class _Posing(Sender):
    """A till that calls itself a router, and has no custody stamps all the same."""

    @property
    def stamps(self) -> bool:
        return False


_Forgery = Callable[[World, TerminalMachine, TillDepot, random.Random], Sender]


def _of_another_company(
    world: World, _owner: TerminalMachine, depot: TillDepot, _dice: random.Random
) -> Sender:
    return replace(depot.sender, company_id=world.office.new_id())


def _of_another_branch(
    world: World, owner: TerminalMachine, depot: TillDepot, _dice: random.Random
) -> Sender:
    branches = [one.id for one in world.office.branches if one is not world.branch_of(owner)]
    return replace(depot.sender, branch_id=branches[0] if branches else world.office.new_id())


def _by_another_key(
    _world: World, _owner: TerminalMachine, depot: TillDepot, dice: random.Random
) -> Sender:
    key = Ed25519PrivateKey.from_private_bytes(dice.randbytes(32))
    return replace(depot.sender, key=key)


def _as_a_router(
    _world: World, _owner: TerminalMachine, depot: TillDepot, _dice: random.Random
) -> Sender:
    values = {field.name: getattr(depot.sender, field.name) for field in fields(Sender)}
    return _Posing(**values | {"role": "router"})


def _by_another_till(
    world: World, owner: TerminalMachine, depot: TillDepot, dice: random.Random
) -> Sender:
    """Its file, its key, and another till's journal in it."""
    own = owner.identity.device_id
    others = [one.identity for one in world.terminals if one.identity.device_id != own]
    if not others:
        return _by_another_key(world, owner, depot, dice)
    return sender_of(dice.choice(others))


_FORGERIES: Final[dict[str, _Forgery]] = {
    "of another company": _of_another_company,
    "of another branch": _of_another_branch,
    "signed by another key": _by_another_key,
    "a till that says it is a router": _as_a_router,
    "with another till's journal": _by_another_till,
}
