"""The rules of templates: found from the code, free of inline script, whole without JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment

from tests.architecture.sources import ROOT, name_of, python_files, tracked

TEMPLATES = ROOT / "templates"
SHARED = ("layouts", "components", "errors", "gallery")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}

JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
MACRO = re.compile(r"\{%-? *macro .*?endmacro *-?%\}", re.DOTALL)
REFERENCE = re.compile(r"\{%-?\s*(include|extends|import|from)\s+\"([^\"]+)\"([^%]*)%\}")
NAMED_IN_CODE = re.compile(r"[\"']((?:[a-z_]+/)+[a-z_]+\.html)[\"']")
ICON = re.compile(r"\b(?:icon|draw)\(\s*\"([a-z0-9-]+)\"|icon=\"([a-z0-9-]+)\"")


def templates() -> list[Path]:
    return [path for path in tracked(".html") if path.is_relative_to(TEMPLATES)]


def inner_name(path: Path) -> str:
    return path.relative_to(TEMPLATES).as_posix()


def references(path: Path) -> Iterator[tuple[str, str, str]]:
    """(include|extends|import|from, template, rest of the tag) of each reference in a template."""
    yield from REFERENCE.findall(path.read_text(encoding="utf-8"))


def tag_words(path: Path) -> Iterator[tuple[int, str, dict[str, str | None]]]:
    """(line, tag, attributes) of each element that a template writes literally."""
    found: list[tuple[int, str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((self.getpos()[0], tag, dict(attrs)))

    Reader().feed(masked(path))
    yield from found


def masked(path: Path, without: re.Pattern[str] | None = None) -> str:
    """A template with its Jinja replaced by a word, line by line in place.

    A tag's own words stay the same wherever they are the same in the source, so that two
    attributes can be compared.
    """

    def mask(match: re.Match[str]) -> str:
        text = match.group()
        word = "" if text.startswith(("{#", "{%")) else re.sub(r"[^a-z0-9]+", "-", text.lower())
        return word + "\n" * text.count("\n")

    text = path.read_text(encoding="utf-8")
    return JINJA.sub(mask, without.sub("", text) if without else text)


def test_every_template_parses() -> None:
    reader = Environment(autoescape=True, extensions=["jinja2.ext.i18n", "jinja2.ext.do"])
    for path in templates():
        reader.parse(path.read_text(encoding="utf-8"), filename=name_of(path))


def test_every_template_is_rendered_or_included_by_something() -> None:
    named = {
        name
        for path in python_files()
        for name in NAMED_IN_CODE.findall(path.read_text(encoding="utf-8"))
    }
    named |= {name for path in templates() for _, name, _ in references(path)}
    orphans = [inner_name(path) for path in templates() if inner_name(path) not in named]
    assert not orphans, "nothing renders these; remove them:\n" + "\n".join(orphans)


def test_every_template_that_is_named_is_there() -> None:
    absent = [
        f"{name_of(path)} names {name}"
        for path in (*python_files(), *templates())
        for name in NAMED_IN_CODE.findall(path.read_text(encoding="utf-8"))
        if name.partition("/")[0] in {p.name for p in TEMPLATES.iterdir()}
        and not (TEMPLATES / name).is_file()
    ]
    assert not absent, "\n".join(absent)


def test_a_fragment_is_included_only_from_its_own_folder() -> None:
    strays = [
        f"{inner_name(path)} includes {name}: make it a macro in components/"
        for path in templates()
        for verb, name, _ in references(path)
        if verb == "include"
        and Path(name).parent.as_posix() != Path(inner_name(path)).parent.as_posix()
    ]
    assert not strays, "\n".join(strays)


def test_a_page_belongs_to_a_subject_of_a_program() -> None:
    odd = [
        f"{inner_name(path)}: templates/<program>/<subject>/<view>.html"
        for path in templates()
        if path.relative_to(TEMPLATES).parts[0] not in SHARED
        and len(path.relative_to(TEMPLATES).parts) != 3
    ]
    assert not odd, "\n".join(odd)


@pytest.mark.parametrize("folder", ["layouts", "components"])
def test_shared_templates_do_not_know_a_program(folder: str) -> None:
    knowing = [
        f"{inner_name(path)} uses {name}"
        for path in templates()
        if path.relative_to(TEMPLATES).parts[0] == folder
        for _, name, _ in references(path)
        if name.partition("/")[0] not in SHARED
    ]
    assert not knowing, "\n".join(knowing)


def test_macros_take_arguments_only() -> None:
    leaking = [
        f"{inner_name(path)} imports {name} with context"
        for path in templates()
        for verb, name, rest in references(path)
        if verb in {"import", "from"} and "with context" in rest
    ]
    assert not leaking, "\n".join(leaking)


def test_no_template_has_inline_script_style_or_handler() -> None:
    inline = []
    for path in templates():
        for line, tag, attributes in tag_words(path):
            where = f"{name_of(path)}:{line} <{tag}>"
            data = attributes.get("type") in {"application/json", "application/ld+json"}
            if tag == "script" and "src" not in attributes and not data:
                inline.append(f"{where}: move the script to static/js/")
            if tag == "style" or "style" in attributes:
                inline.append(f"{where}: move the style to static/css/")
            inline += [
                f"{where}: move the handler {name} to static/js/"
                for name in attributes
                if name.startswith("on") or name.startswith(("hx-on", "hx-vals-js"))
            ]
    assert not inline, "\n".join(inline)


def test_what_htmx_does_works_without_it_too() -> None:
    """Each `hx-get` of a link repeats its `href`, each `hx-post` of a form its `action`."""
    torn = []
    for path in templates():
        for line, tag, attributes in tag_words(path):
            where = f"{name_of(path)}:{line} <{tag}>"
            get, post = attributes.get("hx-get"), attributes.get("hx-post")
            if tag == "a" and get and attributes.get("href") != get:
                torn.append(f"{where}: hx-get must repeat href")
            if tag == "form" and post and attributes.get("action") != post:
                torn.append(f"{where}: hx-post must repeat action")
            if tag == "a" and post:
                torn.append(f"{where}: a link does not change anything; use a form")
    assert not torn, "\n".join(torn)


def roots_of(path: Path) -> list[str]:
    """The elements of a template that stand in no other; a macro's are not its own."""
    depth, roots = 0, []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
            nonlocal depth
            if depth == 0:
                roots.append(tag)
            depth += tag not in VOID

        def handle_endtag(self, tag: str) -> None:
            nonlocal depth
            depth -= tag not in VOID

        def handle_startendtag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
            if depth == 0:
                roots.append(tag)

    Reader().feed(masked(path, without=MACRO))
    return roots


def test_a_fragment_has_one_root_element() -> None:
    many = [
        f"{inner_name(path)} has {roots}"
        for path in templates()
        if path.name.startswith("_") and len(roots := roots_of(path)) > 1
    ]
    assert not many, "\n".join(many)


def test_every_icon_that_is_drawn_is_copied() -> None:
    copied = set(json.loads((ROOT / "frontend.json").read_text(encoding="utf-8"))["icons"]["names"])
    sources = [*templates(), *python_files()]
    drawn = {
        (left or right, name_of(path))
        for path in sources
        for left, right in ICON.findall(path.read_text(encoding="utf-8"))
    }
    absent = sorted(f"{icon} ({where})" for icon, where in drawn if icon not in copied)
    assert not absent, "add to frontend.json: " + ", ".join(absent)


def test_every_icon_that_is_copied_is_used() -> None:
    text = "\n".join(p.read_text(encoding="utf-8") for p in (*templates(), *python_files()))
    copied = json.loads((ROOT / "frontend.json").read_text(encoding="utf-8"))["icons"]["names"]
    idle = [icon for icon in copied if f'"{icon}"' not in text and f"'{icon}'" not in text]
    assert not idle, "remove from frontend.json: " + ", ".join(idle)
