"""A courier file in the browser: chosen, sent, taken in, and its receipt taken away again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from sentra.cloud.company import the_company
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from sentra.courier import packing
from syncd.daemon.outbound.courier import TillDepot
from tests.e2e.browser import DESK, PHONE, assert_accessible, assert_fits, in_looks, settled, shoot
from tests.present import NOW_MS
from tests.support.chain import Chain
from tests.support.courier import offline_device
from tests.support.tills import sell
from tests.support.worker import environment_of
from webapp.config import Settings
from webapp.courier.job import CourierJob

LOOKS = (("light", "en", DESK), ("dark", "id", PHONE))


def test_a_manager_brings_a_stick_and_sees_what_became_of_it(
    sign_in: Callable[..., Page],
    office: str,
    settings: Settings,
    chain: Chain,
    chain_engine: Engine,
    as_owner: Engine,
    company_keys: CompanyKeys,
    redis_client: RedisClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {**environment_of(settings), "SENTRA_KEY_STORE": "file"}.items():
        monkeypatch.setenv(name, value)
    with as_owner.connect() as connection:
        company = the_company(connection)
    branch = chain.branches["SGT"]
    till = offline_device(tmp_path / "till", as_owner, company_keys, company, branch, number=9)
    sell(*till, 4)
    part = packing.pack(TillDepot(*till), tmp_path / "sales", now_ms=NOW_MS).written[0]
    till[0].close()

    page = sign_in()
    page.goto(f"{office}/courier")
    page.get_by_label("File").set_input_files(part)
    page.get_by_role("button", name="Take in").click()
    expect(page.get_by_text("Waiting for the worker")).to_be_visible()
    shoot(page, "webapp-courier-waiting")
    run_id = page.url.rpartition("/")[2]
    CourierJob(settings, chain_engine, redis_client).do(run_id)
    result = page.locator("#courier-result")
    expect(result.get_by_role("status")).to_contain_text("The sales are in the cloud")
    settled(page)
    for number, _look in enumerate(in_looks(page, LOOKS)):
        assert_fits(page)
        if number:
            assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Tanda terima untuk kasir").click()
    assert download.value.suggested_filename.endswith(".receipt")

    shoot(page, "webapp-courier-done")

    page.goto(f"{office}/courier?lang=en")
    expect(page.get_by_role("link", name="sales.courier")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
    shoot(page, "webapp-courier")
