"""What an examination finds: one line for each check, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sentra import i18n
from sentra.failures import Failure

State = Literal["ok", "attention", "bad"]

N_: Final = str
"""Marks a text for the translators; whoever shows it translates it."""

LABELS: Final = {
    "software": N_("Version"),
    "database": N_("Database"),
    "journal": N_("Journal"),
    "keys": N_("Secret keys"),
    "disk": N_("Disk"),
    "clock": N_("Clock"),
    "backlog": N_("Backlog"),
    "program": N_("Program"),
    "name": N_("Name"),
    "tls": N_("TLS"),
    "router": N_("Router"),
    "cloud": N_("Cloud"),
    "terminals": N_("Terminals"),
    "redis": N_("Redis"),
    "objects": N_("File store"),
    "archive": N_("Archive"),
    "partitions": N_("Partitions"),
    "settings": N_("Settings"),
}
"""Name of a check, which never changes -> how people read it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `told` says how it is, `advice` what to do where it is not well."""

    check: str
    state: State
    told: str
    advice: str = ""

    @property
    def label(self) -> str:
        """The check's name in the language of this process."""
        return i18n.say(LABELS[self.check])


def ok(check: str, told: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", told)


def attention(check: str, told: str, advice: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(check, "attention", told, advice)


def bad(check: str, told: str, advice: str) -> Finding:
    """It does not work, or will not for long."""
    return Finding(check, "bad", told, advice)


def of_failure(check: str, failure: Failure) -> Finding:
    """A failure's own sentence, which says what to do already."""
    return Finding(check, "bad", failure.told(i18n.translate(i18n.language())))


def gathered(check: str, steps: Sequence[Callable[[], Sequence[Finding]]]) -> list[Finding]:
    """The findings of all steps; a step that fails is a finding of this check itself."""
    found: list[Finding] = []
    for step in steps:
        try:
            found += step()
        except Failure as failure:
            found.append(of_failure(check, failure))
    return found
