"""One write of the back office: rows, decisions on the feed and the audit entry, all or nothing.

    with changing() as change:
        actions.rename_branch(change, branch_id, name)

The transaction commits when the block ends well, and only if it left an audit entry; tills are
woken after that. Jobs and command lines use `open_change` with an actor of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from flask import current_app, request
from sqlalchemy import Connection, Engine

from sentra.cloud import audit, feed
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from sentra.cloud.wake import Kind, feed_moved, wake
from sentra.instants import Clock
from sentra.protocol.feed import FeedItem
from webapp.database import engine
from webapp.identity import member

PARTS: Final = "sentra-parts"


class Unaudited(Exception):
    """A change that left no audit entry. A fault of the action that made it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: a user, or a program (`user_id` None); `address` where from."""

    user_id: str | None
    name: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a change needs beside the database."""

    redis: RedisClient
    keys: CompanyKeys
    clock: Clock


@dataclass(slots=True)
class Change:
    """A write at hand: `connection` is in its transaction, `now_ms` one instant for all of it."""

    connection: Connection
    actor: Actor
    now_ms: int
    keys: CompanyKeys
    revisions: dict[str, int] = field(default_factory=dict)
    wakes: list[tuple[Kind, str]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)

    def publish(self, scope: str, items: Iterable[FeedItem]) -> None:
        """Put decisions on the feed of a scope; tills hear of them after the commit."""
        head = feed.publish(
            self.connection, scope, items, now_ms=self.now_ms, signing_key=self.keys.signing_key
        )
        self.published({scope: head})

    def published(self, heads: Mapping[str, int]) -> None:
        """Take note of scopes that a function of the kernel published to, with their heads."""
        self.revisions.update(heads)

    def audit(
        self,
        action: str,
        subject_kind: str,
        subject_key: str,
        *,
        branch_id: str | None = None,
        **detail: object,
    ) -> None:
        """Write down who did this: `action` as permissions name it, `branches.edit` for example.

        `detail` is JSON: what changed, never a secret. The entries are written at the end of the
        change, because the trail is locked from the first one to the commit.
        """
        self.entries.append(
            {
                "action": action,
                "subject_kind": subject_kind,
                "subject_key": subject_key,
                "branch_id": branch_id,
                "detail": detail,
            }
        )

    def seal(self) -> None:
        """Write the audit entries. Raises `Unaudited` where there is none."""
        if not self.entries:
            raise Unaudited("a change must leave an audit entry")
        for entry in self.entries:
            audit.record(
                self.connection,
                at_ms=self.now_ms,
                user_id=self.actor.user_id,
                user_name=self.actor.name,
                address=self.actor.address,
                **entry,
            )

    def wake(self, kind: Kind, scope: str) -> None:
        """Let open pages look again after the commit."""
        self.wakes.append((kind, scope))


@contextmanager
def open_change(engine: Engine, parts: Parts, actor: Actor) -> Iterator[Change]:
    """A change outside a request; commits at the end of the block, rolls back on any exception."""
    with engine.begin() as connection:
        change = Change(connection, actor, parts.clock(), parts.keys)
        yield change
        change.seal()
    for scope, revision in change.revisions.items():
        feed_moved(parts.redis, scope, revision)
    for kind, scope in change.wakes:
        wake(parts.redis, kind, scope)


@contextmanager
def changing() -> Iterator[Change]:
    """A change by the signed-in person of this request."""
    person = member()
    actor = Actor(person.id, person.name, request.remote_addr or "")
    with open_change(engine(), parts(), actor) as change:
        yield change


def parts() -> Parts:
    """The parts of the app at hand."""
    return cast(Parts, current_app.extensions[PARTS])
