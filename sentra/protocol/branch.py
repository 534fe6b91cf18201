"""What the tills of one branch share through their router, as requests and answers say it.

All requests are signed by a terminal, as every other, and are answered to the router's own branch
alone. Each may be made twice and changes nothing the second time: its identity is minted at the
till. Fields that a version does not know are passed over.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

BOARD: Final = "/v1/branch/board"
ORDERS: Final = "/v1/branch/orders"
ORDER_CLAIM: Final = "/v1/branch/orders/claim"
ORDER_SETTLE: Final = "/v1/branch/orders/settle"

SALE: Final = "/v1/branch/sale"
REFUND_CLAIM: Final = "/v1/branch/refunds/claim"

TOTALS: Final = "/v1/branch/totals"
STOCK: Final = "/v1/branch/stock"

ORDER_BYTES_MAX: Final = 512 * 1024
"""One parked order: the largest cart, 500 lines, each with a note, is about 400 KiB."""

ORDERS_PER_TERMINAL_MAX: Final = 50
"""Orders of one terminal at the router: as many as a till keeps on hold."""

TEXT_LENGTH_MAX: Final = 300
"""Characters of a name or a label."""

LINES_MAX: Final = 500
"""Lines of one sale: what a cart takes."""

REFUNDS_MAX: Final = 100
"""Refunds of one sale that are told at once; more than lines that anybody gives back."""

PRODUCTS_MAX: Final = 50
"""Products in one question about the branch's stock; a list on a till shows eight."""

Text = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH_MAX)]
Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Count = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
BusinessDate = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class ParkedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A parked order as lists show it. `parking_id` is of this parking alone; `sale_id`, minted
    when the cart was opened, stays the same however often it is parked and taken up.

    `label` is what the cashier wrote on it, `first` the name of its first line; `total` is in
    minor units; `parked_at_ms` by the till's own clock.
    """

    parking_id: Id
    sale_id: Id
    parked_at_ms: Count
    parked_by: Text
    label: Text
    first: Text
    line_count: Count
    total: Count
    currency: Text


class Offer(ParkedOrder, frozen=True, kw_only=True):
    """An order that a till offers to the others: with the cart, as the till keeps it.

    `approved_by` is who approved a return in it.
    """

    cart: msgspec.Raw
    approved_by: Id | None = None


class OfferedOrder(ParkedOrder, frozen=True, kw_only=True):
    """An order on the board: which terminal offers it, under which name."""

    terminal: str
    terminal_name: str


class TakenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of the asking terminal that is gone, and the terminal that took it up."""

    parking_id: str
    terminal: str
    terminal_name: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What one terminal sees of its branch: all orders that wait, and what became of its own."""

    orders: tuple[OfferedOrder, ...] = ()
    taken: tuple[TakenOrder, ...] = ()


class OrderWord(msgspec.Struct, frozen=True, kw_only=True):
    """Names an order: to claim it, or to say that it is taken up (or withdrawn) for good."""

    parking_id: Id


class ClaimedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The claim is granted: for `lasts_ms` nobody else gets the order. `offer` is an `Offer`, the
    very bytes that the till wrote which parked it."""

    offer: msgspec.Raw
    lasts_ms: int


class Done(msgspec.Struct, frozen=True):
    """It is so now."""


class FindSale(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for a sale of any till of the branch, by the number on its receipt or by its id."""

    receipt_number: Text = ""
    sale_id: Id | None = None


class FactNote(msgspec.Struct, frozen=True):
    """A fact as its till wrote it: `body` are the bytes of its journal entry."""

    kind: str
    schema: int
    body: msgspec.Raw


class FoundSale(msgspec.Struct, frozen=True, kw_only=True):
    """A sale, the terminal that made it, and its refunds as far as the router has heard of them."""

    terminal: str
    terminal_name: str
    sale: FactNote
    refunds: tuple[FactNote, ...] = ()


class RefundClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What a till is about to give back: thousandths by the line's position in the sale.

    `claim_id` is the refund's own id: its fact in the journal settles the claim.
    """

    claim_id: Id
    sale_id: Id
    lines: Annotated[
        dict[Annotated[int, msgspec.Meta(ge=0, le=LINES_MAX)], Quantity],
        msgspec.Meta(min_length=1, max_length=LINES_MAX),
    ]


class RefundGranted(msgspec.Struct, frozen=True):
    """For `lasts_ms`, or until its fact is here, nobody else gives these back."""

    lasts_ms: int


class TenderTotal(msgspec.Struct, kw_only=True):
    """One kind of tender over a day: how often, and its net amount in minor units."""

    count: int = 0
    amount: int = 0


class DaySums(msgspec.Struct, kw_only=True):
    """What was sold on one business date, in minor units, named as on the X report.

    `goods_total`, `discount_total`, `tax_total`, `total`, `rounding` and the tenders are sales
    minus refunds; `gross_sales` and `refunds_total` are the two totals by themselves.
    """

    sale_count: int = 0
    refund_count: int = 0
    gross_sales: int = 0
    refunds_total: int = 0
    goods_total: int = 0
    discount_total: int = 0
    tax_total: int = 0
    total: int = 0
    rounding: int = 0
    tenders: dict[str, TenderTotal] = {}


class ReadJournal(msgspec.Struct, frozen=True, kw_only=True):
    """What the router has read of one terminal's journal: the entries behind `begun_*`, which is
    1 and 0 for the beginning, up to (`epoch`, `seq`).

    `behind`: entries that the router knows of and has not read yet. `heard_ms_ago`: since the
    terminal spoke to it last, None where it never did. Not `is_whole` where it has not read the
    day from its beginning: it came later. `unread`: entries that it could not read.
    """

    terminal: str
    terminal_name: str
    begun_epoch: int
    begun_seq: int
    epoch: int
    seq: int
    behind: int
    heard_ms_ago: int | None
    is_whole: bool
    unread: int


class TerminalTotals(ReadJournal, frozen=True, kw_only=True):
    """The day's sums of one terminal, as far as its journal was read."""

    sums: DaySums


class BranchTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The branch's sales of one business date, by terminal and together."""

    business_date: BusinessDate
    together: DaySums
    terminals: tuple[TerminalTotals, ...]


class ProductStock(msgspec.Struct, frozen=True, kw_only=True):
    """How one product moved in the branch, in thousandths, by all entries that were read.

    `sold_milli` is what sales took from the shelf less what refunds put back, `moved_milli` what
    else came and went. `sold_on_day_milli` is of the business date, None where the router keeps
    that day by itself no more. `level_milli` is what is there: None unless every journal of the
    branch was read wholly, and a movement said what was there.
    """

    product: Id
    sold_on_day_milli: int | None
    sold_milli: int
    moved_milli: int
    level_milli: int | None


class BranchStock(msgspec.Struct, frozen=True, kw_only=True):
    """The products that were asked for, and which entries all of it speaks of."""

    business_date: BusinessDate
    products: tuple[ProductStock, ...]
    journals: tuple[ReadJournal, ...]
