"""What a browser test asks of a page: accessible, fitting, quiet; and pictures to look at.

`SENTRA_SHOTS=folder` makes `shoot` write its pictures there; without it, it does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Final
from weakref import WeakSet

from playwright.sync_api import ConsoleMessage, Page, ViewportSize

ROOT: Final = Path(__file__).resolve().parents[2]
AXE: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SHOTS_SETTING: Final = "SENTRA_SHOTS"

THEMES: Final = ("light", "dark")
LANGUAGES: Final = ("id", "en")
DESK: Final = ViewportSize(width=1366, height=768)
PHONE: Final = ViewportSize(width=360, height=740)

AXE_RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

_RUN_AXE: Final = """async (tags) => {
  const found = await axe.run(document, {
    runOnly: tags,
    resultTypes: ["violations"],
    // No rule of these tags needs the style sheets, which axe would fetch again for each run.
    preload: { assets: ["media"] },
  });
  return found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${node.html.slice(0, 160)}\\n    ${node.failureSummary}`));
}"""

_CHARTS_ARE_DRAWN: Final = """() =>
  [...document.querySelectorAll("[data-chart]")].every((chart) => "drawn" in chart.dataset)"""

_NOTHING_IS_ON_ITS_WAY: Final = """() =>
  !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling")"""

_with_axe: Final[WeakSet[Page]] = WeakSet()

_STICKING_OUT: Final = """() => {
  const width = document.documentElement.clientWidth;
  const scrolls = (element) => element.scrollWidth > element.clientWidth;
  const pages = [document.documentElement, ...document.querySelectorAll("main, .till-scroll")];
  if (!pages.some(scrolls)) return [];
  const outside = [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > width + 1)
    .map((element) => element.outerHTML.slice(0, 160));
  return [`${Math.max(...pages.map((page) => page.scrollWidth))} px wide`, ...outside.slice(0, 8)];
}"""


def assert_accessible(page: Page) -> None:
    """No violation of WCAG 2.2 A and AA, nor of the best practices, as axe-core finds them."""
    _bring_axe(page)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = page.evaluate(_RUN_AXE, list(AXE_RULES))
    assert not violations, f"{page.url}\n" + "\n".join(violations)


def _bring_axe(page: Page) -> None:
    """Have the browser load axe-core into whatever this page opens from now on.

    Half a megabyte sent for each look costs more than what axe then does with it.
    """
    if not AXE.is_file():
        raise FileNotFoundError("axe-core is not there. Run: python3 dev.py setup")
    if page not in _with_axe:
        page.add_init_script(path=AXE)
        _with_axe.add(page)


def is_noise(message: ConsoleMessage) -> bool:
    """Whether a console message is an error of the page's own.

    A refused request is the subject of the test that makes it; a missing file is heard elsewhere.
    What a test evaluates has no address: axe-core tries styles, which the CSP rightly blocks. A
    request that is given up because the page is left is no error either.
    """
    expected = (
        "Failed to load resource",
        "Response Status Error Code",
        "htmx:sendAbort",
        "htmx:afterRequest",
    )
    return (
        message.type == "error"
        and bool(message.location["url"])
        and not any(words in message.text for words in expected)
    )


def assert_fits(page: Page) -> None:
    """The page does not scroll sideways."""
    outside = page.evaluate(_STICKING_OUT)
    assert not outside, page.url + "\n" + "\n".join(outside)


def choose(page: Page, *, theme: str = "light", language: str = "id") -> None:
    """Set the looks by the cookies that the switches set; takes effect at the next load."""
    looks = (("sentra_theme", theme), ("sentra_language", language))
    assert page.url.startswith("http"), "open a page first: a cookie needs an address"
    # Of the whole site: a cookie of this page alone would leave its fragments in another language.
    address = "/".join(page.url.split("/")[:3])
    for name, value in looks:
        page.context.add_cookies([{"name": name, "value": value, "url": address}])


def settled(page: Page) -> None:
    """Wait until the page is loaded, its scripts run and no answer of htmx is on its way.

    Call it between what shows that a page or fragment has come and what next types, clicks or
    leaves: a key pressed before the scripts run, or a click while a list is replaced, is lost.
    """
    page.wait_for_load_state()
    page.wait_for_function(_NOTHING_IS_ON_ITS_WAY)


EVERY_LOOK: Final = tuple(product(THEMES, LANGUAGES, (DESK, PHONE)))
OPPOSITE_LOOKS: Final = (("light", "en", DESK), ("dark", "id", PHONE))
"""Each theme, language and width once, the longer words on the narrower screen. The gallery, which
has every component, is looked at in all eight."""


def in_looks(
    page: Page, looks: Sequence[tuple[str, str, ViewportSize]] = OPPOSITE_LOOKS
) -> Iterator[str]:
    """Reload the page in each look; gives the look's name."""
    _bring_axe(page)
    for theme, language, size in looks:
        choose(page, theme=theme, language=language)
        page.set_viewport_size(size)
        page.reload()
        page.wait_for_function(_CHARTS_ARE_DRAWN)
        yield f"{theme}-{language}-{size['width']}"


def shoot(page: Page, name: str) -> None:
    """Write a picture of the page in every look to the folder of `SENTRA_SHOTS`, if it is set."""
    folder = os.environ.get(SHOTS_SETTING)
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    for look in in_looks(page, EVERY_LOOK):
        page.screenshot(path=Path(folder) / f"{name}-{look}.png", full_page=True)
    page.set_viewport_size(DESK)
