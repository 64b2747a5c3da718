"""Gateways for the client library, and both of the libraries that it runs under."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import pytest

from tests.gateway.client.scenes import Play
from tests.gateway.servers import SECONDS, Server, serving


@pytest.fixture(params=["asyncio", "trio"])
def play(request: pytest.FixtureRequest) -> Play:
    """Runs a test's async part under each of the two, with a deadline."""

    def run(scene: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            with anyio.fail_after(SECONDS):
                await scene()

        anyio.run(bounded, backend=request.param)

    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A gateway whose events and end are the test's own."""
    with serving(tmp_path) as server:
        yield server
