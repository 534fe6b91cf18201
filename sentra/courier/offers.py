"""What a place offers to the courier, and how it is found without importing a program.

The entry points' group `sentra.couriers` has three names. Each is a context manager that opens the
place and closes it: `terminal(folder)` gives a `Depot`, `router(folder)` a `Depot` that is a
`Taker` too, `cloud()` a `Taker` (from the settings of the environment).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.command import VerbUnavailable
from sentra.events import Device
from sentra.protocol.courier import CourierHeader
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import JournalOutcome, Watermark
from sentra.protocol.recipients import RECIPIENTS_MAX

if TYPE_CHECKING:
    from sentra.vault.identity import Identity

GROUP: Final = "sentra.couriers"

Point = tuple[int, int]
"""(epoch, seq) of an entry; (1, 0) before the first."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A sealed segment that is to be packed, not read yet.

    `digest` names one of another line of the journal, whose place says nothing of the journal's.
    """

    terminal: str
    epoch: int
    first_seq: int
    last_seq: int
    size_bytes: int
    digest: bytes | None = None

    @property
    def end(self) -> Point:
        """Its last entry."""
        return self.epoch, self.last_seq


@dataclass(frozen=True, slots=True)
class Sender:
    """Who packs. `name` and `branch_code` make the file's name."""

    company_id: str
    branch_id: str
    branch_code: str
    device_id: str
    role: str
    name: str
    zone: str
    key: Ed25519PrivateKey

    @property
    def stamps(self) -> bool:
        """Whether all of its segments carry its custody stamp: a router's do, a till's do not."""
        return self.role == "router"


def sender_of(identity: Identity) -> Sender:
    """The device of a vault."""
    return Sender(
        company_id=identity.company_id,
        branch_id=identity.branch_id,
        branch_code=identity.branch_code,
        device_id=identity.device_id,
        role=identity.role,
        name=identity.name,
        zone=identity.zone,
        key=identity.private_key,
    )


def readers_of(identity: Identity, devices: Iterable[Device]) -> list[Ed25519PublicKey]:
    """The company, and the branch's other routers by the feed: who may take its files in."""
    routers = [
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(one.public_key))
        for one in devices
        if one.role == "router" and not one.revoked and one.id != identity.device_id
    ]
    return [identity.cloud_public_key, *routers[: RECIPIENTS_MAX - 1]]


class Depot(Protocol):
    """A till's or router's vault, as the packer sees it. It may be in use by others meanwhile."""

    sender: Sender

    def readers(self) -> Sequence[Ed25519PublicKey]:
        """Who may take the file in: the company, and the branch's routers."""

    def starts(self) -> dict[str, Point]:
        """By terminal, how far the cloud has its journal, by its own signed word."""

    def words(self) -> Sequence[Watermark]:
        """That word itself on each journal of which the cloud has some."""

    def pieces(self, terminal: str, after: Point) -> Sequence[Piece]:
        """The segments that reach beyond a point, oldest first; what is not sealed is sealed.

        Behind them those of other lines of the journal that the cloud has not confirmed.
        """

    def parcels(self, pieces: Sequence[Piece]) -> list[Parcel]:
        """Their bytes, with custody where there is any. Raises PackedMeanwhile."""

    def take_receipt(self, marks: Sequence[Watermark]) -> int:
        """Moves watermarks forward that the cloud signed; how many moved."""


class Taker(Protocol):
    """Whoever takes a file in: the cloud, or a router of its branch."""

    own_key: Ed25519PrivateKey

    def admit(self, file: str, header: CourierHeader, *, revoked_too: bool) -> Ed25519PublicKey:
        """The key that must have signed the file.

        Raises OtherCompany, OtherBranch, PackedByUnknown, PackedByRevoked.
        """

    def take(self, header: CourierHeader, parcels: Sequence[Parcel]) -> Sequence[JournalOutcome]:
        """Takes one envelope in, durably, as if its device had sent it just now."""


def open_depot(role: str, folder: Path) -> AbstractContextManager[Depot]:
    """The vault of a till or router. Raises VerbUnavailable, and what opening a vault raises."""
    return cast("AbstractContextManager[Depot]", _offer(role)(folder))


def open_router(folder: Path) -> AbstractContextManager[Taker]:
    """A router that takes a file in."""
    return cast("AbstractContextManager[Taker]", _offer("router")(folder))


def open_cloud() -> AbstractContextManager[Taker]:
    """The cloud of SENTRA_DATABASE_URL and SENTRA_KEYS_DIR."""
    return cast("AbstractContextManager[Taker]", _offer("cloud")())


class _Opens(Protocol):
    def __call__(self, folder: Path | None = None) -> object: ...


def _offer(name: str) -> _Opens:
    try:
        (point,) = entry_points(group=GROUP, name=name)
        return cast(_Opens, point.load())
    except (ValueError, ModuleNotFoundError, AttributeError) as error:
        raise VerbUnavailable(verb=f"courier ({name})", reason=error) from error
