"""Making this machine a till of a branch."""

from __future__ import annotations

from pos_shell.till import Till
from sentra.enrolment import enrol_again, enrol_device
from sentra.vault.identity import Identity


def enrol(till: Till, address: str, code: str) -> Identity:
    """Exchange a one-time code for an identity, kept in a new vault in the till's folder.

    Raises:
        CodeMistyped, EnrolmentRefused, CloudUnproved, LinkDown, AddressWrong, VaultFailure.
        NotATerminal: the code was a router's.
    """
    enrol_device(till.folder, address, code)
    return till.identity


def enrol_anew(till: Till, address: str, code: str) -> Identity:
    """The same for a till whose vault another machine uses too: the old one is set aside.

    Whoever is signed in is signed out; the daemon sends what the old vault still holds.
    Raises as `enrol` does; the till then goes on with the vault that it has.
    """
    till.close()
    try:
        enrol_again(till.folder, address, code)
    finally:
        till.forget_identity()
    till.desk.person, till.desk.selected = None, None
    return till.identity
