"""Builds the till's app: the only place where its parts are put together."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import Flask, url_for

from pos_shell.access import KEY_BYTES, install_access
from pos_shell.cashier.routes import routes as cashier
from pos_shell.config import Settings
from pos_shell.enrolment.routes import routes as enrolment
from pos_shell.frame import till_frame
from pos_shell.help.routes import routes as help_pages
from pos_shell.parked.routes import routes as parked
from pos_shell.payment.routes import routes as payment
from pos_shell.receipt.routes import routes as receipt
from pos_shell.refund.routes import routes as refund
from pos_shell.sale.dialogs import routes as sale
from pos_shell.shift.routes import routes as shift
from pos_shell.start.routes import routes as start
from pos_shell.sync.routes import routes as sync
from pos_shell.till import Till
from pos_shell.web import Signed, install_till
from sentra.instants import Clock
from sentra.web.factory import create_app
from sentra.web.permissions import install_guard

_SUBJECTS = (
    start,
    enrolment,
    cashier,
    shift,
    sale,
    parked,
    payment,
    receipt,
    refund,
    sync,
    help_pages,
)


def make_till(
    settings: Settings, clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> Till:
    """The till of the settings' folder; nothing is opened yet."""
    return Till(settings.folder, clock, random_bytes)


def make_key() -> str:
    """A key for one start of the till's page."""
    return secrets.token_urlsafe(KEY_BYTES)


def make_app(settings: Settings, till: Till, key: str) -> Flask:
    """The till's pages; `key` opens them in a browser."""
    app = create_app(
        "pos_shell",
        # Cookies of an earlier start open nothing: the secret lives as long as the key.
        secret_key=secrets.token_hex(32),
        default_language="en" if settings.language == "en" else "id",
        frame=lambda: till_frame(till),
        checks={"vault": lambda: _check_vault(till)},
        clock=till.clock,
    )
    app.config["SENTRA_CLOUD"] = settings.cloud
    install_access(app, key)
    install_till(app, till)
    install_guard(app, who=lambda: _signed(till), sign_in_url=lambda: url_for("start.begin"))
    for subject in _SUBJECTS:
        app.register_blueprint(subject)
    return app


def _signed(till: Till) -> Signed | None:
    return None if till.desk.person is None else Signed(till.desk.person)


def _check_vault(till: Till) -> None:
    if till.is_enrolled:
        with till.vault.reader() as db:
            db.execute("SELECT 1").fetchone()
