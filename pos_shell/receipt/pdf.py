"""A receipt as a PDF on paper of 80 mm, as long as it needs to be.

DejaVu is drawn in, so that any name of any script that it has prints as it is. The document says
no time of its own: the same receipt is the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from pos_shell.receipt.layout import Row
from sentra.web.assets import static_root

WIDTH_MM: Final = 80.0
MARGIN_MM: Final = 4.0
LEADING: Final = 1.35
MEASURED_MM: Final = 10_000
"""Paper on which the rows are drawn once to see how much of it they take."""

POINTS_PER_MM: Final = 72 / 25.4

_SIZES_PT: Final = {"title": 12, "centre": 8.5, "plain": 8.5, "small": 7.5, "strong": 8.5}
_BOLD: Final = ("title", "strong")
_FAMILY: Final = "DejaVu"


def receipt_pdf(rows: Sequence[Row], title: str, at_ms: int) -> bytes:
    """The rows as one page; `title` and the time of the sale become the document's own."""
    with _paper(MEASURED_MM) as measured:
        height_mm = _draw(measured, rows) + MARGIN_MM
    with _paper(height_mm) as pdf:
        pdf.set_title(title)
        pdf.set_creator("Sentra")
        pdf.set_creation_date(datetime.fromtimestamp(at_ms / 1000, UTC))
        _draw(pdf, rows)
        return bytes(pdf.output())


@contextmanager
def _paper(height_mm: float) -> Iterator[FPDF]:
    pdf = FPDF(unit="mm", format=(WIDTH_MM, height_mm))
    pdf.set_margins(MARGIN_MM, MARGIN_MM)
    pdf.set_auto_page_break(auto=False)
    fonts = static_root() / "vendor" / "dejavu"
    pdf.add_font(_FAMILY, "", fonts / "DejaVuSans.ttf")
    pdf.add_font(_FAMILY, "B", fonts / "DejaVuSans-Bold.ttf")
    pdf.add_page()
    try:
        yield pdf
    finally:
        for font in pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()


def _draw(pdf: FPDF, rows: Sequence[Row]) -> float:
    """Draw every row from the top; returns how far down the last one reaches, in mm."""
    for row in rows:
        if row.style == "rule":
            _rule(pdf)
        else:
            _row(pdf, row)
    return float(pdf.get_y())


def _rule(pdf: FPDF) -> None:
    y = pdf.get_y() + 1.2
    pdf.set_dash_pattern(dash=0.8, gap=0.8)
    pdf.line(MARGIN_MM, y, WIDTH_MM - MARGIN_MM, y)
    pdf.set_dash_pattern()
    pdf.set_y(y + 1.2)


def _row(pdf: FPDF, row: Row) -> None:
    size = _SIZES_PT[row.style]
    pdf.set_font(_FAMILY, "B" if row.style in _BOLD else "", size)
    height = size / POINTS_PER_MM * LEADING
    width = WIDTH_MM - 2 * MARGIN_MM
    right = pdf.get_string_width(row.right) + 3 if row.right else 0
    align = "C" if row.style in ("title", "centre") else "L"
    top = pdf.get_y()
    pdf.multi_cell(
        width - right, height, row.left, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )
    bottom = pdf.get_y()
    if row.right:
        # The amount stands on the last line of a text that is longer than the paper is wide.
        pdf.set_xy(MARGIN_MM, max(bottom - height, top))
        pdf.cell(width, height, row.right, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.set_y(max(bottom, pdf.get_y()))
