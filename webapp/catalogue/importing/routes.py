"""The import wizard: upload, columns, preview, run, summary. Each step is an address."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from flask import Blueprint, Flask, Response, abort, current_app, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from redis.exceptions import RedisError
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from sentra.cloud.company import the_company
from sentra.cloud.objects import ObjectsError, open_objects
from sentra.cloud.tables import import_run
from sentra.ids import is_id
from sentra.money import Currency
from sentra.money import currency as currency_of
from sentra.sheets import SheetError
from sentra.web.filters import money
from sentra.web.fragments import render
from sentra.web.permissions import requires
from sentra.web.preferences import language
from webapp.catalogue.importing import uploads
from webapp.catalogue.importing.columns import FIELDS, REQUIRED
from webapp.catalogue.importing.kinds import KINDS, Finding
from webapp.catalogue.importing.records import stored_findings
from webapp.catalogue.importing.report import write_report
from webapp.catalogue.routes import require_everywhere
from webapp.change import changing
from webapp.config import SETTINGS, Settings
from webapp.database import connection
from webapp.flash import say
from webapp.identity import current_member
from webapp.worker import enqueue

blueprint = Blueprint("imports", __name__)

UPLOAD_BYTES_MAX: Final = 64_000_000
"""Half a million rows of a catalogue; larger files are for the command line."""

FAILED: Final = 422

FIELD_NAMES: Final = {
    "code": lazy_gettext("Code"),
    "barcode": lazy_gettext("Barcode"),
    "name": lazy_gettext("Name"),
    "category": lazy_gettext("Category"),
    "subcategory": lazy_gettext("Category, if there is no other"),
    "brand": lazy_gettext("Brand"),
    "unit": lazy_gettext("Unit"),
    "price": lazy_gettext("Selling price"),
    "cost": lazy_gettext("Cost"),
    "tax": lazy_gettext("Tax code"),
    "stock_minimum": lazy_gettext("Minimum stock"),
    "discount": lazy_gettext("Discount (only checked)"),
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ImportsPage:
    """What `catalogue/imports.html` shows."""

    runs: tuple[uploads.Run, ...]
    errors: tuple[str, ...]
    size_max_bytes: int


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding in the reader's language."""

    line: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """The findings of one kind in the reader's language."""

    title: str
    count: int
    is_refused: bool
    examples: tuple[FindingLine, ...]


@dataclass(frozen=True, slots=True)
class RunPage:
    """What `catalogue/import_show.html` shows. `step`: 2 columns, 3 preview, 4 import."""

    run: uploads.Run
    step: int
    fields: tuple[tuple[str, str], ...]
    chosen: Mapping[str, str]
    groups: tuple[FindingGroup, ...]
    errors: tuple[str, ...]


def install_uploads(app: Flask) -> None:
    """Let people who may import send larger requests, to this one address."""

    def allow() -> None:
        if request.endpoint == "imports.upload" and request.method == "POST":
            person = current_member()
            if person is not None and person.may("catalogue.import"):
                request.max_content_length = UPLOAD_BYTES_MAX

    # Before the CSRF check, which reads the form.
    app.before_request_funcs.setdefault(None, []).insert(1, allow)


@blueprint.get("/imports")
@requires("catalogue.import")
def index() -> Response:
    """The upload, and what was imported before."""
    require_everywhere()
    return _index()


@blueprint.post("/imports")
@requires("catalogue.import")
def upload() -> BaseResponse:
    """Keep a file and go on to its columns."""
    require_everywhere()
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _index(gettext("Choose a file first."))
    name = Path(sent.filename.replace("\\", "/").replace("\0", "")).name or "file"
    settings: Settings = current_app.extensions[SETTINGS]
    with tempfile.TemporaryDirectory(prefix="sentra-upload-") as folder:
        path = Path(folder) / "upload"
        sent.save(path)
        try:
            with changing() as change:
                objects = open_objects(settings.s3_bucket, settings.object_dir)
                run_id = uploads.keep_upload(change, objects, path, name, language())
        except SheetError as error:
            return _index(_told_of(error, path, name))
        except ObjectsError as error:
            _log.error("upload_not_kept", reason=str(error))
            return _index(error.told(gettext))
    return redirect(url_for("imports.show", run_id=run_id), 303)


@blueprint.get("/imports/<run_id>")
@requires("catalogue.import")
def show(run_id: str) -> Response:
    """The step at which a run is; `?columns=1` goes back to its columns."""
    run = _find(run_id)
    view = _view(run, run.chosen)
    return render(
        "webapp/catalogue/import_show.html",
        fragment="webapp/catalogue/_import_step.html",
        view=view,
    )


