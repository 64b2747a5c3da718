"""What is asked over HTTP, read with bounds; what is wrong with it, in words."""

import json
from contextlib import aclosing
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import trio
from starlette.requests import ClientDisconnect, Request

from config.wording import path_text, suggestion

E = TypeVar("E", bound=StrEnum)

MAX_BODY_OCTETS: Final = 256 * 1024
READ_SECONDS: Final = 10.0
"""From a request's head to the end of its body."""


class Refusal(Exception):
    """A request that is answered with an error. code: one word for programs; detail: a sentence for people."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


async def read_object(request: Request, needed: set[str], known: set[str] | None = None) -> dict[str, Any]:
    """Read a JSON object. known: the keys it may have; None: any.

    Raises: Refusal: it is none, lacks a key, or has one that is not known.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refusal(403, "cross_site", "a page of another site asks this; only the simulator's own may")
    try:
        fields = json.loads(await _read_body(request))
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_request", "the body must be JSON in UTF-8") from None
    if not isinstance(fields, dict) or not needed <= fields.keys():
        must = f" with {', '.join(sorted(needed))}" if needed else ""
        raise Refusal(400, "bad_request", f"the body must be an object{must}")
    if known is not None:
        _check_known(fields, known)
    return fields


def text_of(fields: dict[str, Any], name: str) -> str:
    """Take a text out of an object. Raises: Refusal: it is something else."""
    value = fields[name]
    if not isinstance(value, str):
        raise Refusal(400, "bad_request", f"{name} must be a string")
    return value


def choice_of(kind: type[E], fields: dict[str, Any], name: str, default: E) -> E:
    """Take one of a few words out of an object. Raises: Refusal: it is another."""
    value = fields.get(name, default)
    try:
        return kind(value)
    except ValueError:
        raise Refusal(400, "bad_request", f"{name} must be one of {', '.join(kind)}") from None


def truth_of(fields: dict[str, Any], name: str) -> bool:
    """Take true or false out of an object; false when left out. Raises: Refusal: it is something else."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise Refusal(400, "bad_request", f"{name} must be true or false")
    return value


def _check_known(fields: dict[str, Any], known: set[str]) -> None:
    for name in fields:
        if name not in known:
            raise Refusal(400, "bad_request", f"{path_text((name,))}: is not a known key{suggestion(name, known)}")


async def _read_body(request: Request) -> bytes:
    body = b""
    try:
        with trio.fail_after(READ_SECONDS):
            async with aclosing(request.stream()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    _check_size(body)
    except trio.TooSlowError:
        raise Refusal(408, "too_slow", f"the body did not come within {READ_SECONDS:g} s") from None
    except ClientDisconnect:
        raise Refusal(400, "bad_request", "the body ends too early") from None
    return body


def _check_size(body: bytes) -> None:
    if len(body) > MAX_BODY_OCTETS:
        raise Refusal(413, "too_large", f"a body may have {MAX_BODY_OCTETS} octets")
