"""What tests of an import share: a file, its upload and check, what came of it."""

from __future__ import annotations

import io

from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from sentra.cloud import feed
from sentra.cloud.tables import import_run, product
from sentra.protocol.feed import COMPANY
from tests.support.backoffice import post, token_of
from webapp.catalogue.importing import uploads
from webapp.catalogue.importing.job import ImportJob

FILE = (
    "kode,nama,kategori,harga jual,harga beli,barcode\n"
    "A1,Kopi Susu,Minuman,12000,9000,8992761002015\n"
    "A2,Teh Tawar,minuman,4000,5500,\n"
    "A3,,Makanan,7000,,\n"
    "A4,Roti Bakar,Makanan,15000,,\n"
)


def upload(client: FlaskClient, content: str | bytes = FILE, name: str = "barang.csv") -> str:
    """The id of the run that an upload made."""
    data = content.encode() if isinstance(content, str) else content
    fields = {"file": (io.BytesIO(data), name), "csrf_token": token_of(client, "/imports")}
    answer = client.post("/imports", data=fields, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    return answer.location.rpartition("/")[2]


def columns(engine: Engine, run_id: str) -> dict[str, str]:
    """The form of the columns, as the page offers it."""
    with engine.connect() as connection:
        run = uploads.read_run(connection, run_id)
    assert run is not None
    return {f"column-{place}": run.chosen[name] for place, name in enumerate(run.columns)}


def check(client: FlaskClient, engine: Engine, job: ImportJob, content: str | bytes = FILE) -> str:
    """A run that was looked at."""
    run_id = upload(client, content)
    assert post(client, f"/imports/{run_id}/check", **columns(engine, run_id)).status_code == 303
    job.do(run_id)
    return run_id


def status(engine: Engine, run_id: str) -> str:
    """How far a run is."""
    with engine.connect() as connection:
        question = select(import_run.c.status).where(import_run.c.id == run_id)
        return str(connection.execute(question).scalar_one())


def names(engine: Engine) -> list[str]:
    """The products, by name."""
    with engine.connect() as connection:
        question = select(product.c.name).order_by(product.c.name)
        return list(connection.execute(question).scalars())


def heads(engine: Engine) -> dict[str, int]:
    """The company's last revision."""
    with engine.connect() as connection:
        return feed.heads(connection, [COMPANY])
