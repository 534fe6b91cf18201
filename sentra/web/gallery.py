"""Every component in every state on one page per layout, for developers: `/gallery`.

Look at it before and after a change to a component. The figures on it are made up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from flask import Blueprint, Flask, Response, abort, request
from flask_babel import gettext as _

from sentra.web.errors import Problem
from sentra.web.fragments import render, with_toast
from sentra.web.frames import (
    BackofficeFrame,
    KeyHint,
    NavGroup,
    NavItem,
    PersonBadge,
    StatusFrame,
    SyncPill,
    TillFrame,
)
from sentra.web.permissions import public

ZONE: Final = "Asia/Makassar"
NOW_MS: Final = 1_795_328_768_000
"""22 Nov 2026, 14:26: the gallery stands still, so that its pictures can be compared."""

MINUTE_MS: Final = 60_000
_WHY: Final = "developers only: the setting that serves the gallery is off in production"


@dataclass(frozen=True, slots=True)
class SaleRow:
    """A made-up sale of the gallery's table."""

    number: str
    at_ms: int
    branch: str
    cashier: str
    total: int
    state: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A made-up product of the gallery's till."""

    name: str
    price: str
    stock: str
    low: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A made-up line of the gallery's cart."""

    quantity: str
    name: str
    note: str
    total: int
    saving: str = ""


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """What the gallery's templates show."""

    now_ms: int
    zone: str
    sales: tuple[SaleRow, ...]
    tiles: tuple[Tile, ...]
    lines: tuple[Line, ...]
    receipt: str


def install_gallery(app: Flask) -> None:
    """Serve the gallery under /gallery."""
    app.register_blueprint(_gallery())


def _gallery() -> Blueprint:
    gallery = Blueprint("gallery", __name__, url_prefix="/gallery")

    @gallery.get("")
    @public(_WHY)
    def backoffice() -> Response:
        return render("gallery/backoffice.html", frame=_backoffice_frame(), page=_page())

    @gallery.get("/till")
    @public(_WHY)
    def till() -> Response:
        return render("gallery/till.html", frame=_till_frame(), page=_page())

    @gallery.get("/till-parts")
    @public(_WHY)
    def till_parts() -> Response:
        frame = replace(_till_frame(), training=True)
        return render("gallery/till_parts.html", frame=frame, page=_page())

    @gallery.get("/status")
    @public(_WHY)
    def status() -> Response:
        return render("gallery/status.html", frame=_status_frame(), page=_page())

    @gallery.get("/sign-in")
    @public(_WHY)
    def sign_in() -> Response:
        return render("gallery/sign_in.html", frame=BackofficeFrame(company="Toko Makmur"))

    @gallery.get("/error/<int:code>")
    @public(_WHY)
    def error(code: int) -> Response:
        if code == 500:
            raise RuntimeError("the gallery's own error")
        abort(code)

    @gallery.post("/toast")
    @public(_WHY)
    def toast() -> Response:
        if request.form.get("fail"):
            raise Problem("gallery", 409, _("Somebody else changed the price first."))
        return with_toast(Response(status=204), _("Price saved. Tills have it in a moment."))

    return gallery


def _backoffice_frame() -> BackofficeFrame:
    main = (
        NavItem(_("Dashboard"), "/gallery", "layout-dashboard", active=True),
        NavItem(_("Sales"), "/gallery?s=1", "receipt"),
        NavItem(_("Products"), "/gallery?s=2", "package"),
        NavItem(_("Exceptions"), "/gallery?s=3", "bell", count=3),
    )
    company = (
        NavItem(_("Branches"), "/gallery?s=4", "building-store"),
        NavItem(_("Terminals and routers"), "/gallery?s=5", "router"),
        NavItem(_("People"), "/gallery?s=6", "users"),
        NavItem(_("Settings"), "/gallery?s=7", "settings"),
    )
    return BackofficeFrame(
        company="Toko Makmur",
        navigation=(NavGroup(main), NavGroup(company, _("Company"))),
        person=PersonBadge("Sari Wulandari", _("Owner")),
        search_url="/gallery",
        account_url="/gallery",
        sign_out_url="/gallery/toast",
    )


