"""Configurations to test with: one that is right, and how to write any tree as TOML."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from config.load import Loaded, load
from config.wording import Loc

SECRET = "open-sesame"
PASSWORD = "sesame"

_RIGHT: dict[str, Any] = {
    "clients": {"bank": {"secret": {"env": "SECRET"}}},
    "carriers": {
        "alpha": {
            "binds": [{"host": "127.0.0.1", "system_id": "denpo", "password": {"env": "PASSWORD"}}],
        },
        "beta": {"binds": [{"host": "::1", "system_id": "denpo", "password": ""}]},
    },
    "routes": [{"carriers": ["alpha"]}, {"weights": {"alpha": 3, "beta": 1}}],
}
ENVIRON = {"SECRET": SECRET, "PASSWORD": PASSWORD}


def right() -> dict[str, Any]:
    """A configuration that loads without a warning, with ENVIRON; yours to change."""
    return deepcopy(_RIGHT)


def plant(tree: dict[str, Any], loc: Loc, value: object) -> dict[str, Any]:
    """Put a value at a place, making tables on the way."""
    inside: Any = tree
    for part in loc[:-1]:
        inside = inside[part] if isinstance(part, int) else inside.setdefault(part, {})
    inside[loc[-1]] = value
    return tree


def toml(tree: Mapping[str, object]) -> str:
    """Write a tree as TOML, one line for each key of the outermost table."""
    return "".join(f"{_text(key)} = {_value(value)}\n" for key, value in tree.items())


def load_tree(folder: Path, tree: Mapping[str, object], environ: Mapping[str, str] = ENVIRON) -> Loaded:
    """Write a tree to a file in the folder and load it."""
    path = folder / "gateway.toml"
    path.write_text(toml(tree), encoding="utf-8", newline="")
    return load(path, environ)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else str(value)  # inf, nan and dates are spelt as in Python


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
