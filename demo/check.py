"""`sentra demo --check`: the whole of Sentra without people, and the proof that nothing was lost.

Imports the catalogue, enrols routers and tills with codes, replays the tickets through the tills'
own actions, cuts every trunk in the middle third, waits until all heads meet, verifies.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text

from demo import goods
from demo.passwords import new_pin
from demo.places import DevicePlace
from demo.processes import sentra_command
from demo.stage import Stage, now_ms, today
from sentra.cloud.branches import suggest_code
from sentra.cloud.people import create_person
from sentra.failures import Failure
from sentra.i18n import say
from sentra.money import Currency, to_decimal_string
from sentra.money import currency as known_currency
from sentra.protocol.feed import COMPANY
from sentra.vault import catalogue, journal
from sentra.vault.database import Vault

CONVERGED_S_MAX = 600.0
"""What the backlog of the middle third may take to drain before the check gives up."""

SMALL = 1_000
"""Fewer tickets are replayed at a pace, so that the cut in the middle lasts for seconds."""

REPLAY_S_MIN = 9
"""How long a small file takes: three seconds for each third."""

OWN_PROCESSES_MAX = 6
"""Up to so many tills each has a daemon of its own; more share a few processes."""

SHARED_PROCESSES = 2
GENERATED_DAYS = 6
ZONES = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
Tell = Callable[[str], None]


class NotConverged(Failure):
    """The heads did not meet in time."""

    code = "demo-not-converged"
    sentence = "After %(seconds)s seconds %(count)s tills still hold sales that the cloud lacks."


class CommandFailed(Failure):
    """A command of ours that did not end well."""

    code = "demo-command-failed"
    sentence = "`sentra %(command)s` failed:\n%(said)s"


@dataclass(slots=True)
class Found:
    """What the check counts. Amounts are minor units."""

    tickets: int = 0
    lines: int = 0
    rejected: int = 0
    gross: dict[str, int] = field(default_factory=dict)
    by_branch: dict[str, dict[str, int]] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    exceptions: int = 0
    converged_s: float = 0.0
    sales_per_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """Whether every proof held: chains, signatures, sums, and one gross at each place."""
        return not self.problems and len(set(self.gross.values())) == 1

    @property
    def passed(self) -> bool:
        """Whether the promise was kept."""
        return self.verified and not self.lost and not self.doubled

    def as_json(self, currency: Currency) -> dict[str, object]:
        """One object, amounts as decimal strings."""
        return {
            "tickets": self.tickets,
            "lines": self.lines,
            "gross": {
                place: to_decimal_string(amount, currency) for place, amount in self.gross.items()
            },
            "by_branch": {
                name: {
                    "tickets": sums["tickets"],
                    "gross": to_decimal_string(sums["gross"], currency),
                }
                for name, sums in sorted(self.by_branch.items())
            },
            "lost": self.lost,
            "doubled": self.doubled,
            "exceptions": self.exceptions,
            "converged_s": round(self.converged_s, 3),
            "sales_per_s": round(self.sales_per_s, 1),
            "verified": self.verified,
            "rejected_lines": self.rejected,
            "problems": self.problems,
        }


class Check:
    """One run, in a folder of its own."""

    def __init__(self, stage: Stage, currency: str, tell: Tell) -> None:
        self._stage, self._tell = stage, tell
        self._currency = known_currency(currency)
        self.found = Found()

    def run(self, catalogue_file: Path | None, tickets_file: Path | None) -> Found:
        """Everything, in order. Raises Failure where a part cannot do its work at all."""
        stage, tell = self._stage, self._tell
        tell(say("Starting PostgreSQL, Redis, the sync service, the back office and its worker"))
        stage.start_cloud("Sentra Check", self._currency.code)
        if catalogue_file is None and tickets_file is None:
            catalogue_file = stage.folder / "catalogue.csv"
            goods.write_catalogue(catalogue_file)
        if tickets_file is None:
            tickets_file = stage.folder / "tickets.csv"
            goods.write_tickets(tickets_file, goods.SHOPS, last_day=today(), days=GENERATED_DAYS)
        if catalogue_file is not None:
            tell(say("Importing the catalogue %(name)s", name=catalogue_file.name))
            run_sentra(stage, "import", "catalogue", str(catalogue_file.absolute()), "--json")
        plan = self._plan(tickets_file)
        self._build(plan)
        self._tell(say("Waiting until every till has its catalogue"))
        wait_for_feed(stage)
        self._replay(tickets_file, plan)
        self._converge()
        self._count(plan)
        self._verify()
        return self.found

    # -- building -----------------------------------------------------------------------------

    def _plan(self, tickets_file: Path) -> dict[str, Any]:
        said = run_sentra(
            self._stage, "replay", str(tickets_file.absolute()), "--plan", "--json",
            "--currency", self._currency.code,
        )  # fmt: skip
        plan: dict[str, Any] = json.loads(said.splitlines()[-1])
        self.found.rejected = plan["rejected_lines"]
        return plan

    def _build(self, plan: dict[str, Any]) -> None:
        stage = self._stage
        branches: dict[str, list[str]] = defaultdict(list)
        for till in plan["terminals"]:
            branches[till["branch"]].append(till["terminal"])
        codes: set[str] = set()
        known = {shop.name: shop for shop in goods.SHOPS}
        for number, name in enumerate(branches):
            code = suggest_code(name, codes)
            codes.add(code)
            zone = known[name].zone if name in known else ZONES[number % len(ZONES)]
            stage.branch(name, code=code, zone=zone)
            stage.link_branch(name)
        with stage.engine.begin() as connection:
            create_person(
                connection,
                name="Replay",
                roles=("supervisor",),
                keys=stage.keys,
                now_ms=now_ms(),
                pin=new_pin(),
            )
        count = sum(map(len, branches.values()))
        self._tell(
            say(
                "Enrolling %(routers)s routers and %(tills)s tills with one-time codes",
                routers=len(branches),
                tills=count,
            )
        )
        for name, terminals in branches.items():
            stage.enrol(name, "router", None)
            for terminal in terminals:
                stage.enrol(name, "terminal", terminal)
        self._tell(say("Starting routers and sync daemons"))
        routers, tills = stage.places.of("router"), stage.places.of("terminal")
        stage.start_routers(_groups(routers))
        stage.start_daemons(_groups(tills))

    # -- playing ------------------------------------------------------------------------------

    def _replay(self, tickets_file: Path, plan: dict[str, Any]) -> None:
        self._tell(say("Replaying the tickets; the trunk is cut in the middle third"))
        began_s, done = time.monotonic(), 0
        trunk = _Trunk(self._stage, self._tell)
        rate = max(1, plan["tickets"] // REPLAY_S_MIN) if plan["tickets"] < SMALL else None
        for done, total in replay_progress(self._stage, tickets_file, rate):
            trunk.at(done, total)
        trunk.mend()
        self.found.sales_per_s = done / max(0.001, time.monotonic() - began_s)

    def _converge(self) -> None:
        self._tell(say("Waiting until till, router and cloud hold the same"))
        began_s = time.monotonic()
        tills = self._stage.places.of("terminal")
        goals: dict[str, tuple[int, int]] = {}
        for place in tills:
            vault = Vault.open(Path(place.folder))
            try:
                with vault.reader() as db:
                    head = journal.head(db)
                goals[place.device_id] = (head.epoch, head.seq)
            finally:
                vault.close()
        while behind := self._behind(goals):
            if time.monotonic() - began_s > CONVERGED_S_MAX:
                raise NotConverged(seconds=int(CONVERGED_S_MAX), count=behind)
            time.sleep(0.1)
        self.found.converged_s = time.monotonic() - began_s

    def _behind(self, goals: dict[str, tuple[int, int]]) -> int:
        with self._stage.engine.connect() as connection:
            rows = connection.execute(text("SELECT terminal_id, epoch, seq FROM journal_head"))
            heads = {str(terminal): (epoch, seq) for terminal, epoch, seq in rows}
        return sum(1 for terminal, goal in goals.items() if heads.get(terminal, (1, 0)) < goal)

    # -- proving ------------------------------------------------------------------------------

    def _count(self, plan: dict[str, Any]) -> None:
        """Each ticket once: as the file has it, as the cloud has it."""
        found = self.found
        names = {branch: name for name, branch in self._stage.places.branches.items()}
        tills = {place.device_id: place.name for place in self._stage.places.of("terminal")}
        with self._stage.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT branch_id, terminal_id, ticket, goods_total, line_count FROM sale"
                    " WHERE kind = 'sale'"
                )
            ).all()
            found.exceptions = connection.execute(
                text("SELECT count(*) FROM exception WHERE resolved_at_ms IS NULL")
            ).scalar_one()
        seen: Counter[tuple[str, str, str]] = Counter()
        for branch, terminal, ticket, gross, lines in rows:
            name = names[str(branch)]
            seen[name, tills[str(terminal)], ticket] += 1
            sums = found.by_branch.setdefault(name, {"tickets": 0, "gross": 0})
            sums["tickets"] += 1
            sums["gross"] += gross
            found.lines += lines
        found.tickets = len(rows)
        found.gross["cloud"] = sum(sums["gross"] for sums in found.by_branch.values())
        wanted = {(branch, till, ticket) for branch, till, ticket in plan["ticket_keys"]}
        found.lost = len(wanted - seen.keys())
        found.doubled = sum(count - 1 for count in seen.values())
        found.problems += [f"{key} was not in the file" for key in sorted(seen.keys() - wanted)]

    def _verify(self) -> None:
        """`sentra verify` at each place; its findings are the check's problems."""
        self._tell(say("Verifying chains, signatures, sums and projections at every place"))
        places = self._stage.places
        self.found.gross["till"] = self._proved("--data", places.of("terminal"))
        self.found.gross["router"] = self._proved("--router", places.of("router"))
        cloud = json.loads(run_sentra(self._stage, "verify", "--cloud", "--json", accept=(0, 1)))
        self.found.problems += [f"cloud: {problem}" for problem in cloud["problems"]]
        if cloud["gross"] != self.found.gross["cloud"]:
            self.found.problems.append(f"the cloud's own proof says {cloud['gross']}")
        order = ("till", "router", "cloud")
        self.found.gross = {place: self.found.gross[place] for place in order}

    def _proved(self, option: str, devices: Sequence[DevicePlace]) -> int:
        folders = [word for place in devices for word in (option, place.folder)]
        proof = json.loads(run_sentra(self._stage, "verify", *folders, "--json", accept=(0, 1)))
        for one in proof["devices"]:
            self.found.problems += [f"{one['name']}: {problem}" for problem in one["problems"]]
        return int(proof["gross"])


