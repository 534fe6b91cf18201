"""Making this machine a till of a branch."""

from __future__ import annotations

from pos_shell.till import Till
from sentra.enrolment import enrol_device
from sentra.vault.identity import Identity


def enrol(till: Till, address: str, code: str) -> Identity:
    """Exchange a one-time code for an identity, kept in a new vault in the till's folder.

    Raises:
        CodeMistyped, EnrolmentRefused, CloudUnproved, LinkDown, AddressWrong, VaultFailure.
        NotATerminal: the code was a router's.
    """
    enrol_device(till.folder, address, code)
    return till.identity
