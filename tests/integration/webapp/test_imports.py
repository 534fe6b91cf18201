"""Imports: whole or not at all, once, by the wizard's steps."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine, func, select, text, update

from sentra.cloud import feed
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import open_objects
from sentra.cloud.redis_client import RedisClient
from sentra.cloud.tables import audit_entry, category, import_run, product, product_price
from sentra.events import Product
from sentra.protocol.bodies import decode_decision
from sentra.protocol.feed import COMPANY
from tests.integration.webapp.imports import FILE, check, columns, heads, names, status, upload
from tests.present import NOW_MS
from tests.support.backoffice import Clients, post, token_of
from webapp.catalogue.importing import uploads
from webapp.catalogue.importing.job import ImportJob
from webapp.change import Actor, Parts, open_change
from webapp.config import Settings

LARGE_ROWS = 20_000
ROW_MS_MAX = 0.6
"""Processor time of this process for each row: a hundred thousand take well under a minute."""


@pytest.fixture
def job(
    settings: Settings, chain_engine: Engine, redis_client: RedisClient, company_keys: CompanyKeys
) -> ImportJob:
    """The worker's job without its process."""
    return ImportJob(settings, chain_engine, Parts(redis_client, company_keys, lambda: NOW_MS))


def test_the_wizard_takes_a_file_step_by_step_and_tills_get_it_whole(
    signed_in: Clients, chain_engine: Engine, job: ImportJob
) -> None:
    client = signed_in()
    run_id = check(client, chain_engine, job)
    page = client.get(f"/imports/{run_id}").text
    assert "Import now" in page
    assert "A product needs a name" in page
    assert names(chain_engine) == [], "a preview writes nothing"

    assert post(client, f"/imports/{run_id}/start").status_code == 303
    job.do(run_id)
    assert status(chain_engine, run_id) == "done"
    assert names(chain_engine) == ["Kopi Susu", "Roti Bakar", "Teh Tawar"]
    with chain_engine.connect() as connection:
        assert sorted(connection.execute(select(category.c.name)).scalars()) == [
            "Makanan",
            "Minuman",
        ]
        bodies = [i.body for i in feed.state(connection, COMPANY) if i.kind == "product"]
        newest = select(audit_entry).order_by(audit_entry.c.seq.desc()).limit(1)
        entry = connection.execute(newest).one()
    decided = [decode_decision("product", body) for body in bodies if body]
    coffee = next(each for each in decided if isinstance(each, Product) and each.code == "A1")
    assert coffee.prices[0].amount == 12_000
    assert coffee.barcodes == ("8992761002015",)
    assert (entry.action, entry.user_name) == ("catalogue.import", "Ratna Wijaya")
    assert json.loads(entry.detail)["refused"] == 1


def test_the_same_file_again_changes_nothing_and_says_so(
    signed_in: Clients, chain_engine: Engine, job: ImportJob
) -> None:
    client = signed_in()
    run_id = check(client, chain_engine, job)
    post(client, f"/imports/{run_id}/start")
    job.do(run_id)
    before = heads(chain_engine)
    again = check(client, chain_engine, job)
    page = client.get(f"/imports/{again}").text
    assert "Nothing to change" in page
    assert "Import now" not in page
    post(client, f"/imports/{again}/start")
    job.do(again)
    assert status(chain_engine, again) == "done"
    assert heads(chain_engine) == before


def test_a_changed_file_changes_what_it_says_and_leaves_the_rest(
    signed_in: Clients, chain_engine: Engine, job: ImportJob
) -> None:
    client, run_id = signed_in(), ""
    for content in (FILE, "kode,nama,harga\na1,Kopi Susu Gula Aren,13000\nA9,Baru,1000\n"):
        run_id = check(client, chain_engine, job, content)
        post(client, f"/imports/{run_id}/start")
        job.do(run_id)
    with chain_engine.connect() as connection:
        run = uploads.read_run(connection, run_id)
        assert run is not None
        assert run.summary is not None
        assert (run.summary.new, run.summary.changed) == (1, 1)
        row = connection.execute(select(product).where(product.c.code == "A1")).one()
        assert (row.name, row.cost) == ("Kopi Susu Gula Aren", 9_000)
        prices = select(product_price.c.amount).where(product_price.c.product_id == row.id)
        by_start = prices.order_by(product_price.c.from_ms)
        assert list(connection.execute(by_start).scalars()) == [12_000, 13_000]