class _Trunk:
    """Cuts every branch's internet at one third and mends it at two."""

    def __init__(self, stage: Stage, tell: Tell) -> None:
        self._stage, self._tell = stage, tell
        self._cut = self._mended = False

    def at(self, done: int, total: int) -> None:
        """Called with the progress."""
        if not self._cut and done * 3 >= total:
            self._cut = True
            self._tell(
                say("%(done)s of %(total)s tickets: every trunk is cut", done=done, total=total)
            )
            self._set(cut=True)
        if self._cut and not self._mended and done * 3 >= total * 2:
            self.mend()

    def mend(self) -> None:
        """Mends what was cut."""
        if self._cut and not self._mended:
            self._mended = True
            self._tell(say("Two thirds: every trunk is mended"))
            self._set(cut=False)

    def _set(self, *, cut: bool) -> None:
        for name in self._stage.places.branches:
            self._stage.relays.set_cut(f"internet {name}", cut=cut)


def _groups(devices: Sequence[DevicePlace]) -> list[list[DevicePlace]]:
    """A process each for a few devices; for many, a few processes that share them."""
    if len(devices) <= OWN_PROCESSES_MAX:
        return [[device] for device in devices]
    return [list(devices[start::SHARED_PROCESSES]) for start in range(SHARED_PROCESSES)]


