"""The vault's key: 256 random bits and the file's salt, in the keyring or in a file of mode 0600.

The salt is kept with the key, so that a file can be told apart from one that another key made:
that is how a wrong key and a damaged file get different sentences.
"""

from __future__ import annotations

import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sentra.vault.failures import VaultKeyMissing, VaultKeyWrong

Place = Literal["keyring", "file"]

SERVICE: Final = "Sentra vault"
STORE_SETTING: Final = "SENTRA_KEY_STORE"
"""`file` keeps the key beside the vault even where there is a keyring."""

KEY_FILE: Final = "vault.key"
ID_FILE: Final = "vault.id"
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_ID_BYTES: Final = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VaultKey:
    """`secret` is the raw key, 32 bytes; `salt` the file's first 16 bytes."""

    secret: bytes
    salt: bytes
    place: Place

    @property
    def pragma(self) -> str:
        """The statement that unlocks a connection; no key derivation takes place."""
        return f"PRAGMA key = \"x'{self.secret.hex()}{self.salt.hex()}'\""

    def __repr__(self) -> str:
        return f"VaultKey(place={self.place!r})"


def create_key(folder: Path) -> VaultKey:
    """A new random key for the folder, kept where this machine can keep it best.

    Writes `vault.id` (no secret: it names the entry in the keyring) and, without a usable
    keyring or with SENTRA_KEY_STORE=file, `vault.key` with mode 0600.
    """
    secret, salt = secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(_SALT_BYTES)
    text = (secret + salt).hex()
    name = secrets.token_hex(_ID_BYTES)
    _write(folder / ID_FILE, name, 0o644)
    place: Place = "keyring"
    if not _wants_keyring() or not _put_in_keyring(name, text):
        place = "file"
        _write(folder / KEY_FILE, text, 0o600)
    return VaultKey(secret, salt, place)


def read_key(folder: Path) -> VaultKey:
    """The key of the folder's vault.

    Raises VaultKeyMissing, or VaultKeyWrong for a key file that holds no key.
    """
    file = folder / KEY_FILE
    if file.is_file():
        return _parse(file.read_text(encoding="ascii", errors="replace"), "file", folder)
    identity = folder / ID_FILE
    if not identity.is_file():
        raise VaultKeyMissing(folder=folder, place=file)
    text = _get_from_keyring(identity.read_text(encoding="ascii", errors="replace").strip())
    if text is None:
        raise VaultKeyMissing(folder=folder, place="keyring, " + KEY_FILE)
    return _parse(text, "keyring", folder)


def _parse(text: str, place: Place, folder: Path) -> VaultKey:
    where = folder / KEY_FILE if place == "file" else "keyring"
    try:
        both = bytes.fromhex(text.strip())
    except ValueError:
        both = b""
    if len(both) != _KEY_BYTES + _SALT_BYTES:
        raise VaultKeyWrong(folder=folder, place=where)
    return VaultKey(both[:_KEY_BYTES], both[_KEY_BYTES:], place)


def _wants_keyring() -> bool:
    return os.environ.get(STORE_SETTING, "auto") != "file"


def _put_in_keyring(name: str, text: str) -> bool:
    """Whether the keyring took the key and gives it back."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, name, text)
        return keyring.get_password(SERVICE, name) == text
    except KeyringError as error:
        _log.info("no usable keyring, the key goes into a file: %s", type(error).__name__)
        return False


def _get_from_keyring(name: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, name)
    except KeyringError:
        return None


def _write(path: Path, text: str, mode: int) -> None:
    """Durably, and never through a file that is there already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