def _till_frame() -> TillFrame:
    return TillFrame(
        branch="Sangatta",
        terminal="Kasir 1",
        shift=_("Shift %(number)s · since %(time)s", number=1, time="07.58"),
        person=PersonBadge("Dewi"),
        switch_url="/gallery/till",
        pills=(
            SyncPill("ok", _("Router"), _("all saved")),
            SyncPill("wait", _("Cloud"), _("%(count)s waiting · %(age)s", count=37, age="12 min")),
        ),
        printer=_("Printer ready"),
        time="14.26",
        hints=(
            KeyHint("F1", _("Help")),
            KeyHint("F3", _("Check a price")),
            KeyHint("F5", _("Find a receipt")),
            KeyHint("F11", _("Drawer and shift")),
        ),
        last_receipt="SGT-1-261122-0147 · Rp 2.740",
    )


def _status_frame() -> StatusFrame:
    return StatusFrame(title="Router · Sangatta", time="14:26:08", version="1.4.0")


def _page() -> GalleryPage:
    sales = tuple(
        SaleRow(number, NOW_MS - age_min * MINUTE_MS, branch, cashier, total, state)
        for number, age_min, branch, cashier, total, state in _SALES
    )
    tiles = tuple(
        Tile(name, price, _("stock %(count)s", count=count), low)
        for name, price, count, low in _TILES
    )
    lines = (
        Line("2", "Kopiko 78 °C Mocharetta", "@ 4.500", 9_000),
        Line("1", "Nestlé Carnation 495 g", "@ 11.800", 11_800),
        Line("1", "Downy sekali bilas 400 ml", "@ 14.400", 12_960, "promo Jumat −10%"),
        Line("3", "Teh Botol 350 ml", "@ 4.500", 13_500),
    )
    return GalleryPage(NOW_MS, ZONE, sales, tiles, lines, _RECEIPT)


_RECEIPT: Final = """\
          TOKO MAKMUR
            Sangatta

SGT-1-261122-0147  22/11/26 14.24
--------------------------------
2 Kopiko 78C Mocharetta    9.000
1 Nestle Carnation 495 g  11.800
1 Downy sekali bilas      12.960
3 Teh Botol 350 ml        13.500
--------------------------------
TOTAL                     47.260
Pembulatan                    40
Tunai                     50.000
Kembali                    2.700

3f9a 17c2      Terima kasih"""

_SALES: Final = (
    ("SGT-1-261122-0147", 2, "Sangatta", "Dewi", 47_260, "router"),
    ("SGT-2-261122-0093", 6, "Sangatta", "Agus", 72_000, "cloud"),
    ("BPP-1-261122-0311", 9, "Balikpapan", "Rina", 318_450, "cloud"),
    ("JYP-1-261122-0058", 31, "Jayapura", "Yohana", -25_800, "odd"),
    ("BPP-1-261122-0310", 44, "Balikpapan", "Rina", 1_204_500, "cloud"),
)

_TILES: Final = (
    ("Teh Botol 350 ml", "4.500", "48", False),
    ("Ultra Stroberi 250 ml", "6.000", "31", False),
    ("Kopiko 78 °C Mocharetta", "4.500", "3", True),
    ("Kapal Api Mantap renceng", "9.500", "12", False),
    ("Pepsodent Sensitive 50 g", "6.500", "20", False),
    ("Downy sekali bilas 400 ml", "14.400", "9", False),
    ("Daia + Softener 700 g", "10.600", "14", False),
    ("Lux Soft Touch", "3.000", "24", False),
    ("Coca-Cola 390 ml", "4.000", "60", False),
    ("Nestlé Carnation 495 g", "11.800", "2", True),
    ("Malkist Seaweed", "5.600", "40", False),
    ("Philips LED 9 W", "58.000", "6", False),
    ("Beras Raja Lele 5 kg", "72.000", "18", False),
    ("Minyak Kunci Mas 2 L", "30.100", "24", False),
    ("Telur ayam (timbang)", "28.000/kg", "14,2 kg", False),
    ("Garnier Sakura Night", "25.800", "5", False),
)
