"""The HTTP interface and the page: see what was taken, hand in what handsets send, switch faults. Errors are JSON.

| request | answer |
| --- | --- |
| GET /ledger?destination=&source=&session=&message_id=&verdict=&since=&limit= | JSON lines, a part each, oldest first |
| DELETE /ledger | 204; forgets all parts |
| GET /summary | counters |
| GET /report | all figures of the ledger, see `survey.py` |
| GET /sessions | one object per connection |
| GET /conversations?limit= | the handsets heard of last, newest first |
| GET /conversations/NUMBER?limit= | what one received and sent, joined, oldest first, each message with its parts |
| POST /mo {"from", "to", "text", "coding"?, "concatenation"?, "shuffle"?, "system_id"?} | 202 {"parts": n} |
| GET /faults | values, defaults, what was changed, the phase, what each name means |
| PUT /faults {"answers.lose_rate": 0.5, …} | changes all or none, null takes one back; the same answer |
| DELETE /faults | takes all changes back; the same answer |
| POST /faults/link {"fault", "session"?, "seconds"?, "value"?} | {"struck": n}; value: octets a second of slow |
| GET /scenario | the scenario's title and phases, and which one it is |
| GET /events?pdus=1 | server-sent events: part, mo, receipt, session, faults, pdu, lost |
| GET / | the page |
"""

from typing import Any, Final

import hypercorn
import hypercorn.trio
import structlog
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from protocol.link import hand_over
from simulator.control import Control
from simulator.live import Hub
from simulator.page import HEADERS, read_pages
from simulator.requests import Refusal
from simulator.smsc import Smsc
from simulator.switches import Switches

STOP_SECONDS: Final = 1.0

_CODES: Final = {404: "not_found", 405: "method_not_allowed"}

log = structlog.get_logger()


async def serve_web(smsc: Smsc, hub: Hub, listeners: list[trio.SocketListener], stop: trio.Event) -> None:
    """Serve the interface on listeners, which it takes over, until `stop` is set."""
    config = hypercorn.Config()
    config.bind = [f"fd://{await hand_over(listener)}" for listener in listeners]
    config.errorlog = None  # what fails is logged here
    config.graceful_timeout = STOP_SECONDS
    app: Any = make_app(smsc, hub)  # its types and Hypercorn's name the same messages differently

    async def stopped() -> None:
        await stop.wait()
        hub.stop()

    await hypercorn.trio.serve(app, config, shutdown_trigger=stopped, mode="asgi")


def make_app(smsc: Smsc, hub: Hub) -> Starlette:
    """Make the ASGI application that controls an SMSC."""
    control, faults = Control(smsc, hub), Switches(smsc, hub)
    pages = read_pages()

    async def show_page(request: Request) -> Response:
        page = pages.get(request.path_params.get("name", "index.html"))
        if page is None:
            raise HTTPException(404)
        return Response(page.octets, media_type=page.media_type, headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", show_page, methods=["GET"]),
            Route("/page/{name}", show_page, methods=["GET"]),
            Route("/ledger", control.get_ledger, methods=["GET"]),
            Route("/ledger", control.delete_ledger, methods=["DELETE"]),
            Route("/summary", control.get_summary, methods=["GET"]),
            Route("/report", control.get_report, methods=["GET"]),
            Route("/sessions", control.get_sessions, methods=["GET"]),
            Route("/conversations", control.get_phones, methods=["GET"]),
            Route("/conversations/{number}", control.get_conversation, methods=["GET"]),
            Route("/mo", control.post_mo, methods=["POST"]),
            Route("/events", control.get_events, methods=["GET"]),
            Route("/scenario", faults.get_scenario, methods=["GET"]),
            Route("/faults", faults.get, methods=["GET"]),
            Route("/faults", faults.put, methods=["PUT"]),
            Route("/faults", faults.delete, methods=["DELETE"]),
            Route("/faults/link", faults.strike, methods=["POST"]),
        ],
        exception_handlers={Refusal: _show_error, HTTPException: _show_error, Exception: _show_error},
    )


async def _show_error(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return JSONResponse({"error": error.code, "detail": str(error)}, error.status)
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "bad_request")
        detail = f"{error.detail}: {request.method} {request.url.path}"
        return JSONResponse({"error": code, "detail": detail}, error.status_code, error.headers)
    log.error("web_failed", exception=type(error).__name__)
    return JSONResponse({"error": "failed", "detail": "this is a fault of the simulator"}, 500)
