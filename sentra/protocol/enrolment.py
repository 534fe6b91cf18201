"""How a new device and the cloud come to trust each other over one typed code.

The code is 12 characters of Crockford's base32: four look it up, eight are secret. Neither side
sends the secret: the device proves that it knows it by an HMAC over its public key, the cloud by
one over its whole answer, trust anchors included. So the device may connect before it has any
anchor: whoever sits between them cannot alter an answer without knowing the code.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKUP_CHARACTERS = 4
CODE_CHARACTERS = 12
CODE_LIFETIME_MS = 15 * 60 * 1000
"""A technician walks from the office to the till; longer invites a note on the wall."""

_CONFUSED = str.maketrans("OIL", "011")


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`public_key` 64 hex digits (Ed25519); `csr` PEM from a router; `proof` hex HMAC."""

    lookup: str
    public_key: str
    proof: str
    software: str
    host: str
    addresses: tuple[str, ...] = ()
    csr: str | None = None


class EnrolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who the device is from now on, and whom it may trust. `proof` covers all the rest."""

    device_id: str
    role: str
    number: int
    name: str
    branch_id: str
    branch_code: str
    branch_name: str
    zone: str
    company_id: str
    company_name: str
    currency: str
    cloud_url: str
    anchors: str
    cloud_public_key: str
    pepper: str
    timeline: str
    server_time_ms: int
    certificate: str | None = None
    proof: str = ""


def normalise(code: str) -> str:
    """The 12 characters of a code as typed: case, dashes, spaces and look-alikes forgiven.

    Raises ValueError where it cannot be a code.
    """
    text = code.upper().replace("-", "").replace(" ", "").translate(_CONFUSED)
    if len(text) != CODE_CHARACTERS or any(c not in ALPHABET for c in text):
        raise ValueError("an enrolment code has twelve letters and digits")
    return text


def display(code: str) -> str:
    """`XXXX-XXXX-XXXX`."""
    return "-".join(code[i : i + 4] for i in range(0, CODE_CHARACTERS, 4))


def code_from(random: bytes) -> str:
    """A code from at least 12 random bytes (60 bits are used)."""
    return "".join(ALPHABET[byte & 31] for byte in random[:CODE_CHARACTERS])


def lookup_of(code: str) -> str:
    """The part that finds the code; it is no secret."""
    return code[:LOOKUP_CHARACTERS]


def proof_key(code: str) -> bytes:
    """32 bytes stretched from the secret part, so that a listener cannot try them all."""
    secret, salt = code[LOOKUP_CHARACTERS:], lookup_of(code)
    return hashlib.scrypt(
        secret.encode(), salt=b"sentra/enrol/1" + salt.encode(), n=2**14, r=8, p=1, dklen=32
    )


def client_proof(key: bytes, public_key: str) -> str:
    """The device's proof, hex."""
    return hmac.new(key, b"client\n" + public_key.encode(), hashlib.sha256).hexdigest()


def prove_answer(key: bytes, answer: EnrolAnswer, public_key: str) -> EnrolAnswer:
    """The answer with the cloud's proof over every field and over the device's key."""
    bare = msgspec.structs.replace(answer, proof="")
    digest = hmac.new(key, b"server\n" + public_key.encode() + b"\n", hashlib.sha256)
    digest.update(msgspec.json.encode(bare, order="sorted"))
    return msgspec.structs.replace(answer, proof=digest.hexdigest())


def answer_is_proved(key: bytes, answer: EnrolAnswer, public_key: str) -> bool:
    """Whether whoever answered knows the code."""
    expected = prove_answer(key, answer, public_key).proof
    # As bytes: compared as text, a proof with a letter outside ASCII would raise.
    return hmac.compare_digest(expected.encode(), answer.proof.encode())
