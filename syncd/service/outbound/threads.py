"""PostgreSQL from greenlets: work goes to native threads, over plain connections of our own.

psycopg2's COPY refuses to run under a green connection, and a blocking call would stop the hub
with all its streams. So a greenlet takes a place, hands its work to gevent's thread pool and
waits. Nothing that runs in such a thread may touch what belongs to the hub: no logging, no Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from gevent import monkey
from gevent.lock import BoundedSemaphore
from gevent.threadpool import ThreadPool
from psycopg2 import Error as PgError
from psycopg2 import InterfaceError, OperationalError
from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, Pool

from sentra.cloud.database import make_engine
from sentra.protocol.errors import ProtocolError

ATTEMPTS_MAX: Final = 3
"""Times that work is tried which PostgreSQL ended to break a circle of waiting."""

WAIT_S_MAX: Final = 20.0
"""How long work waits for a place: below the patience of balancers and devices."""

WAITING_MAX: Final = 500
"""Requests that wait for a place: each holds its body, so memory is bounded."""

LOCK_MS_MAX: Final = 15_000
"""How long a statement waits for another's lock, on a journal's head above all."""

_COMPUTING: Final = monkey.get_original("_thread", "allocate_lock")()
"""One run is made at a time. The interpreter would make two no faster, but each later, and
PostgreSQL would wait for both."""

_T = TypeVar("_T")
_AGAIN: Final = (DeadlockDetected, LockNotAvailable, SerializationFailure)
_GONE: Final = (OperationalError, InterfaceError)


class TooBusy(ProtocolError):
    """No place became free in time; nothing was changed."""

    slug = "too-busy"
    retry = True
    retry_after_s = 2


class DatabaseAway(ProtocolError):
    """PostgreSQL does not answer; nothing was changed, or it was committed and a retry finds so."""

    slug = "unavailable"
    retry = True
    retry_after_s = 5


def thread_engine(url: str, *, poolclass: type[Pool] = NullPool) -> Engine:
    """An engine without a pool, because its locks would belong to the hub: a lane keeps its own.
    Where there is no hub, another class of pool may do.

    Raises DatabaseUrlWrong.
    """
    plain = make_engine(url, application="sentra-sync")
    engine = create_engine(
        plain.url,
        poolclass=poolclass,
        connect_args={"connect_timeout": 5, "application_name": "sentra-sync"},
    )
    event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        # An answer says "committed": never before the write-ahead log is on disk.
        cursor.execute(f"SET synchronous_commit = on; SET lock_timeout = {LOCK_MS_MAX}")
    connection.commit()


class Lane:
    """Some native threads with a connection each. Use it from greenlets of one hub."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._pool = ThreadPool(threads)
        self._places = BoundedSemaphore(threads)
        self._idle: list[Connection] = []
        self._waiting = 0

    def run(self, work: Callable[[Connection], _T]) -> _T:
        """Do the work in one transaction in a native thread; its result after the commit.

        Raises TooBusy, DatabaseAway, and whatever the work raises, rolled back.
        """
        return self._in_thread(lambda: self._attempts(work))

    def run_with_engine(self, work: Callable[[Engine], _T]) -> _T:
        """The same for work that makes its own transactions. Raises as `run` does."""
        return self._in_thread(lambda: _translated(lambda: work(self._engine)))

    def call(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Do work without the database in a native thread."""
        return self._in_thread(lambda: work(*arguments))

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return self._waiting

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _drop_idle(self) -> None:
        """From any native thread."""
        with suppress(IndexError):
            while True:
                idle = self._idle.pop()
                idle.invalidate()
                idle.close()

    def _in_thread(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= WAITING_MAX:
            raise TooBusy("too many requests wait already")
        self._waiting += 1
        try:
            if not self._places.acquire(timeout=WAIT_S_MAX):
                raise TooBusy(f"no place became free within {WAIT_S_MAX:g} s")
        finally:
            self._waiting -= 1
        try:
            result: _T = self._pool.spawn(work).get()
        finally:
            self._places.release()
        return result

    def _attempts(self, work: Callable[[Connection], _T]) -> _T:
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                return _translated(lambda: self._once(work))
            except TooBusy:
                continue
        return _translated(lambda: self._once(work))

    def _once(self, work: Callable[[Connection], _T]) -> _T:
        connection = self._idle.pop() if self._idle else self._engine.connect()
        try:
            with connection.begin():
                result = work(connection)
        except BaseException as error:
            # Its state is doubtful: a new one costs milliseconds, and faults are rare.
            connection.invalidate()
            connection.close()
            if _is_gone(error):
                # The server was restarted, so those that are idle broke with this one: each would
                # cost some device a refusal and a wait.
                self._drop_idle()
            raise
        self._idle.append(connection)
        return result


def _is_gone(error: BaseException) -> bool:
    """Whether PostgreSQL does not answer, and did not only end this transaction."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, _GONE) and not isinstance(cause, _AGAIN)


def _translated(work: Callable[[], _T]) -> _T:
    """Do the work; what PostgreSQL, not the work, is the cause of becomes a problem to retry."""
    try:
        return work()
    except (DBAPIError, PgError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, _AGAIN):
            raise TooBusy("others hold the journal") from error
        if isinstance(cause, _GONE):
            raise DatabaseAway("the database does not answer") from error
        raise


class _Later(Generic[_T]):
    """The next item of an iterator, being made in a native thread of its own.

    The originals of the patched primitives: this blocks a native thread, never the hub.
    """

    def __init__(self, items: Iterator[_T]) -> None:
        self._made: list[_T] = []
        self._error: BaseException | None = None
        self._done = monkey.get_original("_thread", "allocate_lock")()
        self._done.acquire()
        monkey.get_original("_thread", "start_new_thread")(self._make, (items,))

    def _make(self, items: Iterator[_T]) -> None:
        try:
            with _COMPUTING:
                self._made.append(next(items))
        except BaseException as error:
            self._error = error
        finally:
            self._done.release()

    def get(self) -> _T:
        """Wait for it. Raises StopIteration at the end, and what the iterator raised."""
        self._done.acquire()
        if self._error is not None:
            raise self._error
        return self._made[0]


def one_ahead(items: Iterator[_T]) -> Iterator[_T]:
    """The same items; while one is used, the next is made in another native thread."""
    later = _Later(items)
    while True:
        try:
            item = later.get()
        except StopIteration:
            return
        later = _Later(items)
        yield item
