"""What one table says of another: checked on what was read, whether or not each table is right in itself."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from config.addresses import Address, TcpAddress, UnixAddress, parse_listener
from config.wording import CONFLICT, Loc, path_text, suggestion

KINDS: Final = {"profiles": "profile", "carriers": "carrier", "clients": "client"}
"""What a name in each of these tables is the name of."""


def check_across(raw: object, shipped: Collection[str]) -> Iterator[InitErrorDetails]:
    """Find names that name nothing and listeners given twice; what has the wrong shape is left to others.

    Args: raw: the whole configuration, as tables or as dicts and lists. shipped: profiles that come with the package.
    """
    known = {table: list(entries(key(raw, table))) for table in KINDS}
    known["profiles"] += [name for name in shipped if name not in known["profiles"]]
    for loc, table, name in _mentions(raw):
        if isinstance(name, str) and name not in known[table]:
            text = f"must name a {KINDS[table]}{suggestion(name, known[table])}"
            yield InitErrorDetails(type=PydanticCustomError("value_error", text), loc=loc, input=name)
    yield from _check_listeners(raw)


def _mentions(raw: object) -> Iterator[tuple[Loc, str, object]]:
    """Where a table's entry is named: the place, the table, the name."""
    for carrier, account in entries(key(raw, "carriers")).items():
        yield ("carriers", carrier, "profile"), "profiles", key(account, "profile")
    for n, route in enumerate(items(key(raw, "routes"))):
        for table in ("carriers", "clients"):
            for m, name in enumerate(items(key(route, table))):
                yield ("routes", n, table, m), table, name
        for name in entries(key(route, "weights")):
            yield ("routes", n, "weights", name), "carriers", name
    for n, taker in enumerate(items(key(raw, "incoming"))):
        yield ("incoming", n, "client"), "clients", key(taker, "client")
        for m, name in enumerate(items(key(taker, "carriers"))):
            yield ("incoming", n, "carriers", m), "carriers", name


def _check_listeners(raw: object) -> Iterator[InitErrorDetails]:
    first: dict[Address, Loc] = {}
    for n, listener in enumerate(items(key(key(raw, "upstream"), "listen"))):
        loc: Loc = ("upstream", "listen", n)
        address = _read(listener)
        if address is None or (isinstance(address, TcpAddress) and address.port == 0):  # each port 0 is another port
            continue
        if address in first:
            text = f"is the same address as {path_text(first[address])}"
            yield InitErrorDetails(type=PydanticCustomError(CONFLICT, text), loc=loc, input=listener)
        first.setdefault(address, loc)


def _read(listener: object) -> Address | None:
    if isinstance(listener, UnixAddress | TcpAddress):
        return listener
    try:
        return parse_listener(listener) if isinstance(listener, str) else None
    except ValueError:
        return None


def key(table: object, name: str) -> object:
    """What a table has under a key; None when it lacks it, or is no table."""
    return getattr(table, name, None) if isinstance(table, BaseModel) else entries(table).get(name)


def entries(table: object) -> Mapping[str, object]:
    """What stands in a table of names; nothing when it is none."""
    return table if isinstance(table, Mapping) else {}


def items(array: object) -> Sequence[object]:
    """What stands in an array; nothing when it is none."""
    return array if isinstance(array, list | tuple) else ()


def details(error: ValidationError) -> list[InitErrorDetails]:
    """Take the errors out of one, to be raised together with others."""
    return [
        InitErrorDetails(
            type=PydanticCustomError(each["type"], each["msg"], each.get("ctx")), loc=each["loc"], input=each["input"]
        )
        for each in error.errors(include_url=False)
    ]
