"""Sign-in at the router: a person of the branch with a PIN, checked offline."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from router_agent.outbound import store
from sentra.domain.lockout import Lockout, check_open, failed, opened
from sentra.domain.permission import Permission, may
from sentra.events import Person
from sentra.failures import Failure
from sentra.pins import pin_matches
from sentra.vault import state

if TYPE_CHECKING:
    from router_agent.bootstrap import Router


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


def who_may_sign_in(router: Router) -> list[Person]:
    """People of the branch who may see the page, by name."""
    with router.vault.reader() as db:
        people = store.people(db)
    allowed = [p for p in people if may(p.roles, Permission.ROUTER_VIEW) and p.pin_hash]
    return sorted(allowed, key=lambda person: person.name)


def sign_in(router: Router, person_id: str, pin: str) -> Person:
    """The person whose PIN this is.

    Raises PersonUnknown, PinWrong, and domain.lockout's PinWait and PinLocked.
    """
    person = next((p for p in who_may_sign_in(router) if p.id == person_id), None)
    if person is None:
        raise PersonUnknown()
    now_ms, key = router.clock(), f"lockout:{person.id}"
    with router.vault.reader() as db:
        kept = state.get(db, key)
    lockout = Lockout(**kept) if kept else Lockout()
    check_open(lockout, now_ms)
    right = pin_matches(person.pin_hash, pin, router.identity.pepper)
    after = opened(lockout, now_ms) if right else failed(lockout, now_ms)
    with router.vault.writer() as db:
        state.put(db, key, asdict(after))
    if not right:
        raise PinWrong()
    return person
