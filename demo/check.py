"""`sentra demo --check`: the whole of Sentra without people, and the proof that nothing was lost.

Imports the catalogue, enrols routers and tills with codes, replays the tickets through the tills'
own actions, cuts every trunk in the middle third, waits until all heads meet, verifies.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text

from demo import goods
from demo.commands import CONVERGED_S_MAX, NotConverged, replay_progress, run_sentra, wait_for_feed
from demo.found import Found
from demo.kills import Kills
from demo.passwords import new_pin
from demo.places import DevicePlace
from demo.stage import Stage, now_ms
from sentra.cloud.branches import suggest_code
from sentra.cloud.database import wait_for_database
from sentra.cloud.people import create_person
from sentra.i18n import say
from sentra.money import currency as known_currency
from sentra.money import to_decimal_string
from sentra.vault import journal
from sentra.vault.database import Vault

SMALL = 1_000
"""Fewer tickets are replayed at a pace, so that the cut in the middle lasts for seconds."""

REPLAY_S_MIN = 9
"""How long a small file takes: three seconds for each third."""

OWN_PROCESSES_MAX = 6
"""Up to so many tills each has a daemon of its own; more share a few processes."""

SHARED_PROCESSES = 2
GENERATED_DAYS = 6
KILLS_A_DAY = 7
"""A generated day has about a hundred tickets: so many last from one kill to the next."""

ZONES = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
Tell = Callable[[str], None]


class Check:
    """One run, in a folder of its own."""

    def __init__(
        self, stage: Stage, currency: str, tell: Tell, *, kills: int = 0, seed: int = 1
    ) -> None:
        """`kills` programs are ended while tickets are replayed, as the seed has it."""
        self._stage, self._tell = stage, tell
        self._kills = Kills(stage, kills, seed, tell) if kills else None
        self._days = max(GENERATED_DAYS, kills // KILLS_A_DAY)
        self._currency = known_currency(currency)
        self.found = Found()

    def run(self, catalogue_file: Path | None, tickets_file: Path | None) -> Found:
        """Everything, in order. Raises Failure where a part cannot do its work at all."""
        stage, tell = self._stage, self._tell
        # A file that holds no tickets is told before anything is started for it.
        plan = self._plan(tickets_file) if tickets_file is not None else None
        tell(say("Starting PostgreSQL, Redis, the sync service, the back office and its worker"))
        stage.start_cloud("Sentra Check", self._currency.code)
        if catalogue_file is None and tickets_file is None:
            catalogue_file = stage.folder / "catalogue.csv"
            goods.write_catalogue(catalogue_file)
        if tickets_file is None:
            tickets_file = stage.folder / "tickets.csv"
            goods.write_tickets(tickets_file, goods.SHOPS, until_ms=now_ms(), days=self._days)
        if catalogue_file is not None:
            tell(say("Importing the catalogue %(name)s", name=catalogue_file.name))
            run_sentra(stage, "import", "catalogue", str(catalogue_file.absolute()), "--json")
        plan = plan or self._plan(tickets_file)
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
        steps = replay_progress(self._stage, tickets_file, rate)
        if self._kills is not None:
            self._tell(say("Meanwhile programs are ended at random moments, as by kill -9"))
            steps = self._kills.replay(tickets_file, plan["tickets"])
            self.found.killed = self._kills.killed
        for done, total in steps:
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
        wait_for_database(self._stage.engine)
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
        in_file, in_cloud = plan["gross"], to_decimal_string(found.gross["cloud"], self._currency)
        if in_file != in_cloud:
            found.problems.append(
                f"the file's tickets come to {in_file}, the cloud's to {in_cloud}"
            )
        wanted = {(branch, till, ticket) for branch, till, ticket in plan["ticket_keys"]}
        found.lost = len(wanted - seen.keys())
        found.doubled = sum(count - 1 for count in seen.values())
        found.problems += [f"{key} was not in the file" for key in sorted(seen.keys() - wanted)]

    def _verify(self) -> None:
        """`sentra verify` at each place; its findings are the check's problems."""
        self._tell(say("Verifying chains, signatures, sums and projections at every place"))
        places = self._stage.places
        tills = self._proved("--data", places.of("terminal"))
        routers = self._proved("--router", places.of("router"))
        self.found.gross["till"] = int(tills["gross"])
        before = sum(self._gross_before(one) for one in routers["devices"])
        self.found.gross["router"] = int(routers["gross"]) + before
        cloud = json.loads(run_sentra(self._stage, "verify", "--cloud", "--json", accept=(0, 1)))
        self.found.problems += [f"cloud: {problem}" for problem in cloud["problems"]]
        for one in cloud["devices"]:
            self.found.problems += [f"cloud, {one['name']}: {each}" for each in one["problems"]]
        if cloud["gross"] != self.found.gross["cloud"]:
            self.found.problems.append(f"the cloud's own proof says {cloud['gross']}")
        order = ("till", "router", "cloud")
        self.found.gross = {place: self.found.gross[place] for place in order}

    def _gross_before(self, device: dict[str, Any]) -> int:
        """What a till sold before its journal at the router begins: it went straight to the cloud,
        and the router that came later never got it."""
        if device["begins"] is None:
            return 0
        query = text(
            "SELECT coalesce(sum(goods_total), 0) FROM sale WHERE kind = 'sale'"
            " AND terminal_id = :terminal AND (epoch, seq) <= (:epoch, :seq)"
        )
        epoch, seq = device["begins"]
        place = {"terminal": device["terminal"], "epoch": epoch, "seq": seq}
        with self._stage.engine.connect() as connection:
            return int(connection.execute(query, place).scalar_one())

    def _proved(self, option: str, devices: Sequence[DevicePlace]) -> dict[str, Any]:
        folders = [word for place in devices for word in (option, place.folder)]
        said = run_sentra(self._stage, "verify", *folders, "--json", accept=(0, 1))
        proof: dict[str, Any] = json.loads(said)
        for one in proof["devices"]:
            self.found.problems += [f"{one['name']}: {problem}" for problem in one["problems"]]
        return proof


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
