"""What goes wrong, and who tries what they may not: each fault as one verb."""

from __future__ import annotations

import random
from typing import Final

from sentra.link.errors import LinkFailure
from sentra.protocol.answer import AnswerDamaged
from sentra.protocol.entry import EMPTY
from sentra.protocol.envelope import Parcel
from sentra.vault import journal
from simulation.cloud import ADDRESS, TROUBLES
from simulation.disks import looking
from simulation.network import FAIR, Weather
from simulation.plan import Step
from simulation.power import Life
from simulation.terminal import TerminalMachine
from simulation.world import World

_CLOCKS_MS: Final = (0, 30_000, -200_000, 86_400_000, -40 * 86_400_000, 3_000 * 86_400_000)
_SLIPS_MS: Final = (-600_000, -90_000, -4_000, 4_000, 200_000)
"""Clocks that run wrong, more often back than forward: that is what puts times out of order."""

CLONE_TILLS_MAX: Final = 12

_CUT_WITHIN: Final = 7
_TROUBLES_MAX: Final = 3


def storm(world: World, _step: Step, dice: random.Random) -> str:
    """Requests and answers are lost, late, doubled and torn, more of the one than of the other."""
    shares = [dice.choice((0, 0, 20, 100, 250)) for _ in range(7)]
    world.site.network.weather = Weather(*(share * 3 // 5 for share in shares))
    return str(shares)


def calm(world: World, _step: Step, _dice: random.Random) -> str:
    """The weather is fair again."""
    world.site.network.weather = FAIR
    return "fair"


def line(world: World, _step: Step, dice: random.Random) -> str:
    """One machine does not reach another any more."""
    line = dice.choice(world.lines())
    world.site.network.down.add(line)
    return " → ".join(line)


def cut_off(world: World, step: Step, _dice: random.Random) -> str:
    """One machine reaches nobody any more: what is sold there goes by stick, or waits."""
    terminal = world.terminal(step)
    world.site.network.down.update(one for one in world.lines() if one[0] == terminal.name)
    return terminal.name


def mend(world: World, _step: Step, _dice: random.Random) -> str:
    """Every line is mended, and there is room on every disk."""
    network, disks = world.site.network, world.site.disks
    mended = f"{len(network.down)} lines, {len(disks.full)} disks"
    network.down.clear()
    disks.full.clear()
    return mended


def arm(world: World, step: Step, dice: random.Random) -> str:
    """Somebody's power will go at one of the next commits, just before it or just after."""
    life = _any_life(world, step, dice)
    commits, after = dice.randrange(_CUT_WITHIN), dice.random() < 0.5
    life.arm(commits, after=after)
    return f"{life.name}, {commits} commits from now, {'after' if after else 'before'} it"


def _any_life(world: World, step: Step, dice: random.Random) -> Life:
    """A program, each kind as often as it has something to lose."""
    terminal, router = world.terminal(step), world.router(step)
    lives = [terminal.life, terminal.daemon.life, world.cloud.life]
    lives.append(router.life if router is not None and router.is_up else terminal.life)
    return dice.choices(lives, (5, 3, 2, 3))[0]


def outage(world: World, step: Step, _dice: random.Random) -> str:
    """The power goes at a till, and comes back."""
    terminal = world.terminal(step)
    world.restart(terminal)
    return terminal.name


def kill(world: World, step: Step, _dice: random.Random) -> str:
    """The daemon's process dies."""
    terminal = world.terminal(step)
    terminal.kill_daemon()
    return terminal.daemon.life.name


def router_off(world: World, step: Step, _dice: random.Random) -> str:
    """The router is off."""
    router = world.router(step)
    if router is None:
        return "no router"
    router.switch_off()
    return router.name


def router_on(world: World, step: Step, _dice: random.Random) -> str:
    """The router is on again."""
    router = world.router(step)
    if router is None:
        return "no router"
    router.switch_on()
    return router.name


def router_disk(world: World, step: Step, _dice: random.Random) -> str:
    """The router's disk dies, and an empty one takes its place."""
    router = world.router(step)
    if router is None:
        return "no router"
    world.replace_disk(router)
    return router.name


def service(world: World, _step: Step, _dice: random.Random) -> str:
    """The service's process ends, and another one begins."""
    world.cloud.start()
    return "started anew"


def database(world: World, _step: Step, dice: random.Random) -> str:
    """The next transactions of the service meet a database that does not do its part."""
    troubles = dice.choices(TROUBLES, k=dice.randint(1, _TROUBLES_MAX))
    world.cloud.troubles += troubles
    return ", ".join(troubles)


def backup(world: World, _step: Step, _dice: random.Random) -> str:
    """The database is backed up."""
    world.cloud.back_up()
    world.office.back_up()
    return "kept"


def cloud_restore(world: World, _step: Step, _dice: random.Random) -> str:
    """The database is restored to its backup: it forgets what it had acknowledged since."""
    if not world.office.can_go_back():
        return "nothing to go back to"
    world.restore_cloud()
    return "restored"


def image(world: World, step: Step, _dice: random.Random) -> str:
    """A technician copies a till's disk."""
    terminal = world.terminal(step)
    terminal.take_image()
    return terminal.name


def put_back(world: World, step: Step, dice: random.Random) -> str:
    """A till's disk becomes an old copy of itself: wholly, or its database alone."""
    terminals = [one for one in world.terminals if one.image is not None and not one.is_cloned]
    if not terminals:
        return "nothing to put back"
    terminal, whole = step.pick(terminals), dice.random() < 0.5
    world.put_back(terminal, whole=whole)
    return f"{terminal.name}, {'wholly' if whole else 'its database alone'}"


def clone(world: World, step: Step, _dice: random.Random) -> str:
    """A terminal's disk is copied into a second machine, which sells in its name too."""
    terminal = world.terminal(step)
    if any(one.is_cloned for one in world.terminals) or len(world.terminals) >= CLONE_TILLS_MAX:
        return "nobody"
    return f"{terminal.name} is {world.clone(terminal).name} too"


def disk_full(world: World, step: Step, dice: random.Random) -> str:
    """Hardly anything is left on a disk, until somebody makes room."""
    router = world.router(step)
    machine = world.terminal(step) if router is None or dice.random() < 0.6 else router
    world.site.disks.full.add(machine.name)
    return machine.name


def clock(world: World, step: Step, dice: random.Random) -> str:
    """A clock is put wrong, or right, or slips."""
    machine = dice.choice(world.machines()) if dice.random() < 0.3 else world.terminal(step)
    clock = machine.clock
    slipped_ms = clock.offset_ms + dice.choice(_SLIPS_MS)
    clock.offset_ms = slipped_ms if dice.random() < 0.6 else dice.choice(_CLOCKS_MS)
    return f"{machine.name} is {clock.offset_ms} ms ahead"


def scatter(world: World, step: Step, dice: random.Random) -> str:
    """Somebody carries segments of a terminal by another way, in no order and not all of them."""
    terminal = world.terminal(step)
    with world.site.grid.run(terminal.life), terminal.till.vault.writer() as db:
        journal.seal_pending(db, terminal.identity)
        known = journal.watermark(db, "cloud") if dice.random() < 0.7 else EMPTY
        sealed = [each for _, each in journal.parcels_after(db, known, 2**20, 100)]
    if not sealed:
        return "nothing is sealed"
    some = sealed[-1:] if dice.random() < 0.4 else dice.sample(sealed, dice.randint(1, len(sealed)))
    link = terminal.link(terminal.identity, *dice.choice(_stores_of(world, terminal)))
    try:
        answer = link.send([Parcel(each) for each in some])
    except LinkFailure as failure:
        return failure.slug
    except AnswerDamaged:
        return "an answer that is none"
    return f"{len(some)} of {len(sealed)}: {', '.join(one.outcome for one in answer.outcomes)}"


def _stores_of(world: World, terminal: TerminalMachine) -> list[tuple[str, str | None]]:
    """Whom a terminal may speak to: (address, name in the certificate)."""
    near = [one for one in world.routers if one.branch == terminal.branch]
    return [(ADDRESS, None), *((one.address, one.server_name) for one in near)]


# -- who should get nothing ------------------------------------------------------------------------


def pry(world: World, step: Step, _dice: random.Random) -> str:
    """A device asks for another branch's decisions, brings another branch's sales, and a router
    asks for another branch's journal."""
    terminal = world.terminal(step)
    others = [one.id for one in world.office.branches if one is not world.branch_of(terminal)]
    scope = others[0] if others else world.office.company_id
    before = len(world.broken)
    _ask_for(world, terminal, scope)
    _bring_foreign(world, terminal)
    _read_foreign(world)
    return f"{terminal.name} got {'something' if len(world.broken) > before else 'nothing'}"


def _read_foreign(world: World) -> None:
    """Routers fetch journals for their terminals, and for nobody else."""
    for router in world.routers:
        owner = next((one for one in world.terminals if one.branch != router.branch), None)
        if owner is None or router.identity is None:
            continue
        link = router.link(router.identity, ADDRESS)
        try:
            link.journal(EMPTY, terminal=owner.identity.device_id)
        except LinkFailure:
            continue
        world.broken.append(f"I10 {router.name} reads the journal of {owner.name}")


def _ask_for(world: World, terminal: TerminalMachine, scope: str) -> None:
    for address, server_name in _stores_of(world, terminal):
        try:
            terminal.link(terminal.identity, address, server_name).feed(scope, 0)
        except LinkFailure:
            continue
        world.broken.append(f"I10 {terminal.name} reads the scope {scope} at {address}")


def _bring_foreign(world: World, thief: TerminalMachine) -> None:
    """Another terminal's sealed bytes, in this one's name: they are not for it to bring."""
    for owner in world.terminals:
        if owner.identity.device_id == thief.identity.device_id:
            continue
        with looking(owner.folder) as db:
            parcels = journal.parcels_after(db, EMPTY, 1, 1)
        if not parcels:
            continue
        link = thief.link(thief.identity, ADDRESS)
        try:
            answer = link.send([Parcel(parcels[0][1])])
        except LinkFailure:
            return
        if any(one.outcome != "refused" for one in answer.outcomes):
            world.broken.append(f"I10 {thief.name} brings what is {owner.name}'s")
        return
