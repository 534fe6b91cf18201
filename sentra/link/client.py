"""Signed requests to one store, be it the branch router or the cloud."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from ssl import SSLEOFError
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from urllib3 import BaseHTTPResponse, HTTPSConnectionPool
from urllib3.exceptions import (
    HTTPError,
    NewConnectionError,
    ProtocolError,
    SSLError,
    TimeoutError,
)
from urllib3.util import SKIP_HEADER, Timeout

from sentra.instants import Clock
from sentra.link.errors import LinkDown, LinkRefused
from sentra.link.parts import SnapshotPart, asked_for, read_part
from sentra.link.stream import names_of_events
from sentra.link.wire import (
    CONNECT_S_MAX,
    Address,
    open_pool,
    parse_address,
    pinned_context,
)
from sentra.protocol import envelope, feed, signing
from sentra.protocol.answer import AnswerDamaged, unpack_answer
from sentra.protocol.entry import Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import SealedRevision
from sentra.protocol.journal_page import (
    OF,
    OF_CLOUD,
    TERMINAL,
    JournalPage,
    unpack_journal_page,
)
from sentra.protocol.messages import (
    Hello,
    HelloAnswer,
    JournalAnswer,
    Problem,
    problem_type,
)
from sentra.protocol.snapshot import TAKES_SNAPSHOTS

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
"""The largest answer that is read: a page of the feed with room to spare."""

HEARTBEAT_S_MAX: Final = 40.0
"""A stream is silent for 15 s at most; after two missed heartbeats its line is dead."""

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading an answer may raise: nested deeply enough, JSON exhausts the stack."""

JSON: Final = "application/json"

_TRIES: Final = 2
_T = TypeVar("_T")