def test_a_job_that_starts_twice_imports_once(
    signed_in: Clients, chain_engine: Engine, job: ImportJob
) -> None:
    client = signed_in()
    run_id = check(client, chain_engine, job)
    post(client, f"/imports/{run_id}/start")
    job.do(run_id)
    after = heads(chain_engine)
    job.do(run_id)
    with chain_engine.begin() as connection:
        connection.execute(
            update(import_run).where(import_run.c.id == run_id).values(status="running")
        )
    job.do(run_id)
    assert heads(chain_engine) == after
    assert status(chain_engine, run_id) == "done"


def test_a_fault_in_the_middle_leaves_nothing_half_imported_and_can_be_tried_again(
    signed_in: Clients, chain_engine: Engine, as_owner: Engine, job: ImportJob
) -> None:
    client = signed_in()
    run_id = check(client, chain_engine, job)
    post(client, f"/imports/{run_id}/start")
    with as_owner.begin() as connection:
        connection.execute(text("REVOKE INSERT ON feed_revision FROM sentra_app"))
    before = heads(chain_engine)
    with pytest.raises(Exception, match="permission denied"):
        job.do(run_id)
    assert names(chain_engine) == []
    assert heads(chain_engine) == before
    assert "fault of the program" in client.get(f"/imports/{run_id}").text
    with as_owner.begin() as connection:
        connection.execute(text("GRANT INSERT ON feed_revision TO sentra_app"))
    post(client, f"/imports/{run_id}/check", **columns(chain_engine, run_id))
    job.do(run_id)
    post(client, f"/imports/{run_id}/start")
    job.do(run_id)
    assert len(names(chain_engine)) == 3


