"""What a branch's tills share: each request is signed, and answered to the branch's own alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from flask import Response, request

from router_agent import metrics
from router_agent.inbound.sums import branch_stock, branch_totals
from router_agent.outbound.orders import CLAIM_MS, OrderTaken
from router_agent.outbound.refund_claims import CLAIM_MS as REFUND_CLAIM_MS
from router_agent.outbound.refund_claims import RefundClaimed
from router_agent.parts import RouterParts
from sentra.protocol.branch import (
    ORDER_BYTES_MAX,
    PRODUCTS_MAX,
    Board,
    BusinessDate,
    ClaimedOrder,
    Done,
    FindSale,
    FoundSale,
    Id,
    Offer,
    OfferedOrder,
    OrderWord,
    RefundClaim,
    RefundGranted,
    TakenOrder,
)
from sentra.protocol.errors import ProtocolError
from sentra.web.devices import DeviceRevoked, KnownDevice

WORD_BYTES_MAX: Final = 16 * 1024
"""What names an order or claims some lines of a sale is a kilobyte or two."""

PORTIONS_MAX: Final = 3
"""Of the ledger, read while a till waits a third of a second; the reader has read all before."""

Products = Annotated[list[Id], msgspec.Meta(min_length=1, max_length=PRODUCTS_MAX)]
"""Ids of products, as an address lists them."""

_T = TypeVar("_T", bound=msgspec.Struct)


class BodyWrong(ProtocolError):
    """A body that no program of ours sends."""

    slug = "malformed"


class BranchDesk:
    """The views of one router's branch, over its parts."""

    def __init__(self, router: RouterParts, speaker: Callable[[], KnownDevice]) -> None:
        """`speaker` is the terminal that signed the present request."""
        self._router, self._speaker = router, speaker

    def rules(self) -> tuple[tuple[str, str, Callable[[], Response]], ...]:
        """(method, path behind /v1, view)."""
        return (
            ("GET", "/branch/board", self.board),
            ("POST", "/branch/orders", self.offer_order),
            ("POST", "/branch/orders/claim", self.claim_order),
            ("POST", "/branch/orders/settle", self.settle_order),
            ("POST", "/branch/sale", self.find_sale),
            ("POST", "/branch/refunds/claim", self.claim_refund),
            ("GET", "/branch/totals", self.totals),
            ("GET", "/branch/stock", self.stock),
        )

    def board(self) -> Response:
        """The orders that wait, and what became of the asking till's own."""
        own, names = self._member(WORD_BYTES_MAX), self._names()
        waiting, gone = self._router.orders.board(own)
        orders = (
            OfferedOrder(
                terminal=one.terminal,
                terminal_name=names.get(one.terminal, ""),
                **msgspec.structs.asdict(one.order),
            )
            for one in waiting
        )
        taken = (
            TakenOrder(
                parking_id=one.parking_id,
                terminal=one.taken_by,
                terminal_name=names.get(one.taken_by, ""),
            )
            for one in gone
        )
        return _json(Board(orders=tuple(orders), taken=tuple(taken)))

    def offer_order(self) -> Response:
        """A till parked an order: the others may have it."""
        own = self._member(ORDER_BYTES_MAX)
        if self._router.orders.offer(own, _read(Offer), request.get_data()):
            self._count("order", "offered")
            self._router.streams.tell_branch(own)
        return _json(Done())

    def claim_order(self) -> Response:
        """A till takes an order up: nobody else gets it until the claim is over."""
        own = self._member(WORD_BYTES_MAX)
        try:
            offer = self._router.orders.claim(own, _read(OrderWord).parking_id)
        except OrderTaken:
            self._count("order", "refused")
            raise
        self._count("order", "granted")
        return _json(ClaimedOrder(offer=msgspec.Raw(offer), lasts_ms=CLAIM_MS))

    def settle_order(self) -> Response:
        """The till has it in its own vault, or took its own back: it is gone from here."""
        own = self._member(WORD_BYTES_MAX)
        if self._router.orders.settle(own, _read(OrderWord).parking_id):
            self._count("order", "settled")
            self._router.streams.tell_branch(own)
        return _json(Done())

    def find_sale(self) -> Response:
        """A sale of any till of the branch, with its refunds as far as they are here."""
        self._member(WORD_BYTES_MAX)
        asked = _read(FindSale)
        self._read_on()
        told = self._router.ledger.find(receipt_number=asked.receipt_number, sale_id=asked.sale_id)
        return _json(
            FoundSale(
                terminal=told.terminal,
                terminal_name=self._names().get(told.terminal, ""),
                sale=told.note,
                refunds=tuple(told.refund_notes),
            )
        )

    def claim_refund(self) -> Response:
        """A till is about to give goods back: nobody else gives back the same."""
        own = self._member(WORD_BYTES_MAX)
        wanted = _read(RefundClaim)
        self._read_on()
        try:
            self._router.refunds.claim(own, wanted)
        except RefundClaimed:
            self._count("refund", "refused")
            raise
        self._count("refund", "granted")
        return _json(RefundGranted(REFUND_CLAIM_MS))

    def totals(self) -> Response:
        """What the branch sold on `date`, by terminal and together."""
        self._member(WORD_BYTES_MAX)
        date = _asked("date", BusinessDate)
        self._read_on()
        return _json(branch_totals(self._router, date))

    def stock(self) -> Response:
        """How each `product` moved in the branch, and what was sold of it on `date`."""
        self._member(WORD_BYTES_MAX)
        date, products = _asked("date", BusinessDate), _asked("product", Products)
        self._read_on()
        return _json(branch_stock(self._router, date, products))

    def _read_on(self) -> None:
        """What a till sent a moment ago counts."""
        for _ in range(PORTIONS_MAX):
            if not self._router.ledger.read_on():
                return

    def _member(self, bytes_max: int) -> str:
        """The id of the terminal that asks. Raises DeviceRevoked, and what `speaker` raises."""
        request.max_content_length = bytes_max
        device = self._speaker()
        if device.revoked:
            raise DeviceRevoked("this device was revoked; its facts are still taken")
        return device.device_id

    def _names(self) -> dict[str, str]:
        return {device.id: device.name for device in self._router.devices.all()}

    def _count(self, kind: str, outcome: str) -> None:
        metrics.CLAIMS.labels(self._router.name, kind, outcome).inc()


def _read(shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(request.get_data(), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyWrong(f"the body is no {shape.__name__}") from error


def _asked(name: str, shape: Any) -> Any:
    """A parameter of the address, one or all of that name. Raises BodyWrong."""
    given: object = request.args.getlist(name) if shape is Products else request.args.get(name)
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise BodyWrong(f"“{name}” is not what is asked for here") from error


def _json(answer: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(answer), content_type="application/json")
