"""People: their passwords and PINs as hashes, and their way down to the tills where they work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, Uuid, any_, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from sentra.cloud import feed
from sentra.cloud.identity import new_id
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.tables import app_user, branch
from sentra.domain.pin import check_pin
from sentra.events import Person
from sentra.failures import Failure
from sentra.pins import hash_pin
from sentra.protocol.feed import FeedItem

PASSWORD_LENGTH_MIN: Final = 10
"""NIST SP 800-63B asks for 8 and no rules of composition; a till's books deserve two more."""
PASSWORD_LENGTH_MAX: Final = 256

_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,63}", re.ASCII)

# RFC 9106, second recommended option, on one lane: the server has few cores and many requests.
_hasher: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
_NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=3,p=1$c2VudHJhLW5vYm9keS0wMA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""Verified where there is no such login, so that the answer takes as long."""


class PersonError(Failure):
    """The family: a person cannot be as they were asked for."""

    code = "person"


class LoginMalformed(PersonError):
    """A login that could not be typed everywhere."""

    code = "person-login-malformed"
    sentence = (
        "“%(given)s” cannot be a sign-in name. Use two or more small letters, digits and . _ - @ +."
    )


class LoginTaken(PersonError):
    """Somebody signs in with it already."""

    code = "person-login-taken"
    sentence = "The sign-in name %(given)s is taken. Choose another one."


class PasswordUnfit(PersonError):
    """Too short to protect anything, or too long to be one."""

    code = "person-password-unfit"
    sentence = "A password has %(least)s to %(most)s characters. Choose another one."


def hash_password(password: str) -> str:
    """The hash for `app_user.password_hash`. Raises `PasswordUnfit`."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise PasswordUnfit(least=PASSWORD_LENGTH_MIN, most=PASSWORD_LENGTH_MAX)
    return _hasher.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one; takes as long where there is no hash at all."""
    try:
        return _hasher.verify(password_hash or _NOBODY, password[:PASSWORD_LENGTH_MAX])
    except (VerificationError, InvalidHashError):
        return False


def check_login(login: str) -> str:
    """Return a login that can be typed everywhere. Raises `LoginMalformed`."""
    if not _LOGIN.fullmatch(login):
        raise LoginMalformed(given=login[:64])
    return login


def create_person(
    connection: Connection,
    *,
    name: str,
    roles: Sequence[str],
    keys: CompanyKeys,
    now_ms: int,
    login: str | None = None,
    password: str | None = None,
    pin: str | None = None,
    branch_ids: Sequence[str] | None = None,
    locale: str = "id",
) -> str:
    """Add a person and publish them to the tills of their branches (None: all); their id.

    Without a login they work at tills only, without a PIN in the back office only. Raises
    `LoginMalformed`, `LoginTaken`, `PasswordUnfit`, or what `sentra.domain.pin.check_pin` does.
    """
    if login is not None:
        check_login(login)
    person_id = new_id(now_ms)
    row = {
        "id": person_id,
        "login": login,
        "name": name,
        "password_hash": None if password is None else hash_password(password),
        "pin_hash": None if pin is None else hash_pin(check_pin(pin), keys.pepper),
        "roles": list(roles),
        "branch_ids": None if branch_ids is None else list(branch_ids),
        "locale": locale,
        "created_at_ms": now_ms,
    }
    try:
        with connection.begin_nested():
            connection.execute(app_user.insert().values(row))
    except IntegrityError as error:
        raise LoginTaken(given=login) from error
    publish_person(connection, person_id, now_ms=now_ms, signing_key=keys.signing_key)
    return person_id


def set_pin(
    connection: Connection, person_id: str, pin: str, *, keys: CompanyKeys, now_ms: int
) -> dict[str, int]:
    """Give a new PIN and publish it; the heads of the scopes. Raises as `check_pin` does."""
    hashed = hash_pin(check_pin(pin), keys.pepper)
    connection.execute(update(app_user).where(app_user.c.id == person_id).values(pin_hash=hashed))
    return publish_person(connection, person_id, now_ms=now_ms, signing_key=keys.signing_key)


def set_password(connection: Connection, person_id: str, password: str) -> None:
    """Give a new password. Raises `PasswordUnfit`."""
    hashed = hash_password(password)
    one = update(app_user).where(app_user.c.id == person_id)
    connection.execute(one.values(password_hash=hashed))


def find_by_login(connection: Connection, login: str) -> Row[Any] | None:
    """The `app_user` row of an active person, whatever the case they typed."""
    active = select(app_user).where(app_user.c.active, app_user.c.login == login.strip().lower())
    return connection.execute(active).one_or_none()


def publish_person(
    connection: Connection, person_id: str, *, now_ms: int, signing_key: Ed25519PrivateKey
) -> dict[str, int]:
    """Publish the person as their row is now: to each branch where they may work, and gone from
    the others. The head of each scope that was looked at."""
    person = connection.execute(select(app_user).where(app_user.c.id == person_id)).one()
    # In one order for everybody, so that two who publish to many scopes never wait in a circle.
    scopes = connection.execute(select(branch.c.id).order_by(branch.c.id)).scalars().all()
    heads: dict[str, int] = {}
    for scope in scopes:
        item = _item(person, works_here=person.branch_ids is None or scope in person.branch_ids)
        heads[scope] = feed.publish(
            connection, scope, [item], now_ms=now_ms, signing_key=signing_key
        )
    return heads


def items_for_branch(connection: Connection, branch_id: str) -> list[FeedItem]:
    """Everybody who may work at this branch's tills, for a branch that is new."""
    here = literal(branch_id, Uuid(as_uuid=False)) == any_(app_user.c.branch_ids)
    rows = connection.execute(select(app_user).where(or_(app_user.c.branch_ids.is_(None), here)))
    return [item for item in (_item(row, works_here=True) for row in rows) if item.body is not None]


def _item(person: Row[Any], *, works_here: bool) -> FeedItem:
    if not (works_here and person.active and person.pin_hash):
        return feed.item("person", person.id, None)
    decision = Person(
        id=person.id,
        name=person.name,
        roles=tuple(person.roles),
        pin_hash=person.pin_hash,
        locale=person.locale,
    )
    return feed.item("person", person.id, decision)
