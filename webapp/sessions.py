"""Sessions in Redis: the cookie holds an opaque id, Redis everything else.

Redis knows only the id's digest, so that who reads Redis cannot sign in with what he finds. A
session ends when it is idle, at its absolute end, when its person signs out, or when somebody
ends all sessions of that person (an index leads from user to sessions).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec
from flask import Flask
from flask.sessions import SessionInterface, SessionMixin
from flask.wrappers import Request, Response
from redis.exceptions import RedisError
from werkzeug.datastructures import CallbackDict

from sentra.cloud.redis_client import RedisClient
from sentra.instants import Clock

IDLE_S: Final = 2 * 3600
"""A manager's lunch; a machine left alone for longer asks for the password again."""

LIFETIME_S: Final = 12 * 3600
"""A long working day; then everybody signs in again, whatever they were doing."""

STRANGER_S: Final = 3600
"""How long a form that was loaded without signing in keeps its CSRF token."""

ID_BYTES: Final = 32
ID_LENGTH_MAX: Final = 64
"""Longer cookies are not ours and are not looked up."""

SESSION_BYTES_MAX: Final = 16 * 1024
"""A session holds names and choices; whatever is larger belongs into the database."""

USER_KEY: Final = "user_id"
_BEGAN: Final = "_began_at_ms"


class SessionTooLarge(Exception):
    """More was put into a session than it may hold. A fault of the caller."""


class RedisSession(CallbackDict[str, Any], SessionMixin):
    """A session's values. `reachable` is False where Redis did not answer: nothing is kept."""

    def __init__(
        self, initial: dict[str, Any] | None = None, *, id: str = "", reachable: bool = True
    ) -> None:
        def changed(session: Any) -> None:
            session.modified = True

        super().__init__(initial or {}, changed)
        self.id = id
        self.retired: list[str] = []
        self.new = not id
        self.modified = False
        self.reachable = reachable

    def rotate(self) -> None:
        """Give the session a new id, so that one planted before signing in is worth nothing."""
        if self.id:
            self.retired.append(self.id)
        self.id = ""
        self.modified = True


class RedisSessions(SessionInterface):
    """Flask's session interface over a `redis.Redis` client."""

    def __init__(self, redis: RedisClient, clock: Clock, *, https: bool) -> None:
        self._redis = redis
        self._clock = clock
        self._https = https

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        """`__Host-` binds the cookie to this very host; browsers take it over https only."""
        return "__Host-sentra" if self._https else "sentra"

    def open_session(self, app: Flask, request: Request) -> RedisSession:
        """The session of the cookie, or a new one; never an error, see `reachable`."""
        identity = request.cookies.get(self.get_cookie_name(app), "")
        if not identity or len(identity) > ID_LENGTH_MAX:
            return RedisSession()
        try:
            raw = cast("bytes | None", self._redis.get(_key(identity)))
        except RedisError:
            return RedisSession(reachable=False)
        if raw is None:
            return RedisSession()
        values = cast("dict[str, Any]", msgspec.json.decode(raw))
        if self._clock() - values.get(_BEGAN, 0) > LIFETIME_S * 1000:
            return RedisSession()
        return RedisSession(values, id=identity)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Keep what changed, prolong what was used, forget what was emptied."""
        kept = cast(RedisSession, session)
        if not kept.reachable:
            return
        response.vary.add("Cookie")
        try:
            self._forget(kept.retired)
            if not set(kept) - {_BEGAN}:
                self._drop(app, kept, response)
            elif kept.modified or USER_KEY in kept:
                self._keep(app, kept, response)
        except RedisError as error:
            if kept.modified:
                raise
            app.logger.warning("session not prolonged: %s", error)

    def _drop(self, app: Flask, session: RedisSession, response: Response) -> None:
        if session.id:
            self._forget([session.id])
            name = self.get_cookie_name(app)
            response.delete_cookie(name, secure=self._https, httponly=True, samesite="Lax")

    def _keep(self, app: Flask, session: RedisSession, response: Response) -> None:
        fresh = not session.id
        if fresh:
            session.id = secrets.token_urlsafe(ID_BYTES)
            session[_BEGAN] = self._clock()
        user = session.get(USER_KEY)
        key, life_s = _key(session.id), IDLE_S if user else STRANGER_S
        with self._redis.pipeline(transaction=False) as pipe:
            if session.modified:
                pipe.set(key, _encoded(session), ex=life_s)
            else:
                pipe.expire(key, life_s)
            if user and session.modified:
                pipe.sadd(_index(user), key)
                pipe.expire(_index(user), LIFETIME_S)
            pipe.execute()
        if fresh:
            name = self.get_cookie_name(app)
            response.set_cookie(
                name, session.id, secure=self._https, httponly=True, samesite="Lax", path="/"
            )

    def _forget(self, identities: Iterable[str]) -> None:
        for identity in identities:
            self._redis.delete(_key(identity))


def end_sessions(redis: RedisClient, user_id: str, *, but: str = "") -> int:
    """End every session of a user, except the one with the id `but`; returns how many."""
    keys = cast("set[bytes]", redis.smembers(_index(user_id)))
    ended = [key for key in keys if key.decode() != _key(but)]
    for key in ended:  # One by one: in a cluster they live in different slots.
        redis.delete(key)
        redis.srem(_index(user_id), key)
    return len(ended)


def _key(identity: str) -> str:
    return "session:" + hashlib.sha256(identity.encode()).hexdigest()


def _index(user_id: str) -> str:
    return "session-index:" + user_id


def _encoded(session: RedisSession) -> bytes:
    raw = msgspec.json.encode(dict(session))
    if len(raw) > SESSION_BYTES_MAX:
        raise SessionTooLarge(f"a session holds up to {SESSION_BYTES_MAX} bytes, not {len(raw)}")
    return raw
