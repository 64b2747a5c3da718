"""What differs between two configurations, by the keys' paths, and what of it needs a restart: pure. Never values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from config.settings import Settings

FIXED: Final = (
    *("gateway.data_dir", "gateway.commit_batch", "gateway.outstanding", "gateway.join_timeout"),
    *("gateway.max_fragments", "gateway.reference_hold", "gateway.reference_pairs", "gateway.max_early"),
    *("gateway.early_hold", "upstream.listen", "upstream.tls", "upstream.unix_mode"),
    *("upstream.unix_group", "upstream.events_in_memory", "upstream.event_octets_in_memory", "web.listen"),
)
"""Keys that are read at the start only."""


@dataclass(slots=True)
class Changes:
    """Paths of keys, as "carriers.alpha.binds.0.window"; a table that is new or gone is one path."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)
    """Changed, and in force only after a restart."""


def compare(old: Settings, new: Settings) -> Changes:
    """What is other in the new settings."""
    changes = Changes()
    for kind, path in _differences(old, new, ""):
        fixed = path.startswith(FIXED)
        (changes.restart if fixed else getattr(changes, kind)).append(path)
    return changes


def keep_fixed(old: Settings, new: Settings) -> Settings:
    """The new settings, but what needs a restart as it is in force."""
    kept: dict[str, dict[str, Any]] = {}
    for path in FIXED:
        table, key = path.split(".")
        kept.setdefault(table, {})[key] = getattr(getattr(old, table), key)
    tables = {table: getattr(new, table).model_copy(update=values) for table, values in kept.items()}
    return new.model_copy(update=tables)


def _differences(old: object, new: object, path: str) -> Iterator[tuple[str, str]]:
    if old == new:
        return
    before, after = _entries(old), _entries(new)
    if before is None or after is None or type(old) is not type(new):
        yield "changed", path
        return
    for key in [*before, *(key for key in after if key not in before)]:
        below = f"{path}.{key}" if path else str(key)
        if key not in after:
            yield "removed", below
        elif key not in before:
            yield "added", below
        else:
            yield from _differences(before[key], after[key], below)


def _entries(value: object) -> Mapping[Any, Any] | None:
    """What stands in a table, or in an array of tables; None when it is a value."""
    if isinstance(value, BaseModel):
        return {key: getattr(value, key) for key in type(value).model_fields}
    if isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
        return dict(enumerate(value))
    return value if isinstance(value, Mapping) else None
