"""Courier files: upload one, watch it being taken in, take the receipt back to the till."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from flask import Blueprint, Flask, Response, abort, current_app, redirect, request, url_for
from flask_babel import gettext
from redis.exceptions import RedisError
from werkzeug.wrappers import Response as BaseResponse

from sentra.cloud.objects import open_objects
from sentra.courier.failures import refusal
from sentra.courier.files import RECEIPT_SUFFIX, pieces
from sentra.courier.unpacking import REFUSED
from sentra.failures import Failure
from sentra.ids import is_id
from sentra.protocol.courier import (
    CONTENTS_BYTES_MAX,
    HEADER_BYTES_MAX,
    CourierHeader,
    file_bytes,
    read_header,
)
from sentra.protocol.errors import ProtocolError
from sentra.web.fragments import render
from sentra.web.permissions import requires
from sentra.web.preferences import language
from webapp.change import changing
from webapp.config import SETTINGS, Settings
from webapp.courier import files
from webapp.database import connection
from webapp.identity import current_member, member
from webapp.worker import enqueue

blueprint = Blueprint("courier", __name__, url_prefix="/courier")

UPLOAD_BYTES_MAX: Final = file_bytes(HEADER_BYTES_MAX, CONTENTS_BYTES_MAX) + 64 * 1024
"""One part of a backlog, and what a form writes around it."""

PERMISSION: Final = "courier.unpack"
FAILED: Final = 422
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FilesPage:
    """What `courier/index.html` shows."""

    files: tuple[files.CourierFile, ...]
    errors: tuple[str, ...]
    size_max_bytes: int


@dataclass(frozen=True, slots=True)
class FilePage:
    """What `courier/show.html` shows."""

    file: files.CourierFile


def install_courier_uploads(app: Flask) -> None:
    """Let people who may take files in send larger requests, to this one address."""

    def allow() -> None:
        if request.endpoint == "courier.upload" and request.method == "POST":
            person = current_member()
            if person is not None and person.may(PERMISSION):
                request.max_content_length = UPLOAD_BYTES_MAX

    # Before the CSRF check, which reads the form.
    app.before_request_funcs.setdefault(None, []).insert(1, allow)


@blueprint.get("")
@requires(PERMISSION)
def index() -> Response:
    """The upload, and what came until now."""
    return _index()


@blueprint.post("")
@requires(PERMISSION)
def upload() -> BaseResponse:
    """Keep a file and let the worker take it in."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _index(gettext("Choose a file first."))
    name = Path(sent.filename.replace("\\", "/").replace("\0", "")).name or "file"
    settings: Settings = current_app.extensions[SETTINGS]
    with tempfile.TemporaryDirectory(prefix="sentra-upload-") as folder:
        path = Path(folder) / "upload"
        sent.save(path)
        try:
            header = _header(path, name)
            with changing() as change:
                run_id = files.keep_upload(
                    change,
                    open_objects(settings.s3_bucket, settings.object_dir),
                    path,
                    header,
                    name,
                    revoked_too="revoked" in request.form,
                    language=language(),
                )
        except Failure as error:
            REFUSED.labels(error.code).inc()
            _log.warning("courier file refused", file=name, problem=error.code)
            return _index(error.told(gettext))
    _enqueue(settings, run_id)
    return redirect(url_for("courier.show", run_id=run_id), 303)


@blueprint.get("/<run_id>")
@requires(PERMISSION)
def show(run_id: str) -> Response:
    """One file: how far it is, then what became of each journal in it."""
    return render(
        "webapp/courier/show.html",
        fragment="webapp/courier/_result.html",
        view=FilePage(_find(run_id)),
    )


@blueprint.get("/<run_id>/receipt")
@requires(PERMISSION)
def receipt(run_id: str) -> Response:
    """The cloud's signed words, for the way back to the till."""
    found = _find(run_id).receipt
    if found is None:
        abort(404)
    answer = Response(json.dumps(found), content_type="application/json")
    name = f"{found['device_id']}{RECEIPT_SUFFIX}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _header(path: Path, name: str) -> CourierHeader:
    """The file's own word about itself, not proved yet. Raises CourierFailure, NotYourBranch."""
    try:
        header = read_header(pieces(path))
    except ProtocolError as error:
        raise refusal(Path(name), error) from error
    if not member().sees(header.branch_id):
        raise files.NotYourBranch(file=name)
    return header


def _index(*errors: str) -> Response:
    view = FilesPage(files.read_files(connection(), member()), errors, UPLOAD_BYTES_MAX)
    return render("webapp/courier/index.html", status=FAILED if errors else 200, view=view)


def _find(run_id: str) -> files.CourierFile:
    found = files.read_file(connection(), run_id, member()) if is_id(run_id) else None
    if found is None:
        abort(404)
    return found


def _enqueue(settings: Settings, run_id: str) -> None:
    try:
        enqueue(settings.queue_url, "import.courier", run_id)
    except RedisError as error:
        # The run's row says that it is queued; the worker finds it there.
        _log.warning("queue_unreachable", run=run_id, reason=str(error))
