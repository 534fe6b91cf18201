"""Every text that people see is said in Indonesian too, with the same placeholders."""

from __future__ import annotations

import pytest

from ops.translations import (
    PROGRAMS,
    Message,
    messages,
    missing,
    placeholders,
    translated,
)


@pytest.fixture(scope="module")
def texts() -> dict[str, list[Message]]:
    return messages()


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_text_has_an_indonesian_translation(
    program: str, texts: dict[str, list[Message]]
) -> None:
    silent = [f"{m.where} {m.msgid!r}" for m in missing(program, texts[program])]
    assert not silent, f"run python -m ops.translations {program}, and translate:\n" + "\n".join(
        silent
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_translation_is_left_of_a_text_that_is_gone(
    program: str, texts: dict[str, list[Message]]
) -> None:
    said = {m.msgid for m in texts[program]}
    gone = [str(msgid) for msgid in translated(program) if msgid not in said]
    assert not gone, f"run python -m ops.translations {program}:\n" + "\n".join(gone)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_translation_fills_in_the_same_names(program: str) -> None:
    wrong = [
        f"{msgid!r} → {string!r}"
        for msgid, strings in translated(program).items()
        for string in strings
        if string and placeholders(string) != placeholders(_richest(msgid))
    ]
    assert not wrong, "\n".join(wrong)


def _richest(msgid: str | tuple[str, str]) -> str:
    """The form that names everything: the plural, where there is one."""
    return msgid if isinstance(msgid, str) else msgid[1]


def test_one_text_has_one_translation_in_all_programs() -> None:
    """The files are merged when they are read, so a second opinion would win by chance."""
    seen: dict[str | tuple[str, str], tuple[str, tuple[str, ...]]] = {}
    torn = []
    for program in PROGRAMS:
        for msgid, strings in translated(program).items():
            first, said = seen.setdefault(msgid, (program, strings))
            if said != strings:
                torn.append(f"{msgid!r}: {first}.po {said}, {program}.po {strings}")
    assert not torn, "\n".join(torn)
