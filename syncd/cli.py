"""`sentra syncd …`, `enrol`, `sync` and `verify`: each loads only the part that it needs."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import click

from sentra import i18n

_PARTS = {"daemon": "syncd.daemon.cli:daemon", "service": "syncd.service.cli:service"}


class _Parts(click.Group):
    """A till never loads the cloud's part, nor the cloud a till's."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The two ends of the protocol."""
        return sorted(_PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The end of that name."""
        place = _PARTS.get(cmd_name)
        return None if place is None else _load(place)


def _load(place: str) -> click.Command:
    module, _, name = place.partition(":")
    command = getattr(import_module(module), name)
    assert isinstance(command, click.Command), place  # noqa: S101 - a fault of ours
    return command


@click.group(cls=_Parts)
def syncd() -> None:
    """The two ends of the pipeline: the daemon beside a till, the service in the cloud."""


@click.command("enrol")
@click.option(
    "--data",
    "folder",
    required=True,
    envvar="SENTRA_DATA_DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the new device; it is made where it is missing.",
)
@click.option("--cloud", required=True, help="The sync service: https://host[:port].")
@click.option("--code", required=True, help="The one-time code that the back office shows.")
@click.option(
    "--role",
    type=click.Choice(("terminal", "router")),
    help="Say what you expect; the code decides, and a difference is told.",
)
@click.option(
    "--address",
    "addresses",
    multiple=True,
    help="host:port where the branch's tills find this router; may be given several times.",
)
@click.option(
    "--set-aside",
    "again",
    is_flag=True,
    help="Move the vault that is there into a folder beside, and keep it: for one that is damaged, "
    "or whose identity another machine uses too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print who the device is as one JSON object.")
def enrol(
    folder: Path,
    cloud: str,
    code: str,
    role: str | None,
    addresses: tuple[str, ...],
    again: bool,
    as_json: bool,
) -> None:
    """Make this machine a till or a router, with a code from the back office."""
    from sentra.enrolment import enrol_again, enrol_device
    from sentra.vault.keys import KEY_FILE
    from sentra.vault.lock import hold

    aside = None
    if again and folder.exists():
        with hold(folder, "till"), hold(folder, "router"):
            identity, aside = enrol_again(folder, cloud, code, addresses=addresses)
    else:
        identity = enrol_device(folder, cloud, code, addresses=addresses)
    place = "file" if (folder / KEY_FILE).exists() else "keyring"
    if as_json:
        fields = ("device_id", "role", "number", "name", "branch_id", "branch_code", "branch_name")
        told = {name: getattr(identity, name) for name in fields}
        click.echo(json.dumps({**told, "key_place": place}))
        return
    values = {"name": identity.name, "branch": identity.branch_name, "folder": folder}
    if identity.role == "router":
        click.echo(i18n.say("This machine is now router %(name)s of %(branch)s.", **values))
    else:
        click.echo(i18n.say("This machine is now till %(name)s of %(branch)s.", **values))
    if aside is not None:
        click.echo(
            i18n.say(
                "The old vault is kept in %(place)s. What it has not sent yet is sent from there "
                "by the daemon.",
                place=aside,
            )
        )
    if place == "file":
        click.echo(
            i18n.say(
                "There is no keyring here: the key of its data is in %(folder)s/vault.key, "
                "readable by this user only. Keep that folder to yourself.",
                **values,
            )
        )
    if role not in (None, identity.role):
        click.echo(i18n.say("Note: the code was for the other kind of device."), err=True)


def __getattr__(name: str) -> click.Command:
    """What reads the cloud's database is loaded only when it is asked for."""
    if name in ("sync", "verify"):
        return _load(f"syncd.{name}:{name}")
    raise AttributeError(name)
