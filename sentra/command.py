"""The `sentra` command: its verbs are entry points, so that the kernel imports no program.

A verb's module is imported when the verb is called. A failure that people can act on is printed as
a sentence in their language, without a traceback, and ends with status 1; any other exception is
a fault of ours and keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points, version
from typing import Final

import click

from sentra import i18n
from sentra.failures import Failure

GROUP: Final = "sentra.commands"
"""The entry points' group; `name = package.cli:function`, declared in setup.cfg."""


class VerbUnavailable(Failure):
    """A declared verb whose program is not in this installation."""

    code = "verb-unavailable"
    sentence = (
        "The command “%(verb)s” cannot be loaded: %(reason)s. Install Sentra again, with all of "
        "its programs."
    )


class Verbs(click.Group):
    """A group whose commands are the declared entry points, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every declared verb, in the alphabet's order."""
        return sorted(_declared())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, or None for an unknown name."""
        found = _declared().get(cmd_name)
        return None if found is None else _loaded(found)


def _declared() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _loaded(point: EntryPoint) -> click.Command:
    """The verb, or one that only says why it is not there: a broken verb spoils no other."""
    try:
        command = point.load()
    except (ModuleNotFoundError, AttributeError) as error:
        return _unavailable(VerbUnavailable(verb=point.name, reason=error), point.name)
    assert isinstance(command, click.Command), point.value  # noqa: S101 - a fault of ours
    return command


def _unavailable(failure: VerbUnavailable, name: str) -> click.Command:
    def refuse() -> None:
        raise failure

    return click.Command(
        name,
        callback=refuse,
        short_help=i18n.say("(not in this installation)"),
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version("sentra"), prog_name="sentra", message="%(prog)s %(version)s")
@click.option(
    "--language",
    type=click.Choice(i18n.LANGUAGES),
    help="Language of what is said to people; also the setting SENTRA_LANGUAGE.",
)
def sentra(language: str | None) -> None:
    """Sentra: the point of sale that keeps selling when the line is down."""
    if language:
        # In the environment, so that the programs that a verb starts speak it too.
        os.environ[i18n.SETTING] = language


def main() -> None:
    """Run the command line; the console script of the package."""
    try:
        sentra(prog_name="sentra")
    except Failure as failure:
        click.echo(failure.told(i18n.translate(i18n.language())), err=True)
        sys.exit(1)
