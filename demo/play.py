"""`sentra demo`: the whole of Sentra on this machine, with people in front of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from demo import goods
from demo.commands import replay_progress, run_sentra, wait_for_feed
from demo.company import make_people
from demo.control.app import serve
from demo.control.watch import Watch
from demo.places import DevicePlace
from demo.stage import CONTROL_PORT, TILL_PORT, Stage, now_ms
from sentra.i18n import say

N_: Final = str
"""Marks a text for translation; it is translated where it is shown."""

COMPANY_NAME = "Toko Sentra"
HISTORY_DAYS = 21
ADDRESSES_EVERY_S = 1.0
"""A till that was started again has a new key, and so a new address."""

TABLE_WIDTH_MAX = 240
"""Characters: an address with its key has about a hundred."""

ROLES = {
    "owner": N_("Owner"),
    "manager": N_("Manager"),
    "supervisor": N_("Supervisor"),
    "cashier": N_("Cashier"),
    "branch_it": N_("Branch IT"),
}
Say = Callable[[str], None]


class Play:
    """One demo, from the first start to Ctrl-C."""

    def __init__(self, folder: Path, currency: str, console: Console, *, windows: bool) -> None:
        self._console, self._currency, self._windows = console, currency, windows
        self._stage = Stage(folder, self._tell)
        self._stop = threading.Event()

    def _tell(self, sentence: str) -> None:
        self._console.print(f"[bold]·[/bold] {sentence}")

    def run(self) -> None:
        """Builds what is missing, starts everything, waits for Ctrl-C, stops everything."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: self._stop.set())
        stage = self._stage
        watch = Watch(stage)
        server = None
        try:
            self._tell(
                say("Starting the cloud: database, cache, sync service, back office, worker")
            )
            stage.start_cloud(COMPANY_NAME, self._currency)
            self._build()
            tills = self._start_tills()
            watch.start()
            port = stage.port("control", CONTROL_PORT)
            stage.places.addresses = self._addresses(tills, port)
            stage.save()
            server = serve(stage, watch, port)
            self._print_table()
            while not self._stop.wait(ADDRESSES_EVERY_S):
                self._tell_new_addresses()
            self._tell(say("Stopping everything"))
        finally:
            if server is not None:
                server.stop()
            if watch.is_alive():
                watch.stop()
            stage.stop()
        self._tell(say("Stopped. The next start goes on with the same data."))

    def _build(self) -> None:
        """Branches, people, devices and their history at the first start; links at every start."""
        stage = self._stage
        first = not stage.places.ready
        if first:
            self._import()
            make_people(stage)
            for shop in goods.SHOPS:
                stage.branch(shop.name, code=shop.code, zone=shop.zone)
        stage.relink()
        if first:
            self._enrol()
        stage.start_routers([[place] for place in stage.places.of("router")])
        stage.start_daemons(self._daemon_groups())
        if first:
            self._tell(say("Sending the catalogue to the tills"))
            wait_for_feed(stage)
            self._sell()
            stage.places.ready = True
            stage.save()

    def _import(self) -> None:
        path = self._stage.folder / "catalogue.csv"
        count = goods.write_catalogue(path)
        self._tell(say("Importing a catalogue of %(count)s products", count=count))
        run_sentra(self._stage, "import", "catalogue", str(path), "--json")

    def _enrol(self) -> None:
        """Every branch gets a router and its tills."""
        self._tell(say("Enrolling routers and tills with one-time codes"))
        for shop in goods.SHOPS:
            self._stage.enrol(shop.name, "router", None)
            for number in range(1, shop.tills + 1):
                self._stage.enrol(shop.name, "terminal", f"Kasir {number}")

    def _sell(self) -> None:
        """Some weeks of sales up to this moment, made by the tills' own actions."""
        stage = self._stage
        path = stage.folder / "history.csv"
        count = goods.write_tickets(path, goods.SHOPS, until_ms=now_ms(), days=HISTORY_DAYS)
        self._tell(say("Selling through the last three weeks: %(count)s tickets", count=count))
        with self._console.status("") as status:
            for done, total in replay_progress(stage, path):
                status.update(say("%(done)s of %(total)s tickets", done=done, total=total))

    def _daemon_groups(self) -> list[list[DevicePlace]]:
        """The first branch's tills each have a daemon process; the others share one."""
        first = self._stage.places.of("terminal", goods.SHOPS[0].name)
        others = [
            place for place in self._stage.places.of("terminal") if place.branch != first[0].branch
        ]
        return [*([place] for place in first), others]

    def _start_tills(self) -> list[tuple[DevicePlace, str]]:
        """The first branch's tills, each in a window where there is a display."""
        started = []
        for place in self._stage.places.of("terminal", goods.SHOPS[0].name):
            port = self._stage.port(f"till {place.device_id}", TILL_PORT)
            name = f"till {place.branch} {place.name}"
            address_file = self._address_file(place)
            address_file.unlink(missing_ok=True)
            arguments = ["pos", "--data", place.folder, "--port", str(port)]
            arguments += ["--address-file", str(address_file)]
            if not self._windows:
                arguments.append("--no-window")
            self._stage.part(name, *arguments)
            self._stage.wait_ready(name, f"http://127.0.0.1:{port}/healthz")
            started.append((place, address_file.read_text(encoding="utf-8").strip()))
        return started

    def _address_file(self, place: DevicePlace) -> Path:
        return self._stage.folder / f"{place.device_id}.address"

    def _addresses(
        self, tills: list[tuple[DevicePlace, str]], control_port: int
    ) -> list[dict[str, str]]:
        places = self._stage.places
        pages = [
            {
                "label": f"{say('Router')} {place.branch}",
                "href": f"http://127.0.0.1:{places.ports[f'page {place.branch}']}/",
            }
            for place in places.of("router")
        ]
        return [
            {"label": say("Control page"), "href": f"http://127.0.0.1:{control_port}/"},
            {"label": say("Back office"), "href": self._stage.environment["SENTRA_PUBLIC_URL"]},
            *(
                {
                    "label": f"{place.branch} · {place.name}",
                    "href": url,
                    "file": str(self._address_file(place)),
                }
                for place, url in tills
            ),
            *pages,
        ]

    def _tell_new_addresses(self) -> None:
        """The control page and the screen follow a till that crashed and was started again."""
        places = self._stage.places
        for address in places.addresses:
            file = Path(address.get("file", ""))
            now = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
            if now and now != address["href"]:
                address["href"] = now
                self._stage.save()
                self._tell(
                    say("%(till)s has a new address: %(url)s", till=address["label"], url=now)
                )

    def _print_table(self) -> None:
        running = Table(title=say("What runs where"), title_justify="left")
        running.add_column(say("Program"))
        running.add_column(say("Address"), no_wrap=True)
        for address in self._stage.places.addresses:
            running.add_row(address["label"], address["href"])
        people = Table(title=say("Who signs in"), title_justify="left")
        for head in (say("Name"), say("Role"), say("Sign-in name"), say("Password"), "PIN"):
            people.add_column(head)
        for person in self._stage.places.sign_ins:
            people.add_row(
                person["name"],
                ", ".join(say(ROLES.get(role, role)) for role in person["roles"].split(", ")),
                person.get("login", "–"),
                person.get("password", "–"),
                person["pin"],
            )
        # As wide as the addresses, whatever the window is: half an address opens nothing.
        wide = self._console.options.update(width=TABLE_WIDTH_MAX)
        needed = self._console.measure(running, options=wide).maximum
        self._console.width = max(self._console.width, needed)
        self._console.print(running, people)
        self._tell(say("Everything runs. Ctrl-C stops it; the data stays for the next start."))
