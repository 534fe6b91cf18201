"""An installed wheel runs in an environment that has nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from shutil import copy2, copytree

import pytest

from tests.architecture.sources import ROOT, name_of, tracked

pytestmark = pytest.mark.packaging

PAGE = """
import sys
from pathlib import Path
import sentra, webapp, pos_shell, router_agent, syncd
from sentra import i18n
from sentra.web.assets import static_root, templates_root
from sentra.web.factory import create_app

here = Path(sys.prefix).resolve()
for place in (Path(sentra.__file__), static_root(), templates_root()):
    assert place.resolve().is_relative_to(here), place
client = create_app("webapp", secret_key="of a test", gallery=True).test_client()
page = client.get("/gallery?lang=id")
assert page.status_code == 200, page.status
assert '<html lang="id"' in page.text, page.text[:200]
style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
assert client.get(style).status_code == 200, style
assert i18n.translate("id")("Cancel") != "Cancel"
"""


def run(*command: str | Path, cwd: Path, **extra: str) -> str:
    """Run a command away from the checkout; its output, or the test fails with it."""
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SENTRA_"))}
    ran = subprocess.run(
        command, cwd=cwd, env=surroundings | extra, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the files that git knows and the set-up's vendor files, built in a copy."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    for path in tracked():
        if not name_of(path).startswith(("tests/", "docs/")):
            copy = checkout / name_of(path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy2(path, copy)
    copytree(ROOT / "static" / "vendor", checkout / "static" / "vendor")
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    run(sys.executable, *build, checkout, cwd=folder)
    return next(folder.glob("sentra-*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment: the wheel, and the libraries by one line of a path.

    The libraries are those of this environment, so that the test needs no network. The line
    names their folder only: the editable install's own .pth in it is not read.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = Path(
        run(
            python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
        ).strip()
    )
    install = ("-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet")
    run(sys.executable, *install, wheel, cwd=folder, PIP_DISABLE_PIP_VERSION_CHECK="1")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin"


def test_the_command_of_the_wheel_lists_its_verbs(environment: Path) -> None:
    said = run(environment / "sentra", "--help", cwd=environment.parent)
    for verb in ("demo", "pos", "router", "syncd", "web", "worker"):
        assert f"\n  {verb} " in said
    assert "not in this installation" not in said


def test_the_wheel_serves_a_page_with_its_own_templates_styles_and_translations(
    environment: Path,
) -> None:
    run(environment / "python", "-c", PAGE, cwd=environment.parent)


def test_the_wheel_holds_what_is_read_beside_the_code(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "sentra/web/templates/layouts/",
        "sentra/web/static/css/",
        "sentra/web/static/vendor/htmx.min.js",
        "sentra/web/static/vendor/icons/",
        "sentra/translations/id/sentra.po",
        "sentra/protocol/dictionary-1.zstd",
        "sentra/cloud/migrations/versions/",
        "sentra/cloud/migrations/env.py",
    ):
        assert any(name.startswith(wanted) for name in names), wanted


def test_every_template_and_translation_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        name if name.startswith("sentra/") else f"sentra/web/{name}"
        for name in map(name_of, tracked())
        if name.startswith(("templates/", "static/", "sentra/translations/"))
    }
    assert wanted <= names, sorted(wanted - names)


def test_the_wheel_holds_no_tests_and_no_tools_of_the_checkout(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    programs = {
        "sentra",
        "webapp",
        "syncd",
        "pos_shell",
        "router_agent",
        "demo",
        "bench",
        "simulation",
    }
    assert {top for top in tops if not top.endswith(".dist-info")} == programs
