"""How every bench tells its results: machine, versions, a table, and one JSON object."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

import psutil
from rich.console import Console
from rich.table import Table
from sqlcipher3 import dbapi2

from sentra.i18n import say

_PACKAGES = (
    "sentra",
    "sqlcipher3",
    "msgspec",
    "zstandard",
    "cryptography",
    "pynacl",
    "psycopg2-binary",
)


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. `ratio` is value against yardstick in the same run; `meets` None: no reach."""

    measure: str
    what: str
    value: float
    unit: str
    yardstick: float | None = None
    ratio: float | None = None
    reach: str = ""
    meets: bool | None = None


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value below which `share` (0…1) of the values lie. Raises IndexError for none."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def machine() -> dict[str, object]:
    """What ran it."""
    return {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "release": platform.release(),
        "processor": platform.machine(),
        # Of the last minute: what else ran, and the bench itself.
        "load": round(psutil.getloadavg()[0], 1),
    }


def versions() -> dict[str, str]:
    """Of Python and of what the hot paths stand on."""
    found = {"python": platform.python_version(), "sqlite": dbapi2.sqlite_version}
    return found | {name: version(name) for name in _PACKAGES}


def told(bench: str, results: Sequence[Result]) -> dict[str, object]:
    """The JSON object of a bench."""
    return {
        "bench": bench,
        "machine": machine(),
        "versions": versions(),
        "results": [asdict(one) for one in results],
    }


def show(bench: str, results: Sequence[Result], *, as_json: bool) -> None:
    """Prints the table, and the JSON object as the last line where it is asked for."""
    console = Console(width=110)
    table = Table(title=f"sentra bench {bench}", title_justify="left")
    for head in (say("Measure"), say("Work")):
        table.add_column(head)
    for head in (say("Figure"), say("Yardstick"), say("Ratio"), say("Reach"), ""):
        table.add_column(head, justify="right")
    verdicts = {True: say("meets"), False: say("misses"), None: ""}
    for one in results:
        table.add_row(
            one.measure,
            one.what,
            f"{one.value:,.3f} {one.unit}",
            "–" if one.yardstick is None else f"{one.yardstick:,.3f} {one.unit}",
            "–" if one.ratio is None else f"{one.ratio:.2f}",
            one.reach,
            verdicts[one.meets],
        )
    console.print(table)
    console.print(
        say("Machine: %(facts)s", facts=_listed(machine())),
        say("Versions: %(facts)s", facts=_listed(versions())),
        sep="\n",
    )
    if as_json:
        print(json.dumps(told(bench, results)))


def _listed(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
