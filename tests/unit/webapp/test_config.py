"""The back office's settings: what is missing or wrong is named, the rest has good defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentra.config import ConfigError, SettingMissing
from webapp.config import read_settings


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, str]:
    return {
        "SENTRA_DATABASE_URL": "postgresql://sentra@db/sentra",
        "SENTRA_REDIS_URL": "redis://cache:6379/0",
        "SENTRA_KEYS_DIR": str(tmp_path),
    }


def test_the_queue_is_the_other_redis_unless_said_otherwise(whole: dict[str, str]) -> None:
    assert read_settings(whole).queue_url == "redis://cache:6379/0"
    own = read_settings({**whole, "SENTRA_QUEUE_URL": "redis://queue:6379/1"})
    assert own.queue_url == "redis://queue:6379/1"


def test_the_session_may_live_in_a_cluster_and_the_queue_may_not(whole: dict[str, str]) -> None:
    cluster = {**whole, "SENTRA_REDIS_URL": "redis+cluster://cache:6379"}
    with pytest.raises(ConfigError, match="SENTRA_QUEUE_URL"):
        read_settings(cluster)
    read_settings({**cluster, "SENTRA_QUEUE_URL": "redis://queue:6379/0"})


@pytest.mark.parametrize("name", ["SENTRA_DATABASE_URL", "SENTRA_REDIS_URL", "SENTRA_KEYS_DIR"])
def test_what_is_missing_is_named(name: str, whole: dict[str, str]) -> None:
    with pytest.raises(SettingMissing, match=name):
        read_settings({**whole, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTRA_DATABASE_URL", "sqlite:///x.db"),
        ("SENTRA_PUBLIC_URL", "ftp://x"),
        ("SENTRA_SYNC_URL", "http://not-encrypted"),
        ("SENTRA_WEB_THREADS", "many"),
        ("SENTRA_PROXIES", "-1"),
        ("SENTRA_KEYS_DIR", "/nowhere/at/all"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str, whole: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=name):
        read_settings({**whole, name: value})


def test_a_password_in_an_address_is_not_repeated(whole: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as raised:
        read_settings({**whole, "SENTRA_DATABASE_URL": "mysql://me:secret@db/x"})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "https"), [("https://office.example", True), ("http://127.0.0.1:8000", False)]
)
def test_https_is_what_the_public_address_says(
    address: str, https: bool, whole: dict[str, str]
) -> None:
    assert read_settings({**whole, "SENTRA_PUBLIC_URL": address}).https is https