def run_sentra(stage: Stage, *arguments: str, accept: Sequence[int] = (0,)) -> str:
    """Runs a command of ours and returns its last line of output. Raises CommandFailed."""
    ran = subprocess.run(
        [*sentra_command(), *arguments],
        env={**os.environ, **stage.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode not in accept or not ran.stdout.strip():
        said = (ran.stderr or ran.stdout)[-2000:]
        raise CommandFailed(command=" ".join(arguments[:2]), said=said)
    return ran.stdout.strip().splitlines()[-1]


def replay_progress(
    stage: Stage, tickets_file: Path, rate: int | None = None
) -> Iterator[tuple[int, int]]:
    """Replays tickets through every till of the stage; yields (done, total) while it works.

    `rate` is tickets per second at the most.

    Raises CommandFailed where the replay did not end well.
    """
    folders = [word for place in stage.places.of("terminal") for word in ("--data", place.folder)]
    report = str(stage.folder / "replay-report.jsonl")
    arguments = ["replay", str(tickets_file.absolute()), *folders, "--json", "--report", report]
    arguments += [] if rate is None else ["--rate", str(rate)]
    said = stage.folder / "logs" / "replay.log"
    with (
        said.open("w") as errors,
        subprocess.Popen(
            [*sentra_command(), *arguments],
            env={**os.environ, **stage.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as replay,
    ):
        for line in replay.stdout or ():
            step = json.loads(line)
            if "done" in step and "total" in step:
                yield step["done"], step["total"]
    if replay.returncode != 0:
        raise CommandFailed(command="replay", said=said.read_text()[-2000:])


def wait_for_feed(stage: Stage) -> None:
    """Until every till holds what the cloud has decided so far. Raises NotConverged."""
    with stage.engine.connect() as connection:
        rows = connection.execute(text("SELECT scope, revision FROM feed_head"))
        heads: dict[str, int] = {str(scope): revision for scope, revision in rows}
    deadline_s = time.monotonic() + CONVERGED_S_MAX
    for place in stage.places.of("terminal"):
        scopes = (COMPANY, stage.places.branches[place.branch])
        goals = {scope: heads.get(scope, 0) for scope in scopes}
        vault = Vault.open(Path(place.folder))
        try:
            while not _has_feed(vault, goals):
                if time.monotonic() > deadline_s:
                    raise NotConverged(seconds=int(CONVERGED_S_MAX), count=1)
                time.sleep(0.1)
        finally:
            vault.close()


def _has_feed(vault: Vault, heads: dict[str, int]) -> bool:
    with vault.reader() as db:
        return all(catalogue.cursor(db, scope) >= head for scope, head in heads.items())
