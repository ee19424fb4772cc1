"""The files of the page in memory: compressed once, tagged by content.

Their address contains a digest of all files, so a browser may keep them forever and never mixes two versions.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import Request

_MIN_BYTES_TO_COMPRESS = 512
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `compressed` is `None` if it would not be smaller."""

    content: bytes
    compressed: bytes | None
    media_type: str
    tag: str


class Assets:
    """All files of the page by their path below `web/`, and the digest they are served under."""

    def __init__(self) -> None:
        contents = dict(sorted(_walk(files("services.api").joinpath("web"), "")))
        digest = hashlib.sha256()
        for path, content in contents.items():
            digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
        self.digest = digest.hexdigest()[:16]
        index = contents.pop("index.html").replace(b"{digest}", self.digest.encode())
        self.index = _asset("index.html", index)
        self._assets = {path: _asset(path, content) for path, content in contents.items()}

    def find(self, path: str) -> Asset | None:
        """The file at this path, if there is one."""
        return self._assets.get(path)


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif "." in entry.name and not entry.name.startswith((".", "__")):
            found.append((f"{prefix}{entry.name}", entry.read_bytes()))
    return found


def _asset(path: str, content: bytes) -> Asset:
    suffix = path[path.rindex(".") :]
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    compressed = gzip.compress(content, 9, mtime=0) if len(content) >= _MIN_BYTES_TO_COMPRESS else None
    if compressed is not None and len(compressed) >= len(content):
        compressed = None
    return Asset(content, compressed, media_type, hashlib.sha256(content).hexdigest()[:16])


def accepts_gzip(request: Request) -> bool:
    """Whether the client accepts gzip."""
    offers = (offer.partition(";") for offer in request.headers.get("accept-encoding", "").lower().split(","))
    return any(name.strip() in {"gzip", "*"} and weight.strip() != "q=0" for name, _, weight in offers)


def has_tag(request: Request, tag: str) -> bool:
    """Whether the client already has the version with this tag."""
    held = request.headers.get("if-none-match", "")
    return held.strip() == "*" or any(entry.strip().removeprefix("W/") == f'"{tag}"' for entry in held.split(","))
