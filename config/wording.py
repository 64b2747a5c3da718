"""Errors in words: where, what is wrong, what is allowed. Values of secrets are never repeated."""

import re
from collections.abc import Collection
from datetime import date, time
from difflib import get_close_matches
from typing import Final, TypeAlias, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Loc: TypeAlias = tuple[str | int, ...]
"""Where a key is: table names, keys and positions in arrays, outermost first."""

CONFLICT: Final = "conflict"
"""Error type of a key that is right alone and wrong beside another: its text says all."""

MAX_SHOWN: Final = 200
"""Characters of a value or a key that an error repeats."""

MAX_SUGGESTED: Final = 30
"""Names that an error lists."""

_TEXT: Final = 'a string, { env = "NAME" } or { file = "path" }'

EXPECTED: Final = {
    "string_type": _TEXT,
    "path_type": _TEXT,
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "an array",
    "dict_type": "a table",
    "model_type": "a table",
}
"""pydantic's name of a wrong type -> what must be there instead."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what TOML lets stand without quotes


def path_text(loc: Loc) -> str:
    """Spell the place of a key, as in `carriers.alpha.binds.0.window`; odd keys in quotes."""
    return ".".join(str(part) if _BARE.fullmatch(str(part)) else shorten(str(part)) for part in loc)


def sentence_of(error: ErrorDetails, model: type[BaseModel], *, hide: bool) -> str:
    """Say in one line what is wrong with a key and what is allowed there.

    Args: error: as pydantic reports it. model: the outermost table. hide: do not repeat the value.
    """
    kind, value = error["type"], error["input"]
    if kind in EXPECTED:
        return f"must be {EXPECTED[kind]}, is {_kind_of(value)}"
    if kind == "extra_forbidden":
        return f"is not a known key{suggestion(str(error['loc'][-1]), keys_at(error['loc'][:-1], model))}"
    whole = {"missing": "is missing", CONFLICT: error["msg"]}
    if kind in whole:
        return whole[kind]
    text = f"must be {error['ctx']['expected']}" if kind == "enum" else error["msg"].removeprefix("Value error, ")
    return text if hide else f"{text}, is {_shown(value)}"


def suggestion(wrong: str, known: Collection[str]) -> str:
    """Offer the name most like a wrong one, else all there are, in parentheses and after a blank."""
    near = get_close_matches(wrong, known, n=1) if len(wrong) <= MAX_SHOWN else []
    if near:
        return f" (did you mean {path_text((near[0],))}?)"
    names = [path_text((name,)) for name in known]
    rest = ["…"] if len(names) > MAX_SUGGESTED else []
    return f" (there are: {', '.join(names[:MAX_SUGGESTED] + rest)})" if names else " (there are none)"


def keys_at(loc: Loc, model: type[BaseModel]) -> list[str]:
    """The keys known in the table at loc, in a configuration whose outermost table is model."""
    parts = iter(loc)
    for part in parts:
        annotation = model.model_fields[str(part)].annotation
        inside = (annotation, *get_args(annotation))
        model = next(kind for kind in inside if isinstance(kind, type) and issubclass(kind, BaseModel))
        if get_origin(annotation) in (dict, tuple):
            next(parts, None)  # the name or the position of the table
    return list(model.model_fields)


def shorten(text: str) -> str:
    """Quote a text for an error line: no line break or invisible character stays, and not more than MAX_SHOWN."""
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return shorten(value)
    plain = isinstance(value, float) or (isinstance(value, int) and not _is_huge(value))
    return str(value) if plain else _kind_of(value)


def _kind_of(value: object) -> str:
    if isinstance(value, int) and _is_huge(value):
        return "too large an integer"
    kinds = {str: "a string", bool: "a boolean", int: "an integer", float: "a float", dict: "a table", list: "an array"}
    return kinds.get(type(value), "a date or time" if isinstance(value, date | time) else f"a {type(value).__name__}")


def _is_huge(value: int) -> bool:
    return value.bit_length() > 64  # more digits than anybody reads; Python refuses to print some thousands
