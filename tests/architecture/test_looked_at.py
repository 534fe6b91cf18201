"""Every page is looked at in a browser: axe-core, both languages and themes, desk and phone.

A new GET route fails here until it stands below: with the browser test that opens its page, or
with the reason why it is none. The router's routes are a table in `router_agent/status/routes.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.sources import ROOT

SERVERS: Final = ("webapp", "pos_shell", "router_agent", "demo", "sentra/web")
E2E: Final = ROOT / "tests" / "e2e"

_TILL = "pos_shell/test_till.py::test_a_screen_is_accessible_and_fits_in_every_look"
_AROUND = "pos_shell/test_till.py::test_what_comes_before_and_after_selling_is_accessible_too"
_PAGES = "webapp/test_every_page.py::test_every_page_is_accessible_and_fits"
_DETAILS = "webapp/test_every_page.py::test_whatever_a_list_leads_to_is_accessible_and_fits"
_GALLERY = "test_gallery.py::test_a_page_is_accessible_and_fits_in_every_look"
_PRODUCT = "webapp/test_catalogue.py::test_a_product_is_made_found_priced_and_its_page_fits"
_IMPORT = "webapp/test_catalogue.py::test_a_file_becomes_products_step_by_step"
_COURIER = "webapp/test_courier.py::test_a_manager_brings_a_stick_and_sees_what_became_of_it"
_CONTROL = "demo/test_control.py::test_the_page_is_accessible_and_fits_in_every_look"

LOOKED_AT: Final = {
    "demo/control/app.py:page": _CONTROL,
    "pos_shell/cashier/routes.py:choose": _TILL,
    "pos_shell/cashier/routes.py:pin": _TILL,
    "pos_shell/enrolment/routes.py:enter": _AROUND,
    "pos_shell/enrolment/routes.py:enter_anew": _AROUND,
    "pos_shell/enrolment/routes.py:wait": _AROUND,
    "pos_shell/help/routes.py:keys": _TILL,
    "pos_shell/parked/routes.py:show": _TILL,
    "pos_shell/payment/routes.py:pay": _TILL,
    "pos_shell/receipt/routes.py:find": _TILL,
    "pos_shell/receipt/routes.py:show": _TILL,
    "pos_shell/refund/routes.py:choose": _TILL,
    "pos_shell/sale/dialogs.py:discount": _TILL,
    "pos_shell/sale/dialogs.py:line": _TILL,
    "pos_shell/sale/dialogs.py:note": _TILL,
    "pos_shell/sale/dialogs.py:open_item": _TILL,
    "pos_shell/sale/dialogs.py:void": _TILL,
    "pos_shell/sale/routes.py:price_check": _TILL,
    "pos_shell/sale/routes.py:screen": _TILL,
    "pos_shell/shift/routes.py:count": _TILL,
    "pos_shell/shift/routes.py:drawer": _TILL,
    "pos_shell/shift/routes.py:report": _TILL,
    "pos_shell/shift/routes.py:summary": _AROUND,
    "sentra/web/gallery.py:backoffice": _GALLERY,
    "sentra/web/gallery.py:error": _GALLERY,
    "sentra/web/gallery.py:sign_in": _GALLERY,
    "sentra/web/gallery.py:status": _GALLERY,
    "sentra/web/gallery.py:till": _GALLERY,
    "sentra/web/gallery.py:till_parts": _GALLERY,
    "webapp/account/routes.py:show": _PAGES,
    "webapp/account/routes.py:sign_in": (
        "webapp/test_every_page.py::test_the_door_is_accessible_and_fits"
    ),
    "webapp/branches/device_routes.py:show": (
        "webapp/test_every_page.py::test_a_tills_page_with_its_proof_is_accessible_and_fits"
    ),
    "webapp/branches/routes.py:edit": _DETAILS,
    "webapp/branches/routes.py:index": _PAGES,
    "webapp/branches/routes.py:new": _PAGES,
    "webapp/branches/routes.py:show": _DETAILS,
    "webapp/catalogue/category_routes.py:index": _PRODUCT,
    "webapp/catalogue/importing/routes.py:index": _IMPORT,
    "webapp/catalogue/importing/routes.py:show": _IMPORT,
    "webapp/catalogue/routes.py:index": _PRODUCT,
    "webapp/catalogue/routes.py:new": _PRODUCT,
    "webapp/catalogue/routes.py:show": _PRODUCT,
    "webapp/courier/routes.py:index": _PAGES,
    "webapp/courier/routes.py:show": _COURIER,
    "webapp/dashboard/routes.py:show": _PAGES,
    "webapp/exceptions/routes.py:index": _PAGES,
    "webapp/exceptions/routes.py:show": _DETAILS,
    "webapp/people/routes.py:edit": _DETAILS,
    "webapp/people/routes.py:index": _PAGES,
    "webapp/people/routes.py:new": _PAGES,
    "webapp/sales/routes.py:index": _PAGES,
    "webapp/sales/routes.py:show": _DETAILS,
    "webapp/shifts/routes.py:index": _PAGES,
    "webapp/shifts/routes.py:show": _DETAILS,
    "router_agent/status/routes.py:ask_pin": (
        "test_router_page.py::test_a_wrong_pin_is_told_in_words_and_the_name_stays_chosen"
    ),
    "router_agent/status/routes.py:page": (
        "test_router_page.py::test_the_page_is_accessible_and_fits_in_every_look"
    ),
}

NO_PAGE: Final = {
    "demo/control/app.py:backlog": "a fragment of the control page",
    "demo/control/app.py:parts": "a fragment of the control page",
    "pos_shell/receipt/routes.py:pdf": "a file",
    "pos_shell/sale/routes.py:find": "a fragment of the sale screen",
    "pos_shell/sale/routes.py:waiting": "a fragment of the sale screen",
    "pos_shell/start/routes.py:begin": "sends to the first screen that fits",
    "pos_shell/sync/routes.py:status": "a fragment of every screen",
    "pos_shell/sync/routes.py:stream": "a stream",
    "router_agent/status/routes.py:anchors": "a file",
    "router_agent/status/routes.py:details": "a fragment of the status page",
    "router_agent/status/routes.py:now": "a fragment of the status page",
    "sentra/web/assets.py:static": "files",
    "sentra/web/health.py:healthz": "for machines",
    "sentra/web/health.py:metrics": "for machines",
    "sentra/web/health.py:readyz": "for machines",
    "webapp/branches/device_routes.py:code_is_gone": "sends to the branch",
    "webapp/branches/device_routes.py:code_state": "a fragment of the code's page",
    "webapp/catalogue/importing/routes.py:findings": "a file",
    "webapp/catalogue/routes.py:export": "a file",
    "webapp/courier/routes.py:receipt": "a file",
    "webapp/dashboard/routes.py:curve": "a fragment of the dashboard",
    "webapp/dashboard/routes.py:details": "a fragment of the dashboard",
    "webapp/live.py:stream": "a stream",
    "webapp/sales/routes.py:export": "a file",
}


@cache
def routes() -> frozenset[str]:
    """Every view that answers a GET, as `file:function`."""
    found: set[str] = set()
    for server in SERVERS:
        for path in sorted((ROOT / server).rglob("*.py")):
            text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
            found |= {f"{name}:{view}" for view in decorated(ast.parse(text))}
            if name == "router_agent/status/routes.py":
                listed = re.findall(r'\("GET", "[^"]*", self\.(\w+),', text)
                found |= {f"{name}:{view}" for view in listed}
    return frozenset(found)


def decorated(tree: ast.AST) -> Iterator[str]:
    """Functions under `@something.get("…")` or `.route`."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for mark in function.decorator_list:
                if (
                    isinstance(mark, ast.Call)
                    and isinstance(mark.func, ast.Attribute)
                    and mark.func.attr in ("get", "route")
                    and mark.args
                    and isinstance(mark.args[0], ast.Constant)
                ):
                    yield function.name


def test_every_page_has_a_browser_test_or_a_reason() -> None:
    unseen = routes() - LOOKED_AT.keys() - NO_PAGE.keys()
    assert not unseen, "looked at by no test in tests/e2e: " + ", ".join(sorted(unseen))


def test_the_lists_name_no_route_that_is_gone() -> None:
    gone = (LOOKED_AT.keys() | NO_PAGE.keys()) - routes()
    assert not gone, "no such route any more: " + ", ".join(sorted(gone))


@pytest.mark.parametrize("node", sorted(set(LOOKED_AT.values())))
def test_the_browser_tests_that_are_named_exist_and_ask_axe(node: str) -> None:
    file, _, test = node.partition("::")
    path: Path = E2E / file
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}
    assert test in functions, f"{node} is gone"
    asked, seen = [test], set[str]()
    while asked:
        name = asked.pop()
        seen.add(name)
        called = {
            call.func.id
            for call in ast.walk(functions[name])
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        }
        if "assert_accessible" in called:
            return
        asked += [one for one in called if one in functions and one not in seen]
    pytest.fail(f"{node} never asks axe")
