"""What network engineers and orchestrators ask over HTTP: /metrics, /healthz, /readyz.

| request | answer |
| --- | --- |
| GET /metrics | the counters, in Prometheus' text format |
| GET /healthz | 200 while the loop runs and the store commits |
| GET /readyz | 200 when messages can be taken and sent: a bind is up and not paused; else 503; with all states |
"""

from typing import TYPE_CHECKING, Any, Final

import hypercorn
import hypercorn.trio
import trio
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.exposition import make_registry
from protocol.link import hand_over

if TYPE_CHECKING:
    from gateway.app import Gateway

STOP_SECONDS: Final = 1.0
HEALTH_SECONDS: Final = 5.0
"""Within which a commit must come back for the gateway to be healthy."""


async def serve_web(gateway: "Gateway", listeners: list[trio.SocketListener]) -> None:
    """Serve on listeners, which it takes over, for ever."""
    config = hypercorn.Config()
    config.bind = [f"fd://{await hand_over(listener)}" for listener in listeners]
    config.errorlog = None
    config.graceful_timeout = STOP_SECONDS
    app: Any = make_app(gateway)  # its types and Hypercorn's name the same messages differently
    await hypercorn.trio.serve(app, config, shutdown_trigger=trio.sleep_forever, mode="asgi")


def make_app(gateway: "Gateway") -> Starlette:
    """Make the ASGI application."""
    registry = make_registry(gateway)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def healthz(_request: Request) -> Response:
        with trio.move_on_after(HEALTH_SECONDS):
            await gateway.store.commit.wait()
            return JSONResponse({"healthy": True})
        return JSONResponse({"healthy": False, "detail": f"no commit within {HEALTH_SECONDS:g} s"}, 503)

    async def readyz(_request: Request) -> Response:
        able = {name: carrier.bound for name, carrier in gateway.fleet.carriers.items()}
        ready = any(able.values()) and not gateway.stopping
        states = {"binds_up": able, "binds": gateway.operations.states()}
        return JSONResponse({"ready": ready, "stopping": gateway.stopping, **states}, 200 if ready else 503)

    pages = {"/metrics": metrics, "/healthz": healthz, "/readyz": readyz}
    return Starlette(routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()])
