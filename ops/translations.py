"""Finds every text that people see and keeps the .po files in step with the code.

`python -m ops.translations [PROGRAM…]` adds the missing msgids to the program's .po file with an
empty translation, drops those that no code uses, and lists what is still to be translated. The
architecture tests use the same functions, so that no untranslated text lands.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).resolve().parents[1]
PO_FOLDER: Final = ROOT / "sentra" / "translations"
TARGET: Final = "id"
PROGRAMS: Final = ("sentra", "web", "webapp", "pos_shell", "router_agent", "syncd", "demo")
"""One .po file each; `web` is what the pages of all programs share."""
KERNEL: Final = ("sentra", "web")
"""Those whose translations every program may use."""

_KEYWORDS: Final = {
    **dict.fromkeys(("_", "gettext", "lazy_gettext", "say", "translate", "N_")),
    **dict.fromkeys(("ngettext", "lazy_ngettext"), (1, 2)),
}
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)[-#0 +.\d]*[a-zA-Z]")

Msgid = str | tuple[str, str]
"""One text, or its singular and plural."""


class Message(NamedTuple):
    """A text and the first place where the code says it."""

    msgid: Msgid
    where: str


def program_of(path: Path) -> str:
    """Whose .po file a source file's texts belong to."""
    first, second = path.relative_to(ROOT).parts[:2]
    if first == "templates":
        return second if second in PROGRAMS else "web"
    if (first, second) == ("sentra", "web"):
        return "web"
    return "demo" if first == "bench" else first


def sources() -> Iterator[Path]:
    """Every file that can hold a text: the programs' Python and all templates."""
    for program in (*PROGRAMS, "bench"):  # There is no folder named web; that yields nothing.
        yield from sorted((ROOT / program).rglob("*.py"))
    yield from sorted((ROOT / "templates").rglob("*.html"))


def messages() -> dict[str, list[Message]]:
    """Program → its texts, each once, in the order of the files."""
    found: dict[str, dict[Msgid, Message]] = {program: {} for program in PROGRAMS}
    for path in sources():
        for line, msgid in _texts(path):
            where = f"{path.relative_to(ROOT).as_posix()}:{line}"
            found[program_of(path)].setdefault(msgid, Message(msgid, where))
    return {program: list(texts.values()) for program, texts in found.items()}


def _texts(path: Path) -> Iterator[tuple[int, Msgid]]:
    if path.suffix == ".py":
        yield from _sentences(path)
    method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
    options = {"trimmed": "false", "silent": "false", "newstyle_gettext": "true"}
    with path.open("rb") as source:
        for line, msgid, *_ in extract(method, source, keywords=_KEYWORDS, options=options):
            if isinstance(msgid, tuple):
                yield line, (msgid[0], msgid[1])
            elif msgid:
                yield line, msgid


def _sentences(path: Path) -> Iterator[tuple[int, Msgid]]:
    """The sentences of failures: `sentence = "…"` (or `hint`) in the body of a class."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for statement in node.body if isinstance(node, ast.ClassDef) else ():
            targets = _targets(statement)
            value = getattr(statement, "value", None)
            text = value.value if isinstance(value, ast.Constant) else None
            if targets & {"sentence", "hint"} and isinstance(text, str) and text:
                yield statement.lineno, text


def _targets(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Assign):
        targets: list[ast.expr] = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return set()
    return {target.id for target in targets if isinstance(target, ast.Name)}


def catalogue(program: str) -> Catalog:
    """A program's .po file, or an empty one where it is not there yet."""
    path = po_path(program)
    if not path.exists():
        return _empty()
    with path.open("rb") as source:
        return read_po(source, locale=TARGET, ignore_obsolete=True, abort_invalid=True)


def _empty() -> Catalog:
    # A date that stands still: the file changes only when a text does.
    began = datetime(2026, 1, 1, tzinfo=UTC)
    fresh = Catalog(
        locale=TARGET,
        project="sentra",
        version="1",
        header_comment="# Made by python -m ops.translations: edit only the msgstr lines.",
        last_translator="",
        language_team="",
        msgid_bugs_address="",
        fuzzy=False,
        creation_date=began,
        revision_date=began,
    )
    # Indonesian does not bend nouns for number; Babel has no rule for it.
    fresh.mime_headers = [("Plural-Forms", "nplurals=1; plural=0;")]
    return fresh


def po_path(program: str) -> Path:
    """Where a program's translations are."""
    return PO_FOLDER / TARGET / f"{program}.po"


def translated(program: str) -> dict[Msgid, tuple[str, ...]]:
    """msgid → its translations (one for each plural form) in a program's own file."""
    texts: dict[Msgid, tuple[str, ...]] = {}
    for message in catalogue(program):
        if message.id:
            msgid = message.id if isinstance(message.id, str) else (message.id[0], message.id[1])
            string = message.string or ""
            texts[msgid] = (string,) if isinstance(string, str) else tuple(string)
    return texts


def missing(program: str, wanted: list[Message]) -> list[Message]:
    """Texts without a translation, in the program's own file or in the kernel's."""
    have = _in_kernel(program) | translated(program)
    return [message for message in wanted if not all(have.get(message.msgid, ("",)))]


def _in_kernel(program: str) -> dict[Msgid, tuple[str, ...]]:
    """What a program need not translate itself; each kernel file says its own."""
    texts: dict[Msgid, tuple[str, ...]] = {}
    for kernel in KERNEL[: KERNEL.index(program)] if program in KERNEL else KERNEL:
        texts |= translated(kernel)
    return texts


def placeholders(text: str) -> set[str]:
    """The names in `%(name)s` of a text."""
    return set(_PLACEHOLDER.findall(text))


def bring_in_step(program: str, wanted: list[Message]) -> None:
    """Write a program's .po file anew: its present texts, with the translations that it had."""
    have = translated(program)
    in_kernel = _in_kernel(program)
    kept = _empty()
    for msgid, where in wanted:
        if msgid in in_kernel and msgid not in have:
            continue
        strings = have.get(msgid, ("",))
        single = isinstance(msgid, str)
        kept.add(msgid, strings[0] if single else strings, [(where.rpartition(":")[0], 0)])
    path = po_path(program)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        write_po(target, kept, width=100, include_lineno=False, sort_by_file=True)


def main(programs: list[str]) -> int:
    """Bring the named programs' files (or all) in step; ends with 1 where texts are missing."""
    found = messages()
    left = 0
    for program in programs or PROGRAMS:
        bring_in_step(program, found[program])
        for message in missing(program, found[program]):
            left += 1
            print(f"{program}.po  {message.where}  {message.msgid!r}")
    print(f"{left} texts to translate")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
