"""The set-up does each step once, again when its inputs change, and goes on after a failure."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dev

REAL_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two steps that only write their names down."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / "lock").write_text("one")
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "LOG", tmp_path / "log")
    monkeypatch.setattr(dev, "STAMP", tmp_path / ".venv" / "set-up.json")
    return tmp_path


@pytest.fixture
def done(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the steps that were done, in order."""
    names: list[str] = []

    def step(name: str, *inputs: str) -> dev.Step:
        return dev.Step(
            name, f"doing {name}", inputs, checkout / "lock", lambda: names.append(name)
        )

    monkeypatch.setattr(dev, "all_steps", lambda: [step("environment"), step("packages", "lock")])
    return names


def test_a_second_call_does_no_set_up_again(done: list[str]) -> None:
    dev.set_up()
    dev.set_up()
    assert done == ["environment", "packages"]


def test_a_changed_input_does_only_its_own_step_again(done: list[str], checkout: Path) -> None:
    dev.set_up()
    done.clear()
    (checkout / "lock").write_text("two")
    dev.set_up()
    assert done == ["packages"]


def test_a_stamp_that_was_half_written_means_that_nothing_is_done(
    done: list[str], checkout: Path
) -> None:
    dev.set_up()
    (checkout / ".venv" / "set-up.json").write_text('{"environment": ')
    dev.set_up()
    assert done == ["environment", "packages"] * 2


def test_a_set_up_goes_on_with_the_step_that_was_interrupted(
    done: list[str], checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = dev.all_steps()

    def cut() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dev, "all_steps", lambda: [steps[0], steps[1]._replace(do=cut)])
    with pytest.raises(KeyboardInterrupt):
        dev.set_up()
    monkeypatch.setattr(dev, "all_steps", lambda: steps)
    dev.set_up()
    assert done == ["environment", "packages"]


def test_each_step_says_what_is_being_done(
    done: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    dev.set_up()
    assert done
    said = capsys.readouterr().out
    assert "[1/2] doing environment" in said
    assert "[2/2] doing packages" in said


def test_a_failed_command_says_what_failed_and_what_to_do(checkout: Path) -> None:
    script = "import sys; print('ERROR: no such host'); print('note'); sys.exit(3)"
    with pytest.raises(dev.SetUpFailed) as failed:
        dev.run([sys.executable, "-c", script], "pip could not install", "Check the connection")
    first, second = str(failed.value).splitlines()
    assert first == "pip could not install: ERROR: no such host"
    assert second.startswith("Check the connection, then run the same command again")
    assert "note" in (checkout / "log").read_text()


def test_a_program_that_is_not_there_says_so(checkout: Path) -> None:
    with pytest.raises(dev.SetUpFailed, match="npm could not install"):
        dev.run([checkout / "no-such-program"], "npm could not install", "Install Node.js")


def test_an_old_python_is_refused_with_the_version_that_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(dev.SetUpFailed, match=r"3\.11 or newer"):
        dev.set_up()


@pytest.fixture
def packages(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], Path]:
    """`packages({pattern: target})` copies from two made-up packages; gives the vendor folder."""
    modules, vendor = checkout / "node_modules", checkout / "static" / "vendor"
    for name in ("htmx/dist/htmx.min.js", "inter/a.woff2", "inter/b.woff2", "icons/cash.svg"):
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / name).write_text(name)
    vendor.mkdir(parents=True)
    (vendor / "of-before.js").write_text("old")
    monkeypatch.setattr(dev, "NODE_MODULES", modules)
    monkeypatch.setattr(dev, "VENDOR", vendor)

    def copy(files: dict[str, str]) -> Path:
        icons = {"from": "icons", "to": "icons/", "names": ["cash"]}
        manifest = {"files": files, "icons": icons}
        (checkout / "frontend.json").write_text(json.dumps(manifest))
        dev.copy_vendor()
        return vendor

    return copy


def test_only_the_named_front_end_files_are_copied(
    packages: Callable[[dict[str, str]], Path],
) -> None:
    vendor = packages({"htmx/dist/htmx.min.js": "htmx.js", "inter/*.woff2": "fonts/"})
    copied = {p.relative_to(vendor).as_posix() for p in vendor.rglob("*") if p.is_file()}
    assert copied == {"htmx.js", "fonts/a.woff2", "fonts/b.woff2", "icons/cash.svg"}


def test_a_name_that_no_package_has_leaves_the_old_files_as_they_were(
    packages: Callable[[dict[str, str]], Path], checkout: Path
) -> None:
    with pytest.raises(dev.SetUpFailed, match=r"htmx\.gone\.js"):
        packages({"htmx/dist/htmx.gone.js": "htmx.js"})
    assert (checkout / "static" / "vendor" / "of-before.js").read_text() == "old"


def test_without_a_verb_the_script_says_how_it_is_called() -> None:
    ran = subprocess.run(
        [sys.executable, REAL_ROOT / "dev.py"], capture_output=True, text=True, check=True
    )
    assert "python3 dev.py demo" in ran.stdout


def test_the_locks_pin_every_package_with_hashes_and_name_no_host() -> None:
    for name in ("requirements.lock", "requirements-node.lock"):
        text = (REAL_ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        entries = text.replace("\\\n", " ").splitlines()
        pins = [line for line in entries if line and not line.lstrip().startswith("#")]
        assert pins
        assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)


def test_the_front_end_lock_pins_every_package_with_a_hash_and_no_address() -> None:
    lock = json.loads((REAL_ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all("integrity" in entry and "resolved" not in entry for entry in packages.values())
