"""`sentra verify`: whoever keeps facts proves them; this finds the right prover and reports.

A prover is a click command under the entry points' group `sentra.verifiers`, named as the option
that asks for it: `data` proves what tills hold (`--data DIR`), `router` what routers hold
(`--router DIR`), `cloud` what the cloud holds (`--cloud`). So that programs need not know each
other, the command is passed on as it was typed to the prover whose option is in it. All of them
answer in the shape of `Proof`, and end with status 1 where a problem was found.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import click

from sentra.command import VerbUnavailable
from sentra.i18n import say

GROUP: Final = "sentra.verifiers"

PROBLEMS_SHOWN_MAX: Final = 20
"""Per device; a broken chain breaks at one place, and a person reads no more."""


@dataclass(frozen=True, slots=True)
class DeviceProof:
    """One journal as it is held somewhere. `gross` in minor units; `problems` are sentences.

    `name` is the terminal's, `terminal` its id, `branch` the branch's name; `tickets` counts
    completed sales, each once, `entries` all entries.
    """

    name: str
    branch: str
    terminal: str
    tickets: int
    entries: int
    gross: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved. `problems` are those of no single device; `more` is the prover's own."""

    devices: Sequence[DeviceProof] = ()
    problems: Sequence[str] = ()
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong anywhere."""
        return not self.problems and not any(device.problems for device in self.devices)

    def as_json(self) -> dict[str, object]:
        """One object: the devices, and their sums."""
        return {
            "devices": [asdict(device) for device in self.devices],
            "tickets": sum(device.tickets for device in self.devices),
            "entries": sum(device.entries for device in self.devices),
            "gross": sum(device.gross for device in self.devices),
            "problems": list(self.problems),
            "verified": self.holds,
            **self.more,
        }


def tell(proof: Proof, *, as_json: bool) -> None:
    """Print a proof, as one JSON object on the last line or as lines for people.

    Raises SystemExit with status 1 where it does not hold.
    """
    if as_json:
        click.echo(json.dumps(proof.as_json(), ensure_ascii=False))
    else:
        for device in proof.devices:
            _tell_device(device)
        for problem in proof.problems:
            click.echo(f"✗ {problem}")
        click.echo(say("Everything holds.") if proof.holds else say("There are problems."))
    if not proof.holds:
        sys.exit(1)


def _tell_device(device: DeviceProof) -> None:
    told = say(
        "%(branch)s · %(name)s: %(tickets)s sales, %(entries)s entries",
        branch=device.branch,
        name=device.name,
        tickets=device.tickets,
        entries=device.entries,
    )
    click.echo(f"{'✗' if device.problems else '✓'} {told}")
    for problem in device.problems[:PROBLEMS_SHOWN_MAX]:
        click.echo(f"    {problem}")
    hidden = len(device.problems) - PROBLEMS_SHOWN_MAX
    if hidden > 0:
        click.echo("    " + say("… and %(count)s more", count=hidden))


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_extra_args": True,
        "help_option_names": [],
    }
)
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Prove chains, signatures and sums: --data DIR, --router DIR or --cloud."""
    declared = {point.name: point for point in entry_points(group=GROUP)}
    asked = _asked_for(declared, ctx.args)
    places = {point.value: point for point in asked.values()}
    if len(places) == 1:
        _pass_on(ctx, next(iter(places.values())))
        return
    if len(places) > 1:
        raise click.UsageError(say("Verify one kind of place at a time."), ctx)
    if ctx.args and not {"-h", "--help"} & set(ctx.args):
        options = ", ".join(f"--{name}" for name in declared)
        raise click.UsageError(say("Say what to verify: %(options)s.", options=options), ctx)
    for place in {point.value: point for point in declared.values()}.values():
        click.echo(_sub_context(ctx, place, []).get_help() + "\n")


def _asked_for(declared: Mapping[str, EntryPoint], words: Sequence[str]) -> dict[str, EntryPoint]:
    given = {word.partition("=")[0] for word in words}
    return {name: point for name, point in declared.items() if f"--{name}" in given}


def _pass_on(ctx: click.Context, point: EntryPoint) -> None:
    with _sub_context(ctx, point, list(ctx.args)) as sub:
        sub.command.invoke(sub)


def _sub_context(ctx: click.Context, point: EntryPoint, words: list[str]) -> click.Context:
    try:
        command: click.Command = point.load()
    except (ModuleNotFoundError, AttributeError) as error:
        raise VerbUnavailable(verb=f"verify --{point.name}", reason=error) from error
    only_help = not words
    return command.make_context(
        ctx.info_name, words, parent=ctx.parent, resilient_parsing=only_help
    )
