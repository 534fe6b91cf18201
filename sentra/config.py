"""Settings from the environment: read once, typed, and refused by name where they are wrong.

Each program's `config.py` has one frozen dataclass and fills it with these readers:

    settings = Environment(os.environ)
    return Settings(sync_url=settings.url("SENTRA_SYNC_URL", schemes=("https",)), ...)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sentra.failures import Failure

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


class ConfigError(Failure):
    """The family: a setting stops the start. The sentence names it, and no secret."""

    code = "setting-wrong"
    sentence = "The setting %(setting)s is wrong."


class SettingMissing(ConfigError):
    """A setting without a default is not in the environment."""

    code = "setting-missing"
    sentence = "The setting %(setting)s is missing. Put it into the environment and start again."


class SettingNotAUrl(ConfigError):
    """An address that is none, or of another scheme; it may hold a password and is not shown."""

    code = "setting-not-a-url"
    sentence = (
        "The setting %(setting)s is not an address that begins with %(schemes)s. Correct it and "
        "start again."
    )


class SettingNotANumber(ConfigError):
    """Not a whole number, or outside its limits."""

    code = "setting-not-a-number"
    sentence = (
        "The setting %(setting)s is “%(value)s”, and must be a whole number from %(least)s to "
        "%(most)s. Correct it and start again."
    )


class SettingNotAChoice(ConfigError):
    """Not one of the words that are allowed."""

    code = "setting-not-a-choice"
    sentence = (
        "The setting %(setting)s is “%(value)s”, and must be one of: %(allowed)s. Correct it and "
        "start again."
    )


class SettingNotAFolder(ConfigError):
    """A path that exists and is no folder, or does not exist where it must."""

    code = "setting-not-a-folder"
    sentence = (
        "The setting %(setting)s names %(value)s, which is not a folder. Make the folder or "
        "correct the setting, and start again."
    )


@dataclass(frozen=True, slots=True)
class Environment:
    """Typed readers over environment variables. An empty variable counts as absent."""

    values: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """Any text; raises SettingMissing without a value and a default."""
        value = self.values.get(name, "").strip() or default
        if value is None:
            raise SettingMissing(setting=name)
        return value

    def optional(self, name: str) -> str | None:
        """Any text, or None where it is absent."""
        return self.values.get(name, "").strip() or None

    def url(self, name: str, *, schemes: Collection[str], default: str | None = None) -> str:
        """An address with one of the schemes; a `unix` socket or a host must be in it."""
        value = self.text(name, default)
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = urlsplit("")
        whole = parts.scheme in schemes and (parts.netloc or parts.path or parts.query)
        if not whole:
            raise SettingNotAUrl(setting=name, schemes=", ".join(f"{s}://" for s in schemes))
        return value

    def number(self, name: str, default: int | None = None, *, least: int, most: int) -> int:
        """A whole number within limits, both included."""
        value = self.text(name, None if default is None else str(default))
        if not value.lstrip("-").isascii() or not value.lstrip("-").isdigit():
            raise SettingNotANumber(setting=name, value=value, least=least, most=most)
        if not least <= int(value) <= most:
            raise SettingNotANumber(setting=name, value=value, least=least, most=most)
        return int(value)

    def choice(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of the allowed words, in lower case."""
        value = self.text(name, default).lower()
        if value not in allowed:
            raise SettingNotAChoice(setting=name, value=value, allowed=", ".join(allowed))
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Yes or no: 1/0, true/false, yes/no, on/off."""
        value = self.choice(name, _YES | _NO, "yes" if default else "no")
        return value in _YES

    def folder(self, name: str, default: Path | None = None, *, must_exist: bool = False) -> Path:
        """The absolute path of a folder; it is not made here."""
        path = Path(self.text(name, None if default is None else str(default))).expanduser()
        if (path.exists() or must_exist) and not path.is_dir():
            raise SettingNotAFolder(setting=name, value=path)
        return path.absolute()
