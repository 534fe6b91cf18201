"""Settings are typed, and a wrong one stops the start with a sentence that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sentra.config import (
    ConfigError,
    Environment,
    SettingMissing,
    SettingNotAChoice,
    SettingNotAFolder,
    SettingNotANumber,
    SettingNotAUrl,
)


def test_a_setting_is_read_as_what_it_is(tmp_path: Path) -> None:
    settings = Environment(
        {
            "SENTRA_QUEUE_URL": "redis://127.0.0.1:6379/1",
            "SENTRA_THREADS": " 8 ",
            "SENTRA_LOG_LEVEL": "INFO",
            "SENTRA_GALLERY": "on",
            "SENTRA_DATA_DIR": str(tmp_path),
        }
    )
    assert settings.url("SENTRA_QUEUE_URL", schemes=("redis", "rediss")).endswith("/1")
    assert settings.number("SENTRA_THREADS", least=1, most=64) == 8
    assert settings.choice("SENTRA_LOG_LEVEL", ("info", "debug")) == "info"
    assert settings.flag("SENTRA_GALLERY") is True
    assert settings.folder("SENTRA_DATA_DIR", must_exist=True) == tmp_path


def test_an_absent_or_empty_setting_takes_its_default() -> None:
    settings = Environment({"SENTRA_THREADS": ""})
    assert settings.number("SENTRA_THREADS", 4, least=1, most=64) == 4
    assert settings.text("SENTRA_NAME", "till") == "till"
    assert settings.optional("SENTRA_S3_BUCKET") is None
    assert settings.flag("SENTRA_GALLERY") is False


READS: dict[str, tuple[type[ConfigError], str | None, Callable[[Environment], object]]] = {
    "missing": (SettingMissing, None, lambda e: e.text("SENTRA_X")),
    "no address": (SettingNotAUrl, "db.example", lambda e: e.url("SENTRA_X", schemes=("https",))),
    "other scheme": (
        SettingNotAUrl,
        "mysql://host/sentra",
        lambda e: e.url("SENTRA_X", schemes=("postgresql",)),
    ),
    "broken address": (
        SettingNotAUrl,
        "https://[::1",
        lambda e: e.url("SENTRA_X", schemes=("https",)),
    ),
    "no number": (SettingNotANumber, "8.5", lambda e: e.number("SENTRA_X", least=1, most=64)),
    "superscript": (SettingNotANumber, "²", lambda e: e.number("SENTRA_X", least=1, most=64)),
    "too many": (SettingNotANumber, "65", lambda e: e.number("SENTRA_X", least=1, most=64)),
    "no choice": (SettingNotAChoice, "loud", lambda e: e.choice("SENTRA_X", ("info", "error"))),
    "no flag": (SettingNotAChoice, "maybe", lambda e: e.flag("SENTRA_X")),
    "no folder": (
        SettingNotAFolder,
        "/nowhere/at/all",
        lambda e: e.folder("SENTRA_X", must_exist=True),
    ),
}


@pytest.mark.parametrize("case", READS)
def test_a_wrong_setting_is_named_in_its_error(case: str) -> None:
    error, value, read = READS[case]
    with pytest.raises(error) as raised:
        read(Environment({} if value is None else {"SENTRA_X": value}))
    assert "SENTRA_X" in str(raised.value)


def test_an_address_is_never_repeated_because_it_may_hold_a_password() -> None:
    with pytest.raises(SettingNotAUrl) as raised:
        Environment({"SENTRA_X": "mysql://root:hunter2@db/sentra"}).url(
            "SENTRA_X", schemes=("redis",)
        )
    assert "hunter2" not in str(raised.value)
