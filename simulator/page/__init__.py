"""The page that shows the simulator in a browser: files as they are, without a build step and without a network."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final, NamedTuple

_MEDIA_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
)
"""What every file is served with: texts of strangers are on the page, so nothing but its own files may run or load."""


class Page(NamedTuple):
    """One file."""

    media_type: str
    octets: bytes


def read_pages() -> dict[str, Page]:
    """Read all files, by name; index.html is the page itself."""
    found = {}
    for file in files(__name__).iterdir():
        media_type = _MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if media_type:
            found[file.name] = Page(media_type, file.read_bytes())
    return found
