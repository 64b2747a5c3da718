"""Staying bound: what each way to fail is called, in the log and in the metrics, and that none hides another."""

import socket
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from gateway.exposition import make_registry
from protocol.codec import encode
from protocol.constants import Status
from protocol.pdu import GenericNack
from tests.gateway.builders import House, message, opened, settle

Connect = Callable[..., Awaitable[trio.abc.Stream]]


def failures(house: House, cause: str) -> float | None:
    labels = {"carrier": "alpha", "cause": cause}
    return make_registry(house.gateway).get_sample_value("denpo_bind_failures_total", labels)


def up(house: House) -> float | None:
    return make_registry(house.gateway).get_sample_value("denpo_bind_up", {"carrier": "alpha", "bind": "alpha.0"})


def lines(house: House) -> list[tuple[str, str]]:
    return [(line["cause"], line["log_level"]) for line in house.log if line["event"] == "bind_down"]


REFUSALS = [
    (Status.RALYBND, "already_bound", "warning", 60.0),
    (Status.RBINDFAIL, "bind_refused", "warning", 1.0),
    (Status.RINVPASWD, "credentials", "error", 300.0),
    (Status.RINVSYSID, "credentials", "error", 300.0),
    (Status.RINVSYSTYP, "credentials", "error", 300.0),
    (0x0000_0499, "bind_refused", "warning", 1.0),
]


