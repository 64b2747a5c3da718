"""All binds, run and stopped together."""

from pathlib import Path

from trio.testing import MockClock

from tests.gateway.builders import opened


async def test_a_fleet_that_is_stopped_before_it_has_begun_binds_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.gateway.fleet.stop(1.0)
        house.start_binds()
        await house.binds_ended.wait()
        assert house.smsc.dialled == []
        assert house.gateway.fleet.clean