def test_a_price_that_a_branch_planned_survives_an_import(
    signed_in: Clients, chain_engine: Engine, job: ImportJob
) -> None:
    client = signed_in()
    run_id = check(client, chain_engine, job)
    post(client, f"/imports/{run_id}/start")
    job.do(run_id)
    with chain_engine.connect() as connection:
        question = select(product.c.id).where(product.c.code == "A1")
        product_id = connection.execute(question).scalar_one()
    later = {"branch": "", "start": "later", "at": "2027-01-01T00:00"}
    post(client, f"/products/{product_id}/prices", amount="14000", **later)
    run_id = check(client, chain_engine, job, FILE.replace("12000", "12500"))
    post(client, f"/imports/{run_id}/start")
    job.do(run_id)
    with chain_engine.connect() as connection:
        prices = select(product_price.c.amount).where(product_price.c.product_id == product_id)
        assert set(connection.execute(prices).scalars()) >= {12_500, 14_000}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is neither text nor a spreadsheet"),
        (b",".join(b"k%d" % n for n in range(5_000)) + b"\n", "more than 200 columns"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_at_once_and_leaves_nothing(
    signed_in: Clients, chain_engine: Engine, settings: Settings, content: bytes, sentence: str
) -> None:
    client = signed_in()
    fields = {"file": (io.BytesIO(content), "x.csv"), "csrf_token": token_of(client, "/imports")}
    answer = client.post("/imports", data=fields, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "“x.csv”" in answer.text
    with chain_engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(import_run)).scalar_one() == 0
    assert not list(settings.object_dir.rglob("*"))


def test_a_form_without_a_file_says_so(signed_in: Clients) -> None:
    answer = post(signed_in(), "/imports")
    assert answer.status_code == 422
    assert "Choose a file first" in answer.text


@pytest.mark.parametrize("kind", ["latin-1", "bom", "semicolons", "xlsx"])
def test_a_file_of_any_dress_is_taken(
    signed_in: Clients, chain_engine: Engine, job: ImportJob, kind: str
) -> None:
    content: bytes
    if kind == "xlsx":
        book, out = Workbook(), io.BytesIO()
        assert book.active is not None
        for line in FILE.replace("Kopi", "Café").splitlines():
            book.active.append(line.split(","))
        book.save(out)
        content = out.getvalue()
    else:
        text_ = FILE.replace("Kopi", "Café")
        text_ = text_.replace(",", ";") if kind == "semicolons" else text_
        encoding = {"latin-1": "latin-1", "bom": "utf-8-sig"}.get(kind, "utf-8")
        content = text_.encode(encoding)
    client = signed_in()
    run_id = check(client, chain_engine, job, content)
    post(client, f"/imports/{run_id}/start")
    job.do(run_id)
    assert names(chain_engine) == ["Café Susu", "Roti Bakar", "Teh Tawar"]


def test_columns_that_cannot_be_are_said_and_nothing_is_queued(
    signed_in: Clients, chain_engine: Engine
) -> None:
    client = signed_in()
    run_id = upload(client)
    good = columns(chain_engine, run_id)
    for wrong, sentence in (
        (good | {"column-1": ""}, "Say which column is “Name”"),
        (good | {"column-0": "name"}, "Two columns are chosen for “Name”"),
        (good | {"column-0": "nonsense"}, "Choose from the list"),
    ):
        answer = post(client, f"/imports/{run_id}/check", **wrong)
        assert answer.status_code == 422
        assert sentence in answer.text
    assert status(chain_engine, run_id) == "uploaded"


def test_steps_hold_only_where_they_make_sense(
    signed_in: Clients, chain_engine: Engine, job: ImportJob, settings: Settings
) -> None:
    client = signed_in()
    run_id = upload(client)
    post(client, f"/imports/{run_id}/start")
    assert status(chain_engine, run_id) == "uploaded", "nothing is imported unseen"
    post(client, f"/imports/{run_id}/discard")
    assert client.get(f"/imports/{run_id}").status_code == 404
    assert not [each for each in settings.object_dir.rglob("*") if each.is_file()]
    done = check(client, chain_engine, job)
    post(client, f"/imports/{done}/start")
    job.do(done)
    for step in ("start", "discard"):
        post(client, f"/imports/{done}/{step}")
        assert status(chain_engine, done) == "done"


def test_a_file_that_is_gone_is_said_and_the_run_fails(
    signed_in: Clients, chain_engine: Engine, job: ImportJob, settings: Settings
) -> None:
    client = signed_in()
    run_id = upload(client)
    open_objects(None, settings.object_dir).remove(f"imports/{run_id}")
    post(client, f"/imports/{run_id}/check", **columns(chain_engine, run_id))
    job.do(run_id)
    assert status(chain_engine, run_id) == "failed"
    assert "is not there any more" in client.get(f"/imports/{run_id}").text


def test_findings_come_as_a_file_in_the_reader_s_language(
    signed_in: Clients, chain_engine: Engine, job: ImportJob
) -> None:
    client = signed_in()
    run_id = check(client, chain_engine, job)
    english = client.get(f"/imports/{run_id}/findings.csv").text
    assert "Line,Column,Value,Taken,Finding,Reason" in english
    assert "4,nama,,no,Products without a name" in english
    client.set_cookie("sentra_language", "id")
    assert "Produk tanpa nama" in client.get(f"/imports/{run_id}/findings.csv").text


@pytest.mark.parametrize("language", ["id", "en"])
def test_what_is_exported_comes_in_again_unchanged(
    signed_in: Clients, chain_engine: Engine, job: ImportJob, language: str
) -> None:
    client = signed_in()
    run_id = check(client, chain_engine, job)
    post(client, f"/imports/{run_id}/start")
    job.do(run_id)
    client.set_cookie("sentra_language", language)
    exported = client.get("/products.csv").get_data()
    client.set_cookie("sentra_language", "en")
    again = check(client, chain_engine, job, exported)
    with chain_engine.connect() as connection:
        run = uploads.read_run(connection, again)
    assert run is not None
    assert run.summary is not None
    assert (run.summary.rows, run.summary.unchanged) == (3, 3)


def test_a_large_file_costs_little_for_each_row(
    chain_engine: Engine,
    redis_client: RedisClient,
    company_keys: CompanyKeys,
    settings: Settings,
    job: ImportJob,
    tmp_path: Path,
) -> None:
    path = tmp_path / "large.csv"
    with path.open("w", encoding="utf-8") as target:
        target.write("kode,nama,kategori,harga jual,harga beli,barcode\n")
        for n in range(LARGE_ROWS):
            target.write(f"K{n:06d},Barang {n},Kategori {n % 40},{n % 90 + 10}00,{n % 90},{n}\n")
    parts = Parts(redis_client, company_keys, lambda: NOW_MS)
    objects = open_objects(None, settings.object_dir)
    actor = Actor(None, "test")
    with open_change(chain_engine, parts, actor) as change:
        run_id = uploads.keep_upload(change, objects, path, path.name, "en")
    with chain_engine.connect() as connection:
        run = uploads.read_run(connection, run_id)
    assert run is not None
    with open_change(chain_engine, parts, actor) as change:
        uploads.queue_check(change, run_id, run.chosen)
        connection = change.connection
        connection.execute(
            update(import_run)
            .where(import_run.c.id == run_id)
            .values(options={"map": dict(run.chosen), "dry_run": False})
        )
    began_s = time.process_time()
    job.do(run_id)
    assert time.process_time() - began_s < LARGE_ROWS * ROW_MS_MAX / 1_000
    with chain_engine.connect() as connection:
        assert (
            connection.execute(select(func.count()).select_from(product)).scalar_one() == LARGE_ROWS
        )
        summary = connection.execute(
            select(import_run.c.summary).where(import_run.c.id == run_id)
        ).scalar_one()
    assert (summary["rows"], summary["new"], summary["refused"]) == (LARGE_ROWS, LARGE_ROWS, 0)