class Link:
    """One device's line to one store. Threads may share it."""

    def __init__(
        self,
        address: str,
        *,
        server_name: str | None,
        anchors: str,
        device_id: str,
        key: Ed25519PrivateKey,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        pool: HTTPSConnectionPool | None = None,
    ) -> None:
        """`address` is `https://host` or `host:port`; `server_name` the name in the certificate
        where it is not the host's. `anchors` is PEM. `pool` carries the requests where that is not
        TLS to the address: a simulation's network. Raises AddressWrong."""
        self.address: Address = parse_address(address)
        self._pool = pool or open_pool(self.address, pinned_context(anchors), server_name)
        self._device, self._key = device_id, key
        self._clock, self._random = clock, random_bytes
        self._streams: set[BaseHTTPResponse] = set()
        self._guard = threading.Lock()
        self._closed = False
        self.offset_ms = 0
        """The server's clock minus this one, as learnt at the last hello."""

    def hello(self, hello: Hello) -> HelloAnswer:
        """Compares heads and clocks. Raises LinkDown or LinkRefused, as all others do."""
        began_ms = self._clock()
        body = self._request("POST", "/v1/hello", msgspec.json.encode(hello), JSON)
        answer = self._read(body, HelloAnswer)
        self.offset_ms = answer.clock_ms - (began_ms + self._clock()) // 2
        return answer

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        """One envelope; the caller keeps it within the limits of `envelope.pack`."""
        body = self._request("POST", "/v1/journal", envelope.pack(parcels))
        try:
            return unpack_answer(body, parcels)
        except AnswerDamaged as error:
            raise LinkDown("unreadable", str(self.address), error) from error

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
        """(head there, revisions behind `after` in order). Also raises FeedDamaged."""
        query = urlencode({"scope": scope, "after": after, TAKES_SNAPSHOTS: 1})
        return feed.unpack_page(scope, self._request("GET", f"/v1/feed?{query}"))

    def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:
        """The next part of the scope's snapshot, from `start` of the one whose digest is `begun`.

        Another file comes from its beginning.
        """
        target = f"/v1/feed/snapshot?{urlencode({'scope': scope})}"
        more = asked_for(begun, start)
        for last in (False, True):
            try:
                response = self._exchange("GET", target, b"", None, more=more)
                if response.status in (200, 206):
                    return read_part(response)
                refusal = self._refusal(response, self._read_all(response))
            except HTTPError as error:
                raise self._down(error) from error
            except ValueError as error:
                raise LinkDown("unreadable", str(self.address), error) from error
            if last or not self._learn_clock(refusal):
                raise refusal
        raise AssertionError("unreachable: the second answer returns or raises")

    def ask(self, target: str, body: bytes | None = None) -> bytes:
        """The body of the answer to a request as JSON; without a body it is asked with GET."""
        if body is None:
            return self._request("GET", target)
        return self._request("POST", target, body, JSON)

    def journal(
        self, after: Head, *, of_cloud: bool = False, terminal: str | None = None
    ) -> JournalPage:
        """This terminal's own sealed segments behind a head, as the store keeps them.

        `of_cloud` asks a router for what the cloud keeps; a router names the `terminal` of its
        branch that it asks for. Also raises PageDamaged.
        """
        asked = {"epoch": str(after.epoch), "after": str(after.seq)}
        asked |= {OF: OF_CLOUD} if of_cloud else {}
        asked |= {} if terminal is None else {TERMINAL: terminal}
        query = urlencode(asked)
        return unpack_journal_page(self._request("GET", f"/v1/journal?{query}"))

    def wakes(self, stop: threading.Event) -> Iterator[str]:
        """Yields the name of each wake-up (`feed`, `head`) until `stop` or `close`.

        Ends quietly when asked to; raises LinkDown when the line breaks.
        """
        response = self._open_stream()
        with self._guard:
            self._streams.add(response)
        try:
            for name in names_of_events(response):
                if stop.is_set() or self._closed:
                    return
                yield name
            if not (stop.is_set() or self._closed):
                raise LinkDown("no-answer", str(self.address), "the stream ended")
        except (HTTPError, OSError, ValueError) as error:
            if not (stop.is_set() or self._closed):
                raise self._down(error) from error
        finally:
            with self._guard:
                self._streams.discard(response)
            response.close()

    def hang_up(self) -> None:
        """Ends the streams, in whichever thread they wait; requests go on."""
        with self._guard:
            for response in self._streams:
                # RuntimeError: it has ended by itself in this very moment.
                with contextlib.suppress(OSError, ValueError, RuntimeError):
                    response.shutdown()

    def close(self) -> None:
        """Ends the streams and all connections."""
        self._closed = True
        self.hang_up()
        self._pool.close()

    def _open_stream(self) -> BaseHTTPResponse:
        timeout = Timeout(connect=CONNECT_S_MAX, read=HEARTBEAT_S_MAX)
        response = self._exchange("GET", "/v1/stream", b"", None, timeout)
        if response.status == 200:
            return response
        try:
            raise self._refusal(response, response.read(ANSWER_BYTES_MAX))
        finally:
            response.close()

    def _request(
        self, method: str, target: str, body: bytes = b"", content_type: str | None = None
    ) -> bytes:
        """The body of a good answer. A request refused for this clock is made once more.

        Without a content type the body is plain bytes, which is what HTTP takes it for.
        """
        for last in (False, True):
            try:
                response = self._exchange(method, target, body, content_type)
                answer = self._read_all(response)
            except HTTPError as error:
                raise self._down(error) from error
            if response.status == 200:
                return answer
            refusal = self._refusal(response, answer)
            if last or not self._learn_clock(refusal):
                raise refusal
        raise AssertionError("unreachable: the second answer returns or raises")

    def _exchange(
        self,
        method: str,
        target: str,
        body: bytes,
        content_type: str | None,
        timeout: Timeout | None = None,
        more: Mapping[str, str] | None = None,
    ) -> BaseHTTPResponse:
        """One signed request. A kept connection that the server had closed is replaced once."""
        for left in reversed(range(_TRIES)):
            time_ms = self._clock() + self.offset_ms
            nonce = self._random(signing.NONCE_BYTES)
            mark = signing.sign(self._key, self._device, method, target, body, time_ms, nonce)
            named = {} if content_type is None else {"Content-Type": content_type}
            extra = {} if timeout is None else {"timeout": timeout}
            try:
                return self._pool.urlopen(
                    method,
                    target,
                    body=body or None,
                    headers={
                        signing.HEADER: mark,
                        **named,
                        **(more or {}),
                        # What nobody reads would be on the line with each live sale.
                        "Accept-Encoding": SKIP_HEADER,
                        "User-Agent": SKIP_HEADER,
                    },
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    **extra,  # type: ignore[arg-type] # only the timeout, which is one
                )
            except ProtocolError as error:
                if left == 0:
                    raise self._down(error) from error
            except HTTPError as error:
                raise self._down(error) from error
        raise AssertionError("unreachable: the last try returns or raises")

    def _read_all(self, response: BaseHTTPResponse) -> bytes:
        body = response.read(ANSWER_BYTES_MAX + 1)
        if len(body) > ANSWER_BYTES_MAX:
            response.close()
            raise LinkDown("unreadable", str(self.address), "the answer is too large")
        response.release_conn()
        return body

    def _refusal(self, response: BaseHTTPResponse, body: bytes) -> LinkRefused | LinkDown:
        try:
            problem = msgspec.json.decode(body, type=Problem)
        except UNREADABLE:
            if response.status >= 500:
                slug = f"http-{response.status}"
                return LinkDown(slug, str(self.address), response.reason or slug)
            title = f"HTTP {response.status}"
            problem = Problem(type=problem_type("http"), title=title, status=response.status)
        wait = response.headers.get("Retry-After", "")
        if problem.retry_after_s is None and wait.isdecimal():
            problem = msgspec.structs.replace(problem, retry_after_s=int(wait[:6]))
        return LinkRefused(str(self.address), problem)

    def _learn_clock(self, refusal: LinkRefused | LinkDown) -> bool:
        """Whether the refusal was for this clock and says what the time is there."""
        if not isinstance(refusal, LinkRefused) or refusal.slug != "clock-skew":
            return False
        if refusal.problem.server_time_ms is None:
            return False
        self.offset_ms = refusal.problem.server_time_ms - self._clock()
        return True

    def _read(self, body: bytes, shape: type[_T]) -> _T:
        try:
            return msgspec.json.decode(body, type=shape)
        except UNREADABLE as error:
            raise LinkDown("unreadable", str(self.address), error) from error

    def _down(self, error: Exception) -> LinkDown:
        slug = "no-answer"
        if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
            slug = "timeout"
        elif isinstance(error, SSLError) and not _has_broken(error):
            slug = "tls"
        return LinkDown(slug, str(self.address), error)


def _has_broken(error: SSLError) -> bool:
    """An end in the middle of the greeting is a line that broke: nobody else spoke there."""
    return any(isinstance(cause, SSLEOFError) for cause in error.args)
