"""The control page's server: HTTP in, cuts and mends out. On loopback alone."""

from __future__ import annotations

import threading

from cheroot.wsgi import Server
from flask import Flask, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from demo.control.watch import CHART_HEIGHT, CHART_WIDTH, Watch
from demo.stage import Stage
from sentra.web.factory import create_app
from sentra.web.frames import StatusFrame
from sentra.web.permissions import public

_WHY = "the demo's own page, on loopback, for whoever started it"


def make_app(stage: Stage, watch: Watch) -> Flask:
    """The page, its living part and the switches."""
    app = create_app(
        "demo",
        secret_key=stage.places.secret,
        frame=lambda: StatusFrame(title="Demo"),
    )

    chart = {"width": CHART_WIDTH, "height": CHART_HEIGHT}

    def known(branch: str) -> str:
        if branch not in stage.places.branches:
            raise NotFound
        return branch

    def switches(branch: str) -> str | Response:
        if request.headers.get("HX-Request") == "true":
            return render_template("demo/control/_switches.html", branch=watch.branch(branch))
        return redirect(url_for("page"), 303)

    @app.get("/")
    @public(_WHY)
    def page() -> str:
        branches = [watch.branch(name) for name in stage.places.branches]
        addresses = stage.places.addresses
        return render_template(
            "demo/control/page.html",
            branches=branches,
            parts=watch.parts(),
            addresses=addresses,
            chart=chart,
        )

    @app.get("/backlog/<branch>")
    @public(_WHY)
    def backlog(branch: str) -> str:
        now = watch.branch(known(branch))
        return render_template("demo/control/_backlog.html", branch=now, chart=chart)

    @app.get("/parts")
    @public(_WHY)
    def parts() -> str:
        return render_template("demo/control/_parts.html", parts=watch.parts())

    @app.post("/link/<kind>/<branch>")
    @public(_WHY)
    def link(kind: str, branch: str) -> str | Response:
        if kind not in ("internet", "lan"):
            raise NotFound
        name = f"{kind} {known(branch)}"
        stage.relays.set_cut(name, cut=not stage.relays.get(name).cut)
        return switches(branch)

    @app.post("/power/<branch>")
    @public(_WHY)
    def power(branch: str) -> str | Response:
        name = f"router {known(branch)}"
        part = next(part for part in stage.supervisor.parts if part.name == name)
        stage.supervisor.switch(name, on=not part.wanted)
        return switches(branch)

    return app


def serve(stage: Stage, watch: Watch, port: int) -> Server:
    """Starts the page in a thread of its own; the caller stops the server."""
    server = Server(("127.0.0.1", port), make_app(stage, watch), numthreads=8, shutdown_timeout=1)
    server.prepare()
    threading.Thread(target=server.serve, name="control", daemon=True).start()
    return server
