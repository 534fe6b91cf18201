"""The wizard from a file to the tills' feed, and the page of a product."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select

from sentra.cloud.tables import product
from tests.e2e.browser import DESK, PHONE, assert_accessible, assert_fits, in_looks, settled, shoot
from tests.support.worker import worker

__all__ = ["worker"]

Enter = Callable[..., Page]
Worker = subprocess.Popen[str]

LOOKS = (("light", "id", DESK), ("dark", "en", PHONE))
JOB_MS = 60_000
"""How long a real worker may take on a busy machine."""

ROWS = (
    ("ref", "apa", "kategori", "hrg jual", "hrg beli", "catatan"),
    ("A1", "Kopi Susu", "Minuman", "12.000", "9.000", "x"),
    ("A2", "Teh Tawar", "Minuman", "4.000", "5.500", "y"),
    ("A2", "Teh Manis", "Minuman", "5.000", "", ""),
    ("A3", "", "Makanan", "7.000", "", ""),
    ("A4", "Roti Bakar", "J001", "15.000", "", ""),
)


@pytest.fixture
def goods(tmp_path: Path) -> Path:
    """A small file of an old system, with some of everything."""
    path = tmp_path / "barang lama.csv"
    with path.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target, delimiter=";").writerows(ROWS)
    return path


def in_both_looks(page: Page, name: str) -> None:
    for _look in in_looks(page, LOOKS):
        assert_accessible(page)
        assert_fits(page)
    shoot(page, f"webapp-{name}")


def upload(page: Page, office: str, path: Path) -> None:
    page.goto(f"{office}/imports?lang=en")
    page.get_by_label("File", exact=False).set_input_files(path)
    page.get_by_role("button", name="Upload").click()


def test_a_file_becomes_products_step_by_step(
    sign_in: Enter, office: str, goods: Path, worker: Worker, chain_engine: Engine
) -> None:
    page = sign_in()
    upload(page, office, goods)
    expect(page.get_by_role("heading", name="What does each column mean?")).to_be_visible()
    expect(page.get_by_label("Meaning of hrg jual")).to_have_value("price")
    in_both_looks(page, "import-columns")
    page.goto(f"{page.url}?lang=en")

    page.get_by_role("button", name="Look what would happen").click()
    expect(page.get_by_role("alert")).to_contain_text("Say which column is “Name”")
    settled(page)
    page.get_by_label("Meaning of apa").select_option("name")
    page.get_by_label("Meaning of ref").select_option("code")
    page.get_by_role("button", name="Look what would happen").click()

    expect(page.get_by_role("button", name="Import now")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_text("Line 3 has this code already")).to_be_visible()
    settled(page)
    page.locator("summary", has_text="Products that sell below cost").click()
    expect(page.get_by_text("It costs Rp\u00a05,500 and sells for Rp\u00a04,000.")).to_be_visible()
    in_both_looks(page, "import-preview")
    page.reload()
    assert not names(chain_engine), "a preview writes nothing"

    page.goto(f"{page.url.partition('?')[0]}?lang=en")
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_text("on their way to the tills")).to_be_visible(timeout=JOB_MS)
    in_both_looks(page, "import-done")
    assert names(chain_engine) == ["Kopi Susu", "Roti Bakar", "Teh Tawar"]
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("CSV")).click()
    assert "A product needs a name" in download.value.path().read_text("utf-8-sig")

    page.goto(f"{office}/imports?lang=en")
    expect(page.locator("tbody")).to_contain_text("imported")
    in_both_looks(page, "imports")


def test_a_picture_is_no_catalogue(sign_in: Enter, office: str, tmp_path: Path) -> None:
    path = tmp_path / "foto.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    page = sign_in()
    upload(page, office, path)
    expect(page.get_by_role("alert")).to_contain_text("The file “foto.csv” is neither text nor")
    assert_accessible(page)


def test_a_product_is_made_found_priced_and_its_page_fits(
    sign_in: Enter, office: str, chain_engine: Engine
) -> None:
    page = sign_in()
    page.goto(f"{office}/products")
    expect(page.get_by_text("No product yet")).to_be_visible()
    in_both_looks(page, "products-none")
    page.goto(f"{office}/categories?lang=en")
    page.get_by_label("New category").fill("Minuman")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Minuman is made.")).to_be_visible()
    in_both_looks(page, "categories")

    page.goto(f"{office}/products/new?lang=en")
    in_both_looks(page, "product-new")
    page.goto(f"{office}/products/new?lang=en")
    page.get_by_label("Code", exact=False).first.fill("K-1")
    page.get_by_label("Price", exact=False).first.fill("12.000")
    page.get_by_label("Name", exact=False).first.fill("Kopi Susu")
    page.get_by_label("Category").select_option(label="Minuman")
    page.get_by_label("Barcodes").fill("8992761002015")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", level=1)).to_have_text("Kopi Susu")
    settled(page)

    page.get_by_label("New price").fill("13.500")
    page.get_by_role("button", name="Set the price").click()
    expect(page.locator(".money-giant")).to_have_text("Rp\u00a013,500")
    settled(page)
    page.get_by_label("New price").fill("14.000")
    page.get_by_role("radio", name="Later").check()
    page.get_by_label("Day and time").fill("2027-01-01T00:00")
    page.get_by_role("button", name="Set the price").click()
    expect(page.get_by_text("The price is planned.")).to_be_visible()
    expect(page.locator(".money-giant")).to_have_text("Rp\u00a013,500")
    in_both_looks(page, "product")

    page.goto(f"{office}/products?lang=en")
    page.keyboard.press("f")
    page.keyboard.type("89927")
    expect(page).to_have_url(re.compile("q=89927"))
    expect(page.locator(".row-link")).to_have_text(["Kopi Susu"])
    in_both_looks(page, "products")
    assert names(chain_engine) == ["Kopi Susu"]


def names(engine: Engine) -> list[str]:
    """The products that are there."""
    with engine.connect() as connection:
        question = select(product.c.name).order_by(product.c.name)
        return list(connection.execute(question).scalars())
