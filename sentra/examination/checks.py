"""Checks that need nothing but what they are given: times, folders, files."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sentra.examination.findings import Finding, attention, bad, ok
from sentra.i18n import say
from sentra.protocol.messages import PROTOCOLS

SKEW_MS_SHOWN: Final = 2 * 60 * 1000
"""Below it nobody has to care: order never comes from clocks."""

SKEW_MS_BAD: Final = 60 * 60 * 1000
"""A receipt's time that is an hour off confuses customers and bookkeepers."""

BACKLOG_MS_SHOWN: Final = 60 * 60 * 1000
BACKLOG_MS_BAD: Final = 3 * 24 * 60 * 60 * 1000
"""Three days without a line: time for the courier."""

DISK_RESERVES: Final = 10
"""So many reserves should be free, so that somebody can act before the last one is touched."""

_MIB: Final = 1024 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MINUTE_MS: Final = 60_000


def clock(skew_ms: int, against: str) -> Finding:
    """This clock minus another one; `against` names that one."""
    told = say("%(skew)s against %(other)s", skew=_signed_duration(skew_ms), other=against)
    if abs(skew_ms) <= SKEW_MS_SHOWN:
        return ok("clock", told)
    advice = say(
        "Let the system set its clock from the network (Windows: time settings; Linux: timedatectl "
        "set-ntp true). Sales are safe meanwhile: their order does not come from the clock."
    )
    state = bad if abs(skew_ms) > SKEW_MS_BAD else attention
    return state("clock", told, advice)


def disk(folder: Path, reserve_bytes: int) -> Finding:
    """Free space where `folder` is, against what is kept in reserve."""
    usage = shutil.disk_usage(folder)
    told = say(
        "%(free)s MiB free of %(all)s MiB, %(reserve)s MiB are kept in reserve",
        free=usage.free // _MIB,
        all=usage.total // _MIB,
        reserve=reserve_bytes // _MIB,
    )
    if usage.free < reserve_bytes:
        advice = say("Make room now: no new sale is started until there is some.")
        return bad("disk", told, advice)
    if usage.free < reserve_bytes * DISK_RESERVES:
        return attention("disk", told, say("Make room before the reserve is touched."))
    return ok("disk", told)


def secret_files(files: Iterable[Path]) -> list[Finding]:
    """Whether only this account may read them; one finding for each that others may read."""
    found = []
    for file in files:
        if mode := open_mode(file):
            told = say(
                "%(file)s can be read by other accounts (mode %(mode)s)",
                file=file,
                mode=f"{mode:o}",
            )
            found.append(bad("keys", told, say("Run: chmod 600 %(file)s", file=file)))
    return found


def open_mode(path: Path) -> int:
    """The mode of what other accounts may read; 0 for what is closed, or where there are none."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if os.name == "posix" and mode & _OTHERS else 0


def backlog(count: int, oldest_age_ms: int | None) -> Finding:
    """What the cloud does not have yet."""
    if count == 0 or oldest_age_ms is None:
        return ok("backlog", say("the cloud has everything"))
    told = say(
        "%(count)s entries wait for the cloud, the oldest for %(age)s",
        count=count,
        age=duration(oldest_age_ms),
    )
    if oldest_age_ms <= BACKLOG_MS_SHOWN:
        return ok("backlog", told)
    if oldest_age_ms <= BACKLOG_MS_BAD:
        return attention("backlog", told, say("Nothing is lost. See below what keeps the line."))
    advice = say(
        "Nothing is lost. If the line stays away, carry the sales: sentra courier pack --data "
        "FOLDER --to STICK."
    )
    return bad("backlog", told, advice)


def versions(check: str, own: str, other: str, protocol: int, who: str) -> Finding:
    """The software here and at the other end, and whether they speak one protocol."""
    told = say(
        "%(who)s runs %(other)s, this device %(own)s; they speak protocol %(protocol)s",
        who=who,
        other=other,
        own=own,
        protocol=protocol,
    )
    if protocol not in PROTOCOLS:
        return bad(check, told, say("Update the older of the two: they do not speak together."))
    return ok(check, told)


def duration(ms: int) -> str:
    """A time for people, in its two largest units: `3 d 4 h`."""
    minutes, seconds = divmod(abs(ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = (
        (days, say("%(n)s d", n=days)),
        (hours, say("%(n)s h", n=hours)),
        (minutes, say("%(n)s min", n=minutes)),
        (seconds, say("%(n)s s", n=seconds)),
    )
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(text for count, text in parts[first : first + 2] if count) or parts[-1][1]


def _signed_duration(ms: int) -> str:
    if abs(ms) < 1000:
        return say("less than a second")
    behind = say("%(time)s behind", time=duration(ms))
    return behind if ms < 0 else say("%(time)s ahead", time=duration(ms))
