"""A bind: kept bound, and what it sends when: the window, the rate, the order, the pauses."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.throttle import Throttle
from protocol.constants import Status
from protocol.pdu import BindReceiver, BindTransceiver, BindTransmitter, SubmitSmResp
from tests.gateway.builders import E164, LONG, bind_table, in_virtual_time, message, opened, settle
from tests.gateway.carriers import Reply, Taken

BINDS = {"transceiver": BindTransceiver, "transmitter": BindTransmitter, "receiver": BindReceiver}


@pytest.mark.parametrize("kind", BINDS)
async def test_the_bind_request_says_who_we_are(tmp_path: Path, autojump_clock: MockClock, kind: str) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds": [bind_table(type=kind, system_type="vms")]}) as house:
        house.start_binds()
        [request] = (await house.smsc.wait_bound(0)).requests
    assert type(request) is BINDS[kind]
    assert isinstance(request, BindTransceiver | BindTransmitter | BindReceiver)
    assert (request.system_id, request.password, request.system_type) == (b"denpo", b"sesame", b"vms")


async def test_a_receiver_leaves_the_sending_to_the_transmitter(tmp_path: Path, autojump_clock: MockClock) -> None:
    binds = [bind_table(type="receiver"), bind_table(type="transmitter")]
    async with opened(tmp_path, {"carriers.alpha.binds": binds}) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(message("1"))
        [taken] = await house.smsc.wait_taken(1)
        assert isinstance(house.smsc.lines[taken.bind].requests[0], BindTransmitter)


async def test_attempts_to_connect_come_at_growing_intervals_with_one_line_each(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.reconnect_max": 20.0}) as house:
        house.smsc.unreachable = True
        house.start_binds()
        await house.smsc.wait(lambda: len(house.smsc.dialled) == 7)
        await settle()
    gaps = [later - earlier for earlier, later in pairwise(house.smsc.dialled)]
    assert gaps == [1.5, 2.5, 4.5, 8.5, 10.5, 10.5]
    assert [(line["event"], line["log_level"], line["bind"]) for line in house.log] == [
        ("bind_down", "warning", "alpha.0")
    ] * 7
    assert {line["reason"].lower() for line in house.log} == {"cannot connect to smsc.invalid:2775: connection refused"}


async def test_a_refused_bind_is_asked_for_again_after_a_while_and_named_in_the_log(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        statuses = iter([Status.RINVPASWD, Status.RALYBND])
        house.smsc.bind_status = lambda: next(statuses, 0)
        house.start_binds()
        await house.smsc.wait_bound(2)
        assert house.gateway.fleet.binds[0].session is not None
    reasons = [line["reason"] for line in house.log if line["event"] == "bind_down"]
    assert len(reasons) == 2
    assert reasons[0].startswith("the SMSC refused the bind: ESME_RINVPASWD")
    assert "sesame" not in str(house.log)
    assert [line["log_level"] for line in house.log if line["event"] == "bind_down"] == ["error", "warning"]
    first, second, third = house.smsc.dialled
    assert second - first >= 300.0, "some SMSCs lock an account that insists"
    assert 60.0 <= third - second < 300.0, "the SMSC may keep a dead session so long"


async def test_a_bind_that_is_never_answered_is_given_up_and_tried_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.bind_timeout": 7.0}) as house:
        ours, theirs = trio.testing.memory_stream_pair()
        silent, answering = [theirs], house.smsc.connect

        async def connect(host: str, port: int, tls: object = None) -> trio.abc.Stream:
            return silent.pop() if silent else await answering(host, port, tls)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.bind.connect", connect)
            house.start_binds()
            await house.smsc.wait_bound(0)
        assert house.smsc.dialled == pytest.approx([7.0 + 1.5], abs=0.01)
        await ours.aclose()


async def test_waits_are_short_again_after_a_bind_that_was_up(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.unreachable = True
        house.start_binds()
        await house.smsc.wait(lambda: len(house.smsc.dialled) == 4)
        house.smsc.unreachable = False
        line = await house.smsc.wait_bound(0)
        before = trio.current_time()
        await line.cut()
        await house.smsc.wait_bound(1)
        assert trio.current_time() - before == pytest.approx(1.5, abs=0.01)


async def test_a_silent_line_is_asked_and_given_up_when_it_does_not_answer(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    changes = {"carriers.alpha.enquire_link_interval": 20.0, "carriers.alpha.enquire_link_timeout": 5.0}
    async with opened(tmp_path, changes) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await trio.sleep(110.0)
        assert len(house.smsc.lines) == 1
        line.mute()
        await house.smsc.wait_bound(1)
        assert trio.current_time() == pytest.approx(120.0 + 5.0 + 1.5, abs=0.01)


@settings(max_examples=12)
@given(
    st.integers(1, 5), st.lists(st.floats(0.0, 3.0), min_size=1, max_size=30), st.sampled_from(["短い", LONG, "kurz"])
)
def test_the_window_is_used_and_never_exceeded(window: int, delays: Sequence[float], text: str) -> None:
    async def send(folder: Path) -> None:
        async with opened(folder, {"carriers.alpha.binds.0.window": window}) as house:
            waits = iter([*delays] * 3)
            house.smsc.reply = lambda taken: house.smsc.after(next(waits))(taken)
            caller = await house.greet()
            house.start_binds()
            results = await caller.submit(*(message(str(n), text) for n in range(len(delays))))
            parts = sum(result["parts"] for result in results)
            await house.wait_events(*["submitted"] * len(delays))
            assert len(house.smsc.taken) == parts
            assert max(taken.waiting for taken in house.smsc.taken) == min(window, parts)

    in_virtual_time(send)


@settings(max_examples=12)
@given(st.sampled_from([0.5, 3.0, 20.0]), st.integers(1, 12), st.integers(1, 3), st.booleans())
def test_the_rate_of_the_account_is_kept_over_all_its_binds(rate: float, burst: int, binds: int, long: bool) -> None:
    changes = {
        "carriers.alpha.parts_per_second": rate,
        "carriers.alpha.burst": burst,
        "carriers.alpha.profile": "tight",
        "profiles.tight.max_parts": 3,
        "carriers.alpha.binds": [bind_table() for _ in range(binds)],
    }

    async def send(folder: Path) -> list[float]:
        async with opened(folder, changes) as house:
            caller = await house.greet()
            house.start_binds()
            await house.smsc.wait_bound(binds - 1)
            results = await caller.submit(*(message(str(n), LONG if long else "短い") for n in range(12)))
            await house.smsc.wait_taken(sum(result["parts"] for result in results))
            return [taken.at for taken in house.smsc.taken]

    times = in_virtual_time(send)
    at_once = max(burst, 3)
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= at_once + rate * (times[last] - times[first]) + 1e-6
    assert times[-1] - times[0] <= (len(times) - at_once) / rate + 1e-6 or len(times) <= at_once


async def test_parts_of_a_long_message_follow_each_other_in_order_on_one_bind(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds": [bind_table(window=4), bind_table(window=4)]}) as house:
        house.smsc.reply = house.smsc.after(0.5)
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(*(message(str(n), LONG) for n in range(8)))
        await house.wait_events(*["submitted"] * 8)
    taken = house.smsc.taken
    assert {each.bind for each in taken} == {0, 1}
    for bind in (0, 1):
        numbers = [each.part for each in taken if each.bind == bind]
        assert numbers == [1, 2, 3] * (len(numbers) // 3)
        texts = ["".join(each.text for each in taken if each.bind == bind)]
        assert texts == [LONG * (len(numbers) // 3)]


async def test_messages_go_out_in_the_order_in_which_they_were_submitted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"gateway.lane_window": 2}) as house:
        caller = await house.greet()
        await caller.submit(*(message(str(n), f"便{n}") for n in range(30)))
        house.start_binds()
        await house.wait_events(*["submitted"] * 30)
    assert [taken.text for taken in house.smsc.taken] == [f"便{n}" for n in range(30)]


@pytest.mark.parametrize("status", [Status.RTHROTTLED, Status.RMSGQFUL])
async def test_a_throttled_answer_pauses_the_bind_and_keeps_the_order_and_uses_no_attempt(
    tmp_path: Path, autojump_clock: MockClock, status: Status
) -> None:
    changes = {
        "carriers.alpha.binds.0.window": 1,
        "carriers.alpha.throttle_pause": 3.0,
        "carriers.alpha.max_attempts": 1,
    }
    async with opened(tmp_path, changes) as house:

        def reply(taken: Taken) -> Reply:
            return (status, b"") if len(house.smsc.taken) <= 2 else house.smsc.number(taken)

        house.smsc.reply = reply
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", "一"), message("2", "二"))
        await house.wait_events("submitted", "submitted")
    assert [taken.text for taken in house.smsc.taken] == ["一", "一", "一", "二"]
    assert [taken.at for taken in house.smsc.taken[:3]] == [0.0, 3.0, 6.0]
    assert 6.0 < house.smsc.taken[3].at <= 7.0  # slower, too, after the pause


async def test_a_bind_settles_at_what_the_smsc_takes(tmp_path: Path, autojump_clock: MockClock) -> None:
    limit, wanted = 20, 1000
    async with opened(tmp_path, {"carriers.alpha.parts_per_second": 0, "carriers.alpha.max_attempts": 1}) as house:
        bucket = Throttle(limit, limit, 0.0)
        throttled: list[float] = []

        def reply(taken: Taken) -> Reply:
            now = trio.current_time()
            if bucket.room(now) > 0:
                bucket.take(1, now)
                return house.smsc.number(taken)
            throttled.append(now)
            return Status.RTHROTTLED, b""

        house.smsc.reply = reply
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n), f"便{n}") for n in range(wanted)))
        await house.wait_events(*["submitted"] * wanted)
    times = [taken.at for taken in house.smsc.taken]
    accepted = [taken.text for taken in house.smsc.taken if taken.at not in throttled]
    late = [at for at in times if at >= 20.0]
    assert len(late) >= 0.9 * limit * (times[-1] - 20.0)
    assert sum(at >= 20.0 for at in throttled) < 0.05 * len(late)
    assert len(set(accepted)) == len(accepted)


async def test_parts_throttled_together_come_back_in_order(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: (Status.RTHROTTLED, b"") if taken.at < 1.0 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", "一"), message("2", LONG), message("3", "三"))
        await house.wait_events("submitted", "submitted", "submitted")
    sent = [(taken.part, taken.text[:1]) for taken in house.smsc.taken]
    assert sent == [(0, "一"), (1, "電"), (2, "電"), (3, "電"), (0, "三")] * 2


@pytest.mark.parametrize("window", [1, 2, 3, 4])
async def test_no_part_goes_twice_when_an_earlier_part_of_its_message_is_throttled(
    tmp_path: Path, autojump_clock: MockClock, window: int
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds": [bind_table(window=window), bind_table(window=4)]}) as house:
        house.smsc.reply = lambda taken: (
            (Status.RTHROTTLED, b"") if len(house.smsc.taken) == 1 else house.smsc.number(taken)
        )
        caller = await house.greet()
        house.nursery.start_soon(house.gateway.fleet.binds[0].run)
        await house.smsc.wait_bound(0)
        await caller.submit(message("1", LONG))
        await house.smsc.wait_taken(1)
        house.nursery.start_soon(house.gateway.fleet.binds[1].run)
        await house.wait_events("submitted")
        await trio.sleep(60.0)
    assert sorted(taken.part for taken in house.smsc.taken) == [1, 1, 2, 3]


async def test_a_passing_refusal_is_tried_again_later_until_the_attempts_run_out(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    changes = {"carriers.alpha.max_attempts": 3, "carriers.alpha.retry_min": 4.0}
    async with opened(tmp_path, changes) as house:
        house.smsc.reply = lambda taken: (Status.RSYSERR, b"")
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        [event] = await house.wait_events("rejected")
    assert [taken.at for taken in house.smsc.taken] == [0.0, 6.0, 16.0]
    assert (event["status"], event["status_name"], event["final"]) == (Status.RSYSERR, "ESME_RSYSERR", True)


async def test_what_is_refused_for_good_is_not_tried_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: (Status.RINVDSTADR, b"")
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        [event] = await house.wait_events("rejected")
        await trio.sleep(3600.0)
    assert len(house.smsc.taken) == 1
    assert (event["status"], event["status_name"]) == (Status.RINVDSTADR, "ESME_RINVDSTADR")


async def test_no_part_is_sent_after_another_part_of_its_message_was_refused_for_good(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 1}) as house:
        house.smsc.reply = lambda taken: (Status.RINVDSTADR, b"") if taken.part == 1 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", LONG))
        await house.wait_events("rejected")
        await trio.sleep(60.0)
    assert [taken.part for taken in house.smsc.taken] == [1]


async def test_answers_of_every_kind_in_one_read_are_settled_in_their_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n)) for n in range(6)))
        taken = await house.smsc.wait_taken(6)
        line = house.smsc.lines[0]
        answers = [(b"a", 0), (b"b", 0), (b"", Status.RINVDSTADR), (b"d", 0), (b"", Status.RINVDSTADR), (b"f", 0)]
        for part, (id_, status) in zip(taken, answers, strict=True):
            line.session.respond(part.sequence, SubmitSmResp(id_), status)
        line.link.flush()
        kinds = ["rejected" if status else "submitted" for _, status in answers]
        events = await house.wait_events(*kinds)
        counts = house.core.counts.carriers["alpha"]
        assert (counts.accepted, counts.refused) == (4, {Status.RINVDSTADR: 2})
    assert [event["id"] for event in events] == [str(n) for n in range(6)]


async def test_an_smsc_that_forgot_the_bind_is_bound_again_and_gets_the_part_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.max_attempts": 1}) as house:
        house.smsc.reply = lambda taken: (Status.RINVBNDSTS, b"") if taken.bind == 0 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        [event] = await house.wait_events("submitted")
    assert [taken.bind for taken in house.smsc.taken] == [0, 1]
    assert "possible_duplicate" not in event


async def test_what_has_expired_before_it_could_be_sent_is_never_sent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    changes = {
        "carriers.alpha.parts_per_second": 0.1,
        "carriers.alpha.profile": "one",
        "profiles.one.max_parts": 1,
    }
    async with opened(tmp_path, changes) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"), message("2", expires_at=house.core.clock() + 5.0), message("3"))
        events = await house.wait_events("submitted", "expired", "submitted")
    assert [event["id"] for event in events] == ["1", "2", "3"]
    assert len(house.smsc.taken) == 2


async def test_the_expiry_is_told_to_the_smsc_in_utc(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", expires_at=1_780_003_600.0))
        [taken] = await house.smsc.wait_taken(1)
    assert taken.submit.validity_period == b"260528212640000+"
    assert (taken.submit.destination_addr, taken.submit.registered_delivery) == (E164, 1)


async def test_what_stands_behind_a_message_that_was_refused_for_good_goes_at_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 1}) as house:
        house.smsc.reply = lambda taken: (Status.RINVDSTADR, b"") if taken.part == 2 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", LONG), message("2", "二", receipt=False))
        await house.wait_events("rejected", "submitted")
        assert trio.current_time() < 1.0
        await settle()
        assert not house.core.outstanding.live


async def test_each_try_of_a_part_is_kept_with_its_bind_number_and_times(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.retry_min": 10.0}) as house:
        statuses = iter([Status.RSYSERR])
        house.smsc.reply = lambda taken: (next(statuses, 0), b"A1")
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        found = (await house.store.find_messages("bank", ["1"]))["1"]
    tries = found.parts[0].tries
    assert tries is not None
    assert [(bind, status) for bind, _, _, _, status in tries] == [("alpha.0", Status.RSYSERR), ("alpha.0", 0)]
    assert tries[0][1] < tries[1][1]
    assert all(sent <= answered for _, _, sent, answered, _ in tries)
    assert tries[1][2] - tries[0][3] >= 10.0


async def test_a_message_that_was_begun_in_time_is_sent_whole(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 1}) as house:
        house.smsc.reply = house.smsc.after(10.0)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1", LONG, expires_at=house.core.clock() + 15.0))
        await house.wait_events("submitted")
    assert [taken.at for taken in house.smsc.taken] == [0.0, 10.0, 20.0]