@blueprint.post("/imports/<run_id>/check")
@requires("catalogue.import")
def check(run_id: str) -> BaseResponse:
    """Take the columns and let the worker look what would happen."""
    run = _find(run_id)
    chosen = {
        name: request.form.get(f"column-{place}", "") for place, name in enumerate(run.columns)
    }
    errors = _wrong_choices(chosen)
    if errors:
        view = _view(run, chosen, errors)
        return render("webapp/catalogue/import_show.html", status=FAILED, view=view)
    try:
        with changing() as change:
            uploads.queue_check(change, run.id, chosen)
        _enqueue(run.id)
    except uploads.StepRefused as error:
        say(error.told(gettext), "info")
    return redirect(url_for("imports.show", run_id=run.id), 303)


@blueprint.post("/imports/<run_id>/start")
@requires("catalogue.import")
def start(run_id: str) -> BaseResponse:
    """Import what was looked at."""
    run = _find(run_id)
    try:
        with changing() as change:
            uploads.queue_import(change, run.id)
        _enqueue(run.id)
    except uploads.StepRefused as error:
        say(error.told(gettext), "info")
    return redirect(url_for("imports.show", run_id=run.id), 303)


@blueprint.post("/imports/<run_id>/discard")
@requires("catalogue.import")
def discard(run_id: str) -> BaseResponse:
    """Give a run up."""
    run = _find(run_id)
    try:
        with changing() as change:
            key = uploads.discard(change, run.id)
    except uploads.StepRefused as error:
        say(error.told(gettext), "info")
        return redirect(url_for("imports.show", run_id=run.id), 303)
    settings: Settings = current_app.extensions[SETTINGS]
    open_objects(settings.s3_bucket, settings.object_dir).remove(key)
    say(gettext("%(file)s was given up. Nothing was changed.", file=run.file_name))
    return redirect(url_for("imports.index"), 303)


@blueprint.get("/imports/<run_id>/findings.csv")
@requires("catalogue.import")
def findings(run_id: str) -> Response:
    """Every finding of a run as a file."""
    run = _find(run_id)
    stored = (
        connection()
        .execute(select(import_run.c.findings).where(import_run.c.id == run.id))
        .scalar_one()
    )
    out = io.StringIO()
    write_report(out, stored_findings(stored), _currency(), gettext)
    answer = Response("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"sentra-{gettext('findings')}-{run.id[:8]}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _index(*errors: str) -> Response:
    view = ImportsPage(uploads.read_runs(connection()), errors, UPLOAD_BYTES_MAX)
    return render("webapp/catalogue/imports.html", status=FAILED if errors else 200, view=view)


def _find(run_id: str) -> uploads.Run:
    require_everywhere()
    run = uploads.read_run(connection(), run_id) if is_id(run_id) else None
    if run is None or run.status == "discarded":
        abort(404)
    return run


def _view(run: uploads.Run, chosen: Mapping[str, str], errors: tuple[str, ...] = ()) -> RunPage:
    back = request.args.get("columns") == "1" and run.status == "preview"
    at_columns = errors or back or run.status in ("uploaded", "failed")
    step = 2 if at_columns else 3 if run.is_check else 4
    fields = (("", gettext("Leave out")), *((name, str(FIELD_NAMES[name])) for name in FIELDS))
    groups = () if run.summary is None or step == 2 else _groups(run)
    told = errors or ((run.error,) if run.error else ())
    return RunPage(run, step, fields, chosen, groups, told)


def _groups(run: uploads.Run) -> tuple[FindingGroup, ...]:
    assert run.summary is not None  # noqa: S101 - the caller looked
    currency = _currency()

    def line(finding: Finding) -> FindingLine:
        reason = finding.told(gettext, lambda amount: money(amount, currency))
        return FindingLine(finding.line, finding.column, finding.value, reason)

    return tuple(
        FindingGroup(
            gettext(KINDS[group.kind].title),
            group.count,
            group.is_refused,
            tuple(line(each) for each in group.examples),
        )
        for group in run.summary.groups
    )


def _wrong_choices(chosen: Mapping[str, str]) -> tuple[str, ...]:
    fields = [field for field in chosen.values() if field]
    wrong = [
        gettext("Two columns are chosen for “%(field)s”. Choose one.", field=FIELD_NAMES[field])
        for field in FIELDS
        if fields.count(field) > 1
    ]
    wrong += [
        gettext("Say which column is “%(field)s”.", field=FIELD_NAMES[field])
        for field in REQUIRED
        if field not in fields
    ]
    return tuple(wrong) if set(fields) <= set(FIELDS) else (gettext("Choose from the list."),)


def _told_of(error: SheetError, path: Path, name: str) -> str:
    """The error's sentence about the person's own file, not about where it was put."""
    return error.told(gettext).replace(str(path), f"“{name}”")


def _enqueue(run_id: str) -> None:
    settings: Settings = current_app.extensions[SETTINGS]
    try:
        enqueue(settings.queue_url, "import.catalogue", run_id)
    except RedisError as error:
        # The run's row says that it is queued; the worker finds it there.
        _log.warning("queue_unreachable", run=run_id, reason=str(error))


def _currency() -> Currency:
    return currency_of(the_company(connection()).currency)
