"""Sign-in at the router: a person of the branch with a PIN, checked offline."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Final

from router_agent.outbound import decisions
from router_agent.parts import RouterParts
from sentra.domain.lockout import Lockout, PinLocked, check_open, failed, opened
from sentra.domain.permission import Permission, may
from sentra.events import Person
from sentra.failures import Failure
from sentra.pins import pin_matches
from sentra.vault import state

_one_at_a_time: Final = threading.Lock()
"""Tries are counted one after another: many at once would each see the count before the others."""


class PinWrong(Failure):
    """The PIN is not this person's."""

    code = "pin-wrong"
    sentence = "That PIN is not right. Try again."


class PersonUnknown(Failure):
    """No such person, or one who may not see this page."""

    code = "person-unknown"
    sentence = (
        "Choose your name from the list. Only branch IT, supervisors and managers may sign in."
    )


class LockedHere(Failure):
    """Ten wrong PINs; a router has no supervisor beside it who could open the lock."""

    code = "pin-locked"
    sentence = (
        "Too many wrong PINs: this name is locked at this router for %(hours)s more hours. "
        "Somebody else may sign in meanwhile."
    )


def who_may_sign_in(router: RouterParts) -> list[Person]:
    """People of the branch who may see the page, by name."""
    with router.vault.reader() as db:
        people = decisions.people(db)
    allowed = [p for p in people if may(p.roles, Permission.ROUTER_VIEW) and p.pin_hash]
    return sorted(allowed, key=lambda person: person.name)


def find_person(router: RouterParts, person_id: str) -> Person | None:
    """Whoever signed in, as the back office knows them now; None for who may not any more."""
    return next((p for p in who_may_sign_in(router) if p.id == person_id), None)


def sign_in(router: RouterParts, person_id: str, pin: str) -> Person:
    """The person whose PIN this is.

    Raises PersonUnknown, PinWrong, LockedHere, and domain.lockout's PinWait.
    """
    person = find_person(router, person_id)
    if person is None:
        raise PersonUnknown()
    with _one_at_a_time:
        _try_pin(router, person, pin)
    return person


def _try_pin(router: RouterParts, person: Person, pin: str) -> None:
    now_ms, key = router.clock(), f"lockout:{person.id}"
    with router.vault.reader() as db:
        kept = state.get(db, key)
    lockout = Lockout(**kept) if kept else Lockout()
    try:
        check_open(lockout, now_ms)
    except PinLocked as locked:
        wait_s = int(str(locked.values["wait_s"]))
        raise LockedHere(hours=-(-wait_s // 3600)) from locked
    right = pin_matches(person.pin_hash, pin, router.identity.pepper)
    after = opened(lockout, now_ms) if right else failed(lockout, now_ms)
    with router.vault.writer() as db:
        state.put(db, key, asdict(after))
    if not right:
        raise PinWrong()