@pytest.mark.parametrize(("status", "cause", "level", "least"), REFUSALS)
async def test_a_refusal_is_told_each_time_counted_and_waited_out(
    tmp_path: Path, autojump_clock: MockClock, status: int, cause: str, level: str, least: float
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.bind_status = lambda: status
        house.start_binds()
        await house.smsc.wait(lambda: len(house.smsc.dialled) == 4)
        assert (failures(house, cause), up(house)) == (3, 0)
        assert lines(house) == [(cause, level)] * 3
    assert all(later - earlier >= least for earlier, later in pairwise(house.smsc.dialled))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError(111, "Connection refused"), "unreachable"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "unreachable"),
        (trio.BrokenResourceError("certificate verify failed"), "tls"),
    ],
)
async def test_what_keeps_us_from_connecting_is_told_apart(
    tmp_path: Path, autojump_clock: MockClock, error: Exception, cause: str
) -> None:
    async def fail(*_arguments: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise error

    async with opened(tmp_path) as house:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.bind.connect", fail)
            house.start_binds()
            await trio.sleep(1.0)
            assert failures(house, cause) == 1
    assert lines(house)[0] == (cause, "error" if cause == "tls" else "warning")


async def test_a_connection_that_takes_too_long_is_unreachable(tmp_path: Path, autojump_clock: MockClock) -> None:
    async def hang(*_arguments: object) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    async with opened(tmp_path, {"carriers.alpha.connect_timeout": 4.0}) as house:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.bind.connect", hang)
            house.start_binds()
            await trio.sleep(4.5)
        assert lines(house) == [("unreachable", "warning")]


async def test_a_bind_without_answer_or_whose_connection_ends_is_unanswered(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.bind_timeout": 5.0}) as house:
        ours, theirs = memory_stream_pair()

        async def connect(*_arguments: object) -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            return theirs

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.bind.connect", connect)
            house.start_binds()
            await trio.sleep(5.5)
            assert lines(house) == [("bind_unanswered", "warning")]
            ours, theirs = memory_stream_pair()
            await ours.send_stream.aclose()
            await trio.sleep(2.0)
        assert lines(house)[1] == ("bind_unanswered", "warning")


async def test_an_outage_in_between_does_not_shorten_or_lengthen_the_wait_for_another_cause(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.unreachable = True
        house.smsc.bind_status = lambda: Status.RBINDFAIL
        house.start_binds()
        await house.smsc.wait(lambda: len(house.smsc.dialled) == 4)
        house.smsc.unreachable = False
        await house.smsc.wait(lambda: len(house.smsc.dialled) == 6)
    gaps = [later - earlier for earlier, later in pairwise(house.smsc.dialled)]
    assert gaps[:3] == [1.5, 2.5, 4.5]
    assert gaps[4] == pytest.approx(1.5, abs=0.01), "the first refusal, whatever there was before"


async def test_a_link_that_is_lost_again_and_again_waits_longer_until_it_was_up_for_a_while(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.settled_after": 50.0}) as house:
        house.start_binds()
        gaps = []
        for number, seconds in enumerate([1.0, 1.0, 1.0, 51.0, 1.0]):
            line = await house.smsc.wait_bound(number)
            assert up(house) == 1
            await trio.sleep(seconds)
            await line.cut()
            lost = trio.current_time()
            await house.smsc.wait_bound(number + 1)
            gaps.append(round(trio.current_time() - lost, 1))
        assert failures(house, "lost") == 5
    assert gaps == [1.5, 2.5, 4.5, 1.5, 2.5]


async def test_nothing_is_sent_before_the_bind_is_accepted(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.bind_status = lambda: Status.RSYSERR
        caller = await house.greet()
        await caller.submit(message("1"))
        house.start_binds()
        await trio.sleep(60.0)
        assert len(house.smsc.lines) > 3
        assert house.smsc.taken == []
        assert (await caller.look("status", "1"))[0]["state"] == "waiting"
        house.smsc.bind_status = lambda: 0
        await house.wait_events("submitted")
    assert len(house.smsc.taken) == 1


async def test_a_message_waits_untouched_through_an_long_outage(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"carriers.alpha.max_attempts": 1}) as house:
        house.smsc.unreachable = True
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        await trio.sleep(300.0)
        assert len(house.smsc.dialled) > 8
        assert house.core.counts.carriers["alpha"].sent == 0
        house.smsc.unreachable = False
        [event] = await house.wait_events("submitted")
    assert len(house.smsc.taken) == 1
    assert "possible_duplicate" not in event


async def test_an_idle_bind_is_unbound_and_bound_again_when_so_configured(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.inactivity_timeout": 100.0}) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await trio.sleep(99.0)
        assert len(house.smsc.dialled) == 1
        await house.smsc.wait_bound(1)
        assert line.closed == "the peer unbound"
    [down] = [line for line in house.log if line["event"] == "bind_down"]
    assert (down["cause"], down["reason"]) == ("lost", "no transaction for too long")


async def test_a_bind_may_be_idle_for_ever(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        await house.smsc.wait_bound(0)
        await trio.sleep(3000.0)
        assert len(house.smsc.dialled) == 1


async def test_an_smsc_that_takes_no_more_octets_costs_the_bind(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"carriers.alpha.write_timeout": 7.0}) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        link = house.gateway.fleet.binds[0]._link
        assert link is not None

        async def stuck(_octets: object) -> None:
            await trio.sleep_forever()

        link._stream.send_all = stuck  # type: ignore[method-assign,assignment]  # the peer has stopped reading
        begun = trio.current_time()
        await caller.submit(message("1"))
        await house.smsc.wait_bound(1)
        assert trio.current_time() - begun == pytest.approx(7.0 + 1.5, abs=0.1)
        assert (await caller.look("status", "1"))[0]["state"] == "unknown"
    [down] = [line for line in house.log if line["event"] == "bind_down"]
    assert down["reason"] == "the peer took nothing for 7 s"


async def test_an_smsc_that_says_it_lost_framing_is_unbound_from_and_bound_to_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        line.session._queue(encode(GenericNack(), 0, Status.RINVCMDLEN))
        line.link.flush()
        await house.smsc.wait_bound(1)
        assert line.closed == "the peer unbound"


async def test_an_smsc_that_forgot_the_bind_is_unbound_from_first(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: (Status.RINVBNDSTS, b"") if taken.bind == 0 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        assert house.smsc.lines[0].closed == "the peer unbound"
    [down] = [line for line in house.log if line["event"] == "bind_down"]
    assert down["reason"] == "the SMSC answered ESME_RINVBNDSTS"


async def test_a_pdu_that_claims_to_be_longer_than_it_is_does_not_keep_a_bind_useless(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        line.session._queue((40).to_bytes(4, "big") + encode(GenericNack(), 99)[4:])
        line.link.flush()
        begun = trio.current_time()
        await house.smsc.wait_bound(1)
        assert trio.current_time() - begun <= 10.0 + 2.0
        await settle()
