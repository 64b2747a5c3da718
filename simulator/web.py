"""The control interface over HTTP: look at what was taken, hand in what a handset sends. Every error is JSON.

| request | answer |
| --- | --- |
| GET /ledger?destination=&since= | JSON lines, one per part that is kept, oldest first |
| DELETE /ledger | 204; forgets all parts |
| GET /summary | counters |
| GET /sessions | one object per connection |
| POST /mo {"from", "to", "text", "system_id"?} | 202 {"parts": n} |
"""

import json
import re
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, Final, Self

import hypercorn
import hypercorn.trio
import structlog
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from protocol.errors import TextError
from protocol.link import hand_over
from simulator.ledger import Ledger, Part, describe
from simulator.messages import Incoming
from simulator.smsc import NoReceiver, OutboxFull, Smsc

MAX_BODY_OCTETS: Final = 256 * 1024
READ_SECONDS: Final = 10.0
"""From a request's head to the end of its body."""
STOP_SECONDS: Final = 1.0
LINES_AT_ONCE: Final = 200

_INDEX: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_FIELDS: Final = {"from", "to", "text", "system_id"}
_CODES: Final = {404: "not_found", 405: "method_not_allowed"}

log = structlog.get_logger()


class Refusal(Exception):
    """A request that is answered with an error. code: one word for programs; detail: a sentence for people."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


async def serve_web(smsc: Smsc, listeners: list[trio.SocketListener], stop: trio.Event) -> None:
    """Serve the control interface on listeners, which it takes over, until `stop` is set."""
    config = hypercorn.Config()
    config.bind = [f"fd://{await hand_over(listener)}" for listener in listeners]
    config.errorlog = None  # what fails is logged here
    config.graceful_timeout = STOP_SECONDS
    app: Any = make_app(smsc)  # its types and Hypercorn's name the same messages differently
    await hypercorn.trio.serve(app, config, shutdown_trigger=stop.wait, mode="asgi")


def make_app(smsc: Smsc) -> Starlette:
    """Make the ASGI application that controls an SMSC."""
    control = _Control(smsc)
    return Starlette(
        routes=[
            Route("/ledger", control.get_ledger, methods=["GET"]),
            Route("/ledger", control.delete_ledger, methods=["DELETE"]),
            Route("/summary", control.get_summary, methods=["GET"]),
            Route("/sessions", control.get_sessions, methods=["GET"]),
            Route("/mo", control.post_mo, methods=["POST"]),
        ],
        exception_handlers={Refusal: _show_error, HTTPException: _show_error, Exception: _show_error},
    )


class _Control:
    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc

    async def get_ledger(self, request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not _INDEX.fullmatch(since):
            raise Refusal(400, "bad_request", "since must be an index: a number from 0 on")
        lines = _Lines(self._smsc.ledger, int(since), request.query_params.get("destination"))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def delete_ledger(self, _request: Request) -> Response:
        self._smsc.ledger.clear()
        return Response(status_code=204)

    async def get_summary(self, _request: Request) -> Response:
        ledger, outbox = self._smsc.ledger, self._smsc.outbox
        return JSONResponse(
            {
                "parts": ledger.parts,
                "messages": ledger.messages,
                "forgotten": ledger.forgotten,
                "sessions": len(self._smsc.connections),
                "receipts": asdict(outbox.receipts),
                "incoming": asdict(outbox.incoming),
            }
        )

    async def get_sessions(self, _request: Request) -> Response:
        return JSONResponse([connection.describe() for connection in self._smsc.connections.values()])

    async def post_mo(self, request: Request) -> Response:
        fields = _read_fields(await _read_body(request))
        system_id = fields.get("system_id")
        try:
            incoming = Incoming(fields["from"], fields["to"], fields["text"])
            parts = self._smsc.inject(incoming, system_id.encode("ascii") if system_id is not None else None)
        except TextError as error:
            raise Refusal(400, error.code, str(error)) from None
        except ValueError as error:
            raise Refusal(400, "bad_request", str(error)) from None
        except NoReceiver as error:
            raise Refusal(409, "no_receiver", str(error)) from None
        except OutboxFull as error:
            raise Refusal(503, "full", str(error)) from None
        return JSONResponse({"parts": parts}, status_code=202)


class _Lines:
    """The lines of the parts that are there now, a few at a time: parts keep coming meanwhile.

    No generator: a client that leaves early would leave one behind, which Trio warns of.
    """

    def __init__(self, ledger: Ledger, since: int, destination: str | None) -> None:
        self._ledger = ledger
        self._next = since
        self._end = ledger.end
        self._destination = None if destination is None else destination.encode(errors="replace")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while (start := max(self._next, self._ledger.begin)) < self._end:
            self._next = min(start + LINES_AT_ONCE, self._end)
            lines = [_line(*found) for found in self._ledger.read(start, self._next) if self._wants(found[1])]
            await trio.lowlevel.checkpoint()
            if lines:
                return "".join(lines).encode()
        raise StopAsyncIteration

    def _wants(self, part: Part) -> bool:
        return self._destination in (None, part.submit.destination_addr)


def _line(index: int, part: Part) -> str:
    return json.dumps(describe(index, part), ensure_ascii=False) + "\n"


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


def _read_fields(body: bytes) -> dict[str, str]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_request", "the body must be JSON in UTF-8") from None
    if not isinstance(fields, dict) or not {"from", "to", "text"} <= fields.keys() <= _FIELDS:
        raise Refusal(
            400, "bad_request", 'the body must be {"from": …, "to": …, "text": …}, with or without "system_id"'
        )
    if not all(isinstance(value, str) for value in fields.values()):
        raise Refusal(400, "bad_request", "every value must be a string")
    return fields


async def _show_error(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return JSONResponse({"error": error.code, "detail": str(error)}, error.status)
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "bad_request")
        detail = f"{error.detail}: {request.method} {request.url.path}"
        return JSONResponse({"error": code, "detail": detail}, error.status_code, error.headers)
    log.error("web_failed", exception=type(error).__name__)
    return JSONResponse({"error": "failed", "detail": "this is a fault of the simulator"}, 500)
