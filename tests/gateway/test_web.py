"""/metrics, /healthz and /readyz."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from gateway.web import make_app
from tests.gateway.builders import House, opened, settle


async def get(house: House, path: str, method: str = "GET") -> httpx.Response:
    app: Any = make_app(house.gateway)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return await client.request(method, path)


async def test_the_metrics_are_in_the_format_that_the_answer_says(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        answer = await get(house, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "denpo_bind_up" in {family.name for family in text_string_to_metric_families(answer.text)}


async def test_it_is_ready_only_while_a_bind_is_up(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        before = await get(house, "/readyz")
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        up = await get(house, "/readyz")
        await line.cut()
        await settle()
        after = await get(house, "/readyz")
    assert [before.status_code, up.status_code, after.status_code] == [503, 200, 503]
    down, bound = {"binds_up": {"alpha": 0}, "binds": {"alpha.0": "down"}}, {"binds_up": {"alpha": 1}}
    assert before.json() == {"ready": False, "stopping": False} | down
    assert up.json() == {"ready": True, "stopping": False, "binds": {"alpha.0": "up"}} | bound


async def test_it_is_not_ready_while_all_binds_are_paused(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        await house.smsc.wait_bound(0)
        house.gateway.operations.pause("alpha")
        answer, metrics = await get(house, "/readyz"), (await get(house, "/metrics")).text
    assert (answer.status_code, answer.json()["binds"]) == (503, {"alpha.0": "paused"})
    assert 'denpo_bind_paused{bind="alpha.0",carrier="alpha"} 1.0' in metrics
    assert 'denpo_bind_up{bind="alpha.0",carrier="alpha"} 1.0' in metrics


async def test_a_stopping_gateway_is_not_ready(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        await house.smsc.wait_bound(0)
        house.gateway.stop()
        answer = await get(house, "/readyz")
    assert (answer.status_code, answer.json()["stopping"]) == (503, True)


async def test_it_is_healthy_while_the_store_commits(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        assert (await get(house, "/healthz")).status_code == 200
        house.disk.hold()
        ill = await get(house, "/healthz")
        house.disk.release()
        assert (await get(house, "/healthz")).status_code == 200
    assert (ill.status_code, ill.json()["healthy"]) == (503, False)
    assert "5 s" in ill.json()["detail"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/metrics", 405)])
async def test_nothing_else_is_answered(
    tmp_path: Path, autojump_clock: MockClock, method: str, path: str, status: int
) -> None:
    async with opened(tmp_path) as house:
        assert (await get(house, path, method)).status_code == status
