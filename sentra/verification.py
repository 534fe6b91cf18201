"""`sentra verify`: whoever keeps facts proves them; this finds the right prover and reports.

A prover is a click command under the entry points' group `sentra.verifiers`, named as the option
that asks for it: `data` proves what tills hold (`--data DIR`), `router` what routers hold
(`--router DIR`), `cloud` what the cloud holds (`--cloud`). So that programs need not know each
other, the command is passed on as it was typed to the prover whose option is in it. All of them
take the options of `scoped`, answer in the shape of `Proof`, name the first entry that differs, and
end with status 1 where a problem was found.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import click

from sentra.command import VerbUnavailable
from sentra.failures import Failure
from sentra.finding import Finding
from sentra.i18n import say

GROUP: Final = "sentra.verifiers"

PROBLEMS_SHOWN_MAX: Final = 20
"""Per device; a broken chain breaks at one place, and a person reads no more."""


BAR_ENTRIES_MIN: Final = 2_000
"""Below it a proof is over before anybody sees its bar."""


class ScopeUnknown(Failure):
    """Nothing that is held here was asked for."""

    code = "verify-scope"
    sentence = "There is no terminal or branch “%(asked)s” in what is to be verified."


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to be proved: "" in both is all."""

    branch: str = ""
    terminal: str = ""

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return not (self.branch or self.terminal)

    def has(self, terminal: str, *branch_names: str) -> bool:
        """Whether a terminal of a branch, known by its name and its code, belongs to it."""
        return self.terminal in ("", terminal) and self.branch in ("", *branch_names)

    def require(self, any_found: bool) -> None:
        """Raises ScopeUnknown where nothing belongs to it: a typing error proves nothing."""
        if not any_found and not self.is_all:
            raise ScopeUnknown(asked=self.terminal or self.branch)


def scoped(command: Callable[..., None]) -> Callable[..., None]:
    """The options --terminal, --branch, --all and --json of every prover, as `scope`, `as_json`."""

    def call(*, branch: str, terminal: str, everything: bool, **others: Any) -> None:
        if everything and (branch or terminal):
            raise click.UsageError(say("--all leaves nothing out: give it alone."))
        command(scope=Scope(branch, terminal.lower()), **others)

    call.__doc__, call.__name__ = command.__doc__, command.__name__
    options = (
        click.option("--terminal", default="", help="Only this till, by its id."),
        click.option("--branch", default="", help="Only this branch, by name or code."),
        click.option("--all", "everything", is_flag=True, help="Everything, which is the default."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object, in minor units."),
    )
    decorated: Callable[..., None] = call
    for option in reversed(options):
        decorated = option(decorated)
    for parameter in getattr(command, "__click_params__", ()):
        decorated.__click_params__.append(parameter)  # type: ignore[attr-defined]  # click's own
    return decorated


def told(finding: Finding) -> str:
    """A finding as one line: where, which receipt, what."""
    detail = say(finding.sentence, **dict(finding.values))
    if not finding.seq:
        return f"{finding.kind}: {detail}"
    place = f"{abs(finding.epoch)}/{finding.seq}"
    if finding.epoch < 0:
        place = say("%(place)s of the fork lane", place=place)
    if finding.receipt:
        where = say("entry %(place)s, receipt %(receipt)s", place=place, receipt=finding.receipt)
    else:
        where = say("entry %(place)s", place=place)
    return f"{finding.kind}: {where}: {detail}"


@contextmanager
def progress(total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr for the entries that are read; `tell(count)` adds so many to it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True)
    hidden = not console.is_terminal or (total is not None and total < BAR_ENTRIES_MIN)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        bar = bars.add_task(say("Reading entries"), total=total)
        yield lambda count: bars.advance(bar, count)


@dataclass(frozen=True, slots=True)
class DeviceProof:
    """One journal as it is held somewhere. `gross` in minor units; `problems` are sentences.

    `name` is the terminal's, `terminal` its id, `branch` the branch's name; `tickets` counts
    completed sales, each once, `entries` all entries. `findings` are the problems for programs.
    `begins` is (epoch, seq) of the entry behind which the journal begins there; None: it is there
    from its beginning.
    """

    name: str
    branch: str
    terminal: str
    tickets: int
    entries: int
    gross: int
    problems: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    begins: tuple[int, int] | None = None


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
    if device.begins is not None:
        epoch, seq = device.begins
        told += say(", behind entry %(place)s", place=f"{epoch}/{seq}")
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
