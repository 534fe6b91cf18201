"""Gunicorn's HTTP answer with fewer bytes around it: on the line with each live sale.

It leaves out what says nothing (the server's name, and that an HTTP/1.1 connection stays open) and
sends head and body in one write: one TLS record and one packet instead of two.
"""

from __future__ import annotations

from typing import Any, Final

from gunicorn import util
from gunicorn.http import wsgi

from syncd.service.outbound.lines import is_taken

_KEEPS_ALIVE: Final = (1, 1)
"""The version of HTTP from which on a connection stays open unless it is said otherwise."""

_SILENT: Final = ("Server:", "Connection: keep-alive")


class LeanResponse(wsgi.Response):  # type: ignore[misc]  # gunicorn ships no types
    """One answer. The head waits for the first bytes of the body, or for the end."""

    headers_sent: bool
    _head = b""

    def default_headers(self) -> list[str]:
        """Gunicorn's own, without those that every device knows."""
        lines: list[str] = super().default_headers()
        if self.req.version < _KEEPS_ALIVE:
            return lines
        return [line for line in lines if not line.startswith(_SILENT)]

    def send_headers(self) -> None:
        """Make the head, to be sent with what comes next."""
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{k}: {v}\r\n" for k, v in self.headers), "\r\n"]
            self._head = util.to_bytestring("".join(lines), "latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if self.chunked:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        util.write(self.sock, head + data if head else data)

    def sendfile(self, _file: Any) -> bool:
        """Never: the head would be overtaken."""
        return False

    def close(self) -> None:
        """The end of the answer, also of one without a body; a stream goes on without us."""
        if is_taken(self.sock):
            return
        self.send_headers()
        if self._head:
            head, self._head = self._head, b""
            util.write(self.sock, head)
        super().close()

    def should_close(self) -> bool:
        """Whether no other request may come by this connection."""
        return is_taken(self.sock) or bool(super().should_close())


def install() -> None:
    """Let gunicorn answer with it: its HTTP/1.1 workers take the class from this name."""
    wsgi.Response = LeanResponse
