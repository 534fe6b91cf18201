"""The languages: English in the code, the others in `sentra/translations/<language>/<program>.po`.

The .po files are read as they are and merged; nothing is compiled beforehand, so an edit shows at
the next start and no generated file can be older than its source.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES: Final = ("id", "en")
"""Those that Sentra speaks, the default first."""

SOURCE_LANGUAGE: Final = "en"
"""The language of the msgids, which needs no translations."""

SETTING: Final = "SENTRA_LANGUAGE"

TRANSLATIONS: Final = Path(__file__).parent / "translations"


def supported(asked: str | None) -> str:
    """The language that serves a wish such as `en-GB`, `id_ID.UTF-8` or nothing at all."""
    primary = (asked or "").replace("_", "-").partition("-")[0].partition(".")[0].lower()
    return primary if primary in LANGUAGES else LANGUAGES[0]


def language(environment: Mapping[str, str] = os.environ) -> str:
    """The language of this process where no person has chosen one: `SENTRA_LANGUAGE`, else `id`."""
    return supported(environment.get(SETTING))


@lru_cache(maxsize=len(LANGUAGES))
def translations(locale: str) -> Translations:
    """All programs' translations into a language, merged; without any the msgids come back."""
    merged = Translations()
    for path in sorted(TRANSLATIONS.glob(f"{locale}/*.po")):
        one = _compiled(path, locale)
        merged.merge(one)
        merged.plural = one.plural  # merge() leaves the rule behind
    return merged


def _compiled(path: Path, locale: str) -> Translations:
    """One .po file as gettext reads it: through a .mo that exists in memory only."""
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=locale, abort_invalid=True))
    compiled.seek(0)
    return Translations(compiled)


def translate(locale: str) -> Callable[[str], str]:
    """The gettext of a language, for what has no request: command lines, jobs, errors."""
    return translations(locale).gettext


def say(msgid: str, **values: object) -> str:
    """A sentence in the language of this process, its `%(name)s` filled in."""
    sentence = translations(language()).gettext(msgid)
    return sentence % values if values else sentence
