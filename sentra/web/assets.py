"""Where templates and static files are, and the URLs under which a browser may keep them forever.

In a checkout both stand at its top; in a wheel they are data packages inside `sentra.web`. A
static URL carries a digest of the whole tree, `/static/<release>/css/till.css`, so that relative
addresses inside CSS and ES modules are versioned with it.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, has_request_context, request, send_from_directory
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from sentra.web.permissions import public

_HERE: Final = Path(__file__).parent
_CHECKOUT: Final = _HERE.parents[1]

CACHE_S: Final = 365 * 24 * 3600
"""How long a browser may keep a file of this release: a year, the longest that is honoured."""

COMPRESSIBLE: Final = frozenset({".css", ".js", ".svg", ".json", ".map"})
COMPRESS_SIZE_MIN_BYTES: Final = 1024
"""Below this a gzip header eats what compression saves."""

RELEASE_LENGTH: Final = 12
"""Hex digits of the tree's digest in a URL: 48 bits, far beyond the releases ever made."""


def templates_root() -> Path:
    """The folder of templates, in a checkout or in a wheel.

    Raises:
        FileNotFoundError: neither place has it; the installation is incomplete.
    """
    return _root("templates", marker="layouts")


def static_root() -> Path:
    """The folder of static files, in a checkout or in a wheel.

    Raises:
        FileNotFoundError: neither place has it; the installation is incomplete.
    """
    return _root("static", marker="css")


def _root(name: str, *, marker: str) -> Path:
    for parent in (_HERE, _CHECKOUT):
        if (parent / name / marker).is_dir():
            return parent / name
    raise FileNotFoundError(
        f"The folder {name}/ of Sentra is missing. Install the wheel again, or use a checkout."
    )


@lru_cache(maxsize=1)
def release_of(root: Path) -> str:
    """A digest over every file's path and content below the root, taken once per process."""
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:RELEASE_LENGTH]


def install_assets(app: Flask) -> None:
    """Serve static files under a versioned URL and give templates `static_url` and `icon_svg`."""
    root = static_root()
    release = release_of(root)

    @app.get("/static/<release_asked>/<path:filename>", endpoint="static")
    @public("style, script and pictures carry no data")
    def static(release_asked: str, filename: str) -> Response:
        response = _send(root, filename)
        if release_asked == release:
            response.cache_control.no_cache = None
            response.cache_control.public = True
            response.cache_control.max_age = CACHE_S
            response.cache_control.immutable = True
        else:  # During a rollout a page of the other release may ask: serve it, keep nothing.
            response.cache_control.no_cache = True
        return response

    def static_url(filename: str) -> str:
        """The address of a static file; raises FileNotFoundError for one that is not there."""
        if not (root / filename).is_file():
            raise FileNotFoundError(f"static/{filename} is not there. Run: python3 dev.py setup")
        return f"{request.script_root if has_request_context() else ''}/static/{release}/{filename}"

    app.jinja_env.globals["static_url"] = static_url
    app.jinja_env.globals["icon_svg"] = icon_svg


def _send(root: Path, filename: str) -> Response:
    """The file, compressed where the browser takes it and it is worth it."""
    found = safe_join(str(root), filename)
    path = Path(found) if found else None
    if path is None or not path.is_file():
        raise NotFound
    is_large_text = path.suffix in COMPRESSIBLE and path.stat().st_size >= COMPRESS_SIZE_MIN_BYTES
    if not (is_large_text and request.accept_encodings.quality("gzip")):
        response = send_from_directory(root, filename)
    else:
        response = Response(_compressed(path, path.stat().st_mtime_ns))
        response.mimetype = mimetypes.guess_type(filename)[0] or "application/octet-stream"
        response.content_encoding = "gzip"
        response.add_etag()
        response.make_conditional(request.environ)
    if is_large_text:
        response.vary.add("Accept-Encoding")
    return response


@lru_cache(maxsize=256)
def _compressed(path: Path, changed_at_ns: int) -> bytes:  # noqa: ARG001 - part of the cache's key
    return gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)


ICON_FOLDER: Final = "vendor/icons"


@lru_cache(maxsize=512)
def icon_svg(name: str) -> str:
    """The drawing inside an icon's `<svg>`: its paths, as Tabler drew them.

    Raises:
        FileNotFoundError: the icon is not among those that `frontend.json` names.
    """
    path = static_root() / ICON_FOLDER / f"{name}.svg"
    if not path.is_file():
        raise FileNotFoundError(
            f"The icon {name} is not in static/{ICON_FOLDER}. "
            "Add it to frontend.json and run: python3 dev.py setup"
        )
    text = path.read_text(encoding="utf-8")
    return text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")].strip()
