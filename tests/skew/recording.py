"""The recorded bytes of protocol 1, as old programs send and answer them.

`python -m ops.record_protocol` made the file; it is not made anew once protocol 1 is released.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.protocol import signing

_KEPT: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("protocol-1.json").read_text(encoding="utf-8")
)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


@dataclass(frozen=True, slots=True)
class Request:
    """As it went over the line, its signature included."""

    method: str
    target: str
    body: bytes
    signature: str

    @property
    def headers(self) -> dict[str, str]:
        """Its one header of ours."""
        return {signing.HEADER: self.signature}


AT_MS: Final[int] = _KEPT["at_ms"]
BRANCH: Final[str] = _KEPT["branch"]
TIMELINE: Final[str] = _KEPT["timeline"]
TERMINAL: Final[str] = _KEPT["terminal"]["id"]
ROUTER: Final[str] = _KEPT["router"]["id"]
TERMINAL_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_KEPT["terminal"]["key"]))
ROUTER_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_KEPT["router"]["key"]))
CLOUD_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_KEPT["cloud_key"]))
HASHES: Final = [bytes.fromhex(one) for one in _KEPT["hashes"]]
BODIES: Final = [_bytes(one) for one in _KEPT["bodies"]]
REQUESTS: Final = {
    name: Request(one["method"], one["target"], _bytes(one["body"]), one["signature"])
    for name, one in _KEPT["requests"].items()
}
ANSWERS: Final = {name: _bytes(body) for name, body in _KEPT["answers"].items()}
CODE: Final[str] = _KEPT["enrolment"]["code"]
ENROL_REQUEST: Final = _bytes(_KEPT["enrolment"]["request"])
ENROL_ANSWER: Final = _bytes(_KEPT["enrolment"]["answer"])


def with_fields(body: bytes, **more: object) -> bytes:
    """A JSON message of a newer version: the same, and fields that nobody here knows."""
    return json.dumps(json.loads(body) | more).encode()
