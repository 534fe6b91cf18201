"""What a step can be. Each takes the world and its own dice, and says in a word what came of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sentra.link.errors import LinkFailure
from sentra.protocol.entry import EMPTY
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import HelloAnswer, JournalAnswer, Watermark
from sentra.vault import journal
from simulation import cashier
from simulation.cloud import ADDRESS
from simulation.disks import looking
from simulation.network import FAIR, Weather
from simulation.plan import Step
from simulation.power import Life
from simulation.terminal import TerminalMachine
from simulation.wire import Answer, Request
from simulation.world import TILLS_MAX, World

Verb = Callable[[World, Step, random.Random], str]

_WAITS_MS: Final = (1_000, 10_000, 45_000, 300_000, 3 * 3_600_000, 26 * 3_600_000)
_CLOCKS_MS: Final = (0, 30_000, -200_000, 86_400_000, -40 * 86_400_000, 3_000 * 86_400_000)
_WORDS: Final = (None, "feed", "head")
_SLIPS_MS: Final = (-600_000, -90_000, -4_000, 4_000, 200_000)
"""Clocks that run wrong, more often back than forward: that is what puts times out of order."""

_CUT_WITHIN: Final = 7
_LIES_MAX: Final = 12


def _at_till(act: Callable[[TerminalMachine, random.Random], str]) -> Verb:
    def verb(world: World, step: Step, dice: random.Random) -> str:
        terminal = world.terminal(step)
        with world.site.grid.run(terminal.life):
            return f"{terminal.name}: {act(terminal, dice)}"

    return verb


def _sync(world: World, step: Step, dice: random.Random) -> str:
    terminal = world.terminal(step)
    return f"{terminal.name}: {terminal.daemon.take_turn(dice.choice(_WORDS))}"


def _trunk(world: World, step: Step, dice: random.Random) -> str:
    router = world.router(step)
    if router is None:
        return "no router"
    if not router.is_up and dice.random() < 0.5:
        router.switch_on()
    return f"{router.name}: {router.take_turn(woken=dice.random() < 0.7)}"


def _everybody(world: World, _step: Step, _dice: random.Random) -> str:
    world.everybody()
    return "one turn each"


def _pass(world: World, _step: Step, dice: random.Random) -> str:
    wait_ms = dice.choices(_WAITS_MS, (6, 5, 5, 3, 1, 1))[0]
    world.site.time.pass_ms(wait_ms)
    return f"{wait_ms} ms"


# -- the back office -------------------------------------------------------------------------------


def _price(world: World, _step: Step, dice: random.Random) -> str:
    count = dice.choice((1, 2, 5))
    world.office.change_prices(dice, count)
    return f"{count} prices"


def _goods(world: World, _step: Step, dice: random.Random) -> str:
    world.office.add_product(dice)
    return "a product"


def _retire(world: World, _step: Step, dice: random.Random) -> str:
    world.office.retire_product(dice)
    return "a product less"


def _person(world: World, step: Step, dice: random.Random) -> str:
    world.office.add_person(step.pick(world.office.branches), dice)
    return "somebody new"


def _settings(world: World, step: Step, dice: random.Random) -> str:
    branch = step.pick(world.office.branches)
    world.office.change_settings(branch, dice)
    return branch.code


def _join(world: World, step: Step, _dice: random.Random) -> str:
    branch = step.number % len(world.office.branches)
    if sum(one.branch == branch for one in world.terminals) >= TILLS_MAX:
        return "no room"
    return world.add_terminal(branch).name


def _revoke(world: World, step: Step, _dice: random.Random) -> str:
    terminal = world.terminal(step)
    if sum(not one.revoked for one in world.terminals) < 2 or terminal.revoked:
        return "nobody"
    terminal.revoked = True
    world.office.revoke(terminal.identity.device_id)
    return terminal.name


# -- what goes wrong -------------------------------------------------------------------------------


def _storm(world: World, _step: Step, dice: random.Random) -> str:
    shares = [dice.choice((0, 0, 20, 100, 250)) for _ in range(7)]
    world.site.network.weather = Weather(*(share * 3 // 5 for share in shares))
    return str(shares)


def _calm(world: World, _step: Step, _dice: random.Random) -> str:
    world.site.network.weather = FAIR
    return "fair"


def _line(world: World, _step: Step, dice: random.Random) -> str:
    line = dice.choice(world.lines())
    world.site.network.down.add(line)
    return " → ".join(line)


def _mend(world: World, _step: Step, _dice: random.Random) -> str:
    count = len(world.site.network.down)
    world.site.network.down.clear()
    return f"{count} lines"


def _arm(world: World, step: Step, dice: random.Random) -> str:
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


def _outage(world: World, step: Step, _dice: random.Random) -> str:
    terminal = world.terminal(step)
    world.restart(terminal)
    return terminal.name


def _kill(world: World, step: Step, _dice: random.Random) -> str:
    terminal = world.terminal(step)
    terminal.kill_daemon()
    return terminal.daemon.life.name


def _router_off(world: World, step: Step, _dice: random.Random) -> str:
    router = world.router(step)
    if router is None:
        return "no router"
    router.switch_off()
    return router.name


def _router_on(world: World, step: Step, _dice: random.Random) -> str:
    router = world.router(step)
    if router is None:
        return "no router"
    router.switch_on()
    return router.name


def _router_disk(world: World, step: Step, _dice: random.Random) -> str:
    router = world.router(step)
    if router is None:
        return "no router"
    world.replace_disk(router)
    return router.name


def _service(world: World, _step: Step, _dice: random.Random) -> str:
    world.cloud.start()
    return "started anew"


def _clock(world: World, step: Step, dice: random.Random) -> str:
    machine = dice.choice(world.machines()) if dice.random() < 0.3 else world.terminal(step)
    clock = machine.clock
    slipped_ms = clock.offset_ms + dice.choice(_SLIPS_MS)
    clock.offset_ms = slipped_ms if dice.random() < 0.6 else dice.choice(_CLOCKS_MS)
    return f"{machine.name} is {clock.offset_ms} ms ahead"


def _scatter(world: World, step: Step, dice: random.Random) -> str:
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
    return f"{len(some)} of {len(sealed)}: {', '.join(one.outcome for one in answer.outcomes)}"


def _stores_of(world: World, terminal: TerminalMachine) -> list[tuple[str, str | None]]:
    """Whom a terminal may speak to: (address, name in the certificate)."""
    near = [one for one in world.routers if one.branch == terminal.branch]
    return [(ADDRESS, None), *((one.address, one.server_name) for one in near)]


# -- who should get nothing ------------------------------------------------------------------------


def _pry(world: World, step: Step, _dice: random.Random) -> str:
    """A device asks for another branch's decisions, and brings another branch's sales."""
    terminal = world.terminal(step)
    others = [one.id for one in world.office.branches if one is not world.branch_of(terminal)]
    scope = others[0] if others else world.office.company_id
    before = len(world.broken)
    _ask_for(world, terminal, scope)
    _bring_foreign(world, terminal)
    return f"{terminal.name} got {'something' if len(world.broken) > before else 'nothing'}"


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
        if owner is thief:
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


def _liar(world: World, _step: Step, dice: random.Random) -> str:
    """For some answers, something at the routers claims that the cloud has everything."""
    left = dice.randint(1, _LIES_MAX)

    def lie(request: Request, answer: Answer) -> Answer:
        nonlocal left
        if left <= 0 or request.address == ADDRESS or answer.status != 200:
            return answer
        body = _forged(request, answer.body, dice)
        if body is None:
            return answer
        left -= 1
        return Answer(answer.status, answer.headers, body)

    world.site.network.alter = lie
    return f"{left} answers"


def _forged(request: Request, body: bytes, dice: random.Random) -> bytes | None:
    """The answer with watermarks that the cloud never gave."""
    signature = dice.randbytes(64).hex()
    if request.path == "/v1/hello":
        hello = msgspec.json.decode(body, type=HelloAnswer)
        at_ms = hello.clock_ms + 3_600_000
        marks = {
            terminal: Watermark("cloud", terminal, head, at_ms, signature)
            for terminal, head in hello.here.items()
        }
        return msgspec.json.encode(msgspec.structs.replace(hello, cloud=marks))
    if request.path == "/v1/journal":
        said = msgspec.json.decode(body, type=JournalAnswer)
        outcomes = tuple(
            msgspec.structs.replace(
                one, cloud=Watermark("cloud", one.terminal, one.here, 2**52, signature)
            )
            for one in said.outcomes
        )
        return msgspec.json.encode(msgspec.structs.replace(said, outcomes=outcomes))
    return None


VERBS: Final[Mapping[str, Verb]] = {
    "sell": _at_till(cashier.sell),
    "burst": _at_till(cashier.burst),
    "cart": _at_till(cashier.begin_cart),
    "void": _at_till(cashier.void),
    "refund": _at_till(cashier.refund),
    "cash": _at_till(cashier.cash),
    "close": _at_till(cashier.close),
    "hold": _at_till(cashier.hold),
    "resume": _at_till(cashier.resume),
    "strange": _at_till(cashier.record_strange),
    "sync": _sync,
    "trunk": _trunk,
    "everybody": _everybody,
    "pass": _pass,
    "price": _price,
    "goods": _goods,
    "retire": _retire,
    "person": _person,
    "settings": _settings,
    "join": _join,
    "revoke": _revoke,
    "storm": _storm,
    "calm": _calm,
    "line": _line,
    "mend": _mend,
    "arm": _arm,
    "outage": _outage,
    "kill": _kill,
    "router-off": _router_off,
    "router-on": _router_on,
    "router-disk": _router_disk,
    "service": _service,
    "clock": _clock,
    "scatter": _scatter,
    "pry": _pry,
    "liar": _liar,
}
