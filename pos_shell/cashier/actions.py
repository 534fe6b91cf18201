"""Verbs of the person at the till."""

from __future__ import annotations

from pos_shell.cashier.lockouts import keep_lockout, load_lockout
from pos_shell.cashier.queries import find_person
from pos_shell.till import Till
from sentra.domain import lockout
from sentra.domain.errors import DomainError
from sentra.domain.permission import Permission, may, require
from sentra.domain.pin import PIN_LENGTH, PinForm
from sentra.events import Person
from sentra.pins import pin_matches


class PinWrong(DomainError):
    """Not the PIN of that person."""

    code = "pin-wrong"
    sentence = "That is not the right PIN. Try again."


class PersonGone(DomainError):
    """A person whom the feed has taken away from this branch."""

    code = "person-gone"
    sentence = "This person no longer works at this till. Choose another name."


def sign_in(till: Till, person_id: str, pin: str) -> Person:
    """Put a person at the till, in place of whoever stood there.

    Raises:
        PersonGone, PinForm, PinWrong, PinWait, PinLocked, NotAllowed: as they say.
    """
    person = _proved(till, person_id, pin)
    require(person.roles, Permission.SALE_COMPLETE)
    till.desk.person = person
    return person


def leave(till: Till) -> None:
    """Nobody stands at the till any more; the open cart stays as it is."""
    till.desk.person = None


def approve(till: Till, permission: Permission, person_id: str, pin: str) -> str:
    """Check a supervisor's PIN for one action; the id that goes into the fact.

    Raises:
        PersonGone, PinForm, PinWrong, PinWait, PinLocked, NotAllowed: as they say.
    """
    person = _proved(till, person_id, pin)
    require(person.roles, permission)
    return person.id


def unlock(till: Till, locked_id: str, approver_id: str, pin: str) -> None:
    """Let a person try again after too many wrong PINs, on a supervisor's own PIN.

    Raises:
        PersonGone, PinForm, PinWrong, PinWait, PinLocked, NotAllowed: as they say.
    """
    if locked_id == approver_id:
        raise lockout.PinLocked()
    approve(till, Permission.PIN_UNLOCK, approver_id, pin)
    with till.vault.writer() as db:
        state = load_lockout(db, locked_id)
        keep_lockout(db, locked_id, lockout.opened(state, till.clock()))


def approval_by(person: Person, permission: Permission) -> str | None:
    """The person's own id where their role is enough, so that nobody else need be asked."""
    return person.id if may(person.roles, permission) else None


def _proved(till: Till, person_id: str, pin: str) -> Person:
    """The person, if the PIN is theirs. A try is counted before it is checked, so that pulling
    the plug in between gives no free guess."""
    if len(pin) != PIN_LENGTH or not (pin.isascii() and pin.isdigit()):
        raise PinForm()
    now_ms = till.clock()
    with till.vault.writer() as db:
        person = find_person(db, person_id)
        if person is None:
            raise PersonGone()
        before = load_lockout(db, person_id)
        waiting = lockout.wait_ms(before, now_ms) > 0
        counted = lockout.seen(before, now_ms) if waiting else lockout.failed(before, now_ms)
        keep_lockout(db, person_id, counted)
    lockout.check_open(before, now_ms)
    if not pin_matches(person.pin_hash, pin, till.identity.pepper):
        raise PinWrong()
    with till.vault.writer() as db:
        keep_lockout(db, person_id, lockout.opened(counted, now_ms))
    return person
