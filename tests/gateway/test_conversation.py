"""What a client asks and is answered, to the letter of the upstream protocol."""

import hmac
from pathlib import Path
from typing import Any

import msgpack
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.conversation import _accepted, _pack_accepted
from protocol.constants import Coding
from protocol.upstream import pack
from tests.config.documents import SECRET
from tests.gateway import fakes
from tests.gateway.builders import LONG, NUMBER, in_virtual_time, message, opened, settle

HELLO = {"version": 1, "client": "bank", "secret": SECRET, "agent": "test"}


async def test_a_good_hello_is_welcomed_with_the_limits(tmp_path: Path, autojump_clock: MockClock) -> None:
    changes = {"gateway.name": "relay", "upstream.credit": 55, "upstream.max_frame": 4096, "upstream.max_batch": 7}
    async with opened(tmp_path, changes) as house:
        welcome = await house.call().greet("bank", SECRET)
    assert welcome == {
        "version": 1,
        "client": "bank",
        "gateway": "relay",
        "credit": 55,
        "max_frame": 4096,
        "max_batch": 7,
    }


async def test_keys_that_nobody_knows_are_ignored(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = house.call()
        await caller.send(["hello", HELLO | {"colour": "red"}, "more"])
        await caller.read("welcome")
        [result] = await caller.submit(message("1", colour="red"))
    assert result["ok"] is True


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (["hello", HELLO | {"secret": "wrong"}], "denied"),
        (["hello", HELLO | {"secret": None}], "denied"),
        (["hello", HELLO | {"client": "nobody"}], "denied"),
        (["hello", HELLO | {"client": "nobody", "secret": ""}], "denied"),
        (["hello", HELLO | {"client": ["bank"]}], "denied"),
        (["hello", HELLO | {"version": 2}], "bad_version"),
        (["hello", {"client": "bank", "secret": SECRET}], "bad_version"),
        (["hello", "bank"], "bad_frame"),
        (["ping", 1], "hello_first"),
        (["submit", 1, [message("1")]], "hello_first"),
    ],
)
async def test_a_greeting_that_is_not_right_gets_an_error_and_the_end(
    tmp_path: Path, autojump_clock: MockClock, frame: list[Any], code: str
) -> None:
    async with opened(tmp_path) as house:
        caller = house.call()
        await caller.send(frame, ["ping", 2])
        [error] = await caller.read_end()
    assert error[:3] == ["error", None, code]
    assert SECRET not in str(house.log)
    assert SECRET not in error[3]


@pytest.mark.parametrize("client", ["bank", "nobody"])
async def test_secrets_are_compared_in_constant_time(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return given == expected

    monkeypatch.setattr(hmac, "compare_digest", compare)
    async with opened(tmp_path) as house:
        caller = house.call()
        await caller.send(["hello", HELLO | {"client": client, "secret": "wrong"}])
        await caller.read_end()
    assert compared == [(b"wrong", SECRET.encode() if client == "bank" else b"")]


async def test_a_second_hello_is_an_error(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.send(["hello", HELLO])
        [error] = await caller.read_end()
    assert error[:3] == ["error", None, "bad_frame"]


@pytest.mark.parametrize("tag", [0, -5, 2**64 - 1, "", "まる"])
async def test_answers_carry_the_tag_of_the_question(tmp_path: Path, autojump_clock: MockClock, tag: object) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.send(["ping", tag], ["submit", tag, [message("1")]])
        assert await caller.read("pong") == ["pong", tag]
        assert (await caller.read("result"))[1] == tag


@pytest.mark.parametrize("tag", [None, True, 1.5, b"1", [1], {}])
async def test_a_tag_of_another_type_ends_the_connection(
    tmp_path: Path, autojump_clock: MockClock, tag: object
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.send(["ping", tag])
        [error] = await caller.read_end()
    assert error[:3] == ["error", None, "bad_frame"]


async def test_a_submit_is_answered_only_when_it_is_on_disk(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.disk.hold()
        await caller.send(["submit", 1, [message("1")]], ["ping", 2])
        await caller.read("pong")
        await trio.sleep(60.0)
        await caller.send(["ping", 3])
        await caller.read("pong")
        assert not caller.inbox
        house.disk.release()
        [_, tag, [result]] = await caller.read("result")
    assert (tag, result["ok"]) == (1, True)


async def test_an_accepted_message_is_described(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        plain, long = await caller.submit(message("1", "hello{}"), message("2", LONG))
    assert plain.pop("message_id") != long.pop("message_id")
    assert plain == {
        "id": "1",
        "ok": True,
        "encoding": "gsm7",
        "parts": 1,
        "units": 9,
        "duplicate": False,
        "warnings": [],
    }
    assert (long["encoding"], long["parts"], long["units"]) == ("ucs2", 3, 150)


async def test_a_duplicate_is_answered_as_the_first_was_and_sends_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        [first] = await caller.submit(message("1", LONG))
        again, other, twice = await caller.submit(message("1", "another text"), message("2"), message("2"))
        await house.wait_events("submitted", "submitted")
        await trio.sleep(60.0)
    assert again == first | {"duplicate": True}
    assert (other["duplicate"], twice) == (False, other | {"duplicate": True})
    assert len(house.smsc.taken) == 4


async def test_a_duplicate_is_known_after_a_restart(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        [first] = await (await house.greet()).submit(message("1"))
    async with opened(tmp_path) as house:
        assert await (await house.greet()).submit(message("1")) == [first | {"duplicate": True}]


@pytest.mark.parametrize("reason", ["expired", "queue_full"])
async def test_a_duplicate_is_answered_as_the_first_was_though_it_would_be_refused_now(
    tmp_path: Path, autojump_clock: MockClock, reason: str
) -> None:
    async with opened(tmp_path, {"gateway.max_waiting": 1 if reason == "queue_full" else 100}) as house:
        caller = await house.greet()
        wanted = message("1", expires_at=house.core.clock() + 30.0)
        [first] = await caller.submit(wanted)
        if reason == "expired":
            await trio.sleep(100.0)
        assert await caller.submit(wanted) == [first | {"duplicate": True}]


async def test_the_ids_of_clients_are_their_own(tmp_path: Path, autojump_clock: MockClock) -> None:
    changes = {"clients.shop": {"secret": {"env": "PASSWORD"}, "sender": "0120444444"}}
    async with opened(tmp_path, changes) as house:
        bank, shop = await house.greet(), await house.greet("shop", "sesame")
        assert (await bank.submit(message("1")))[0]["duplicate"] is False
        assert (await shop.look("status", "1"))[0]["error"] == "not_found"
        assert (await shop.submit(message("1")))[0]["duplicate"] is False


async def test_one_bad_message_never_spoils_its_batch(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        results = await caller.submit(
            message("1"), 7, message("2", to="xyz"), {"id": "3"}, message("4"), message("5", "")
        )
    assert [result["id"] for result in results] == ["1", None, "2", "3", "4", "5"]
    assert [result.get("error") for result in results] == [
        None,
        "bad_message",
        "bad_number",
        "bad_message",
        None,
        "empty_text",
    ]
    assert all(result["detail"] for result in results if not result["ok"])
    assert house.core.counts.refused == {"bad_message": 2, "bad_number": 1, "empty_text": 1}


KEYS = (
    *("id", "to", "text", "sender", "lane", "not_before", "expires_at", "on_unknown", "receipt", "max_parts"),
    *("carrier", "tags", "operator", "meta"),
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
MAPS = st.dictionaries(st.text(), SCALARS, max_size=2)
VALUES = SCALARS | MAPS | st.lists(SCALARS | MAPS | st.lists(SCALARS, max_size=2), max_size=2)


@settings(max_examples=20)
@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, VALUES)) | VALUES, min_size=1, max_size=20))
def test_no_message_whatsoever_spoils_its_batch(strange: list[Any]) -> None:
    async def submit(folder: Path) -> None:
        async with opened(folder) as house:
            caller = await house.greet()
            known = [message(f"k{n}") | each for n, each in enumerate(strange) if isinstance(each, dict)]
            frame = await caller.ask("submit", [*strange, *known, message("good")])
            assert frame[0] == "result"
            results = frame[2]
            assert len(results) == len(strange) + len(known) + 1
            assert results[-1]["ok"] is True
            assert (await caller.ask("preview", strange))[0] == "result"
            house.start_binds()
            await house.smsc.wait_taken(1)

    in_virtual_time(submit)


async def test_what_overruns_the_credit_is_refused_as_a_whole_and_not_stored(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"upstream.credit": 3}) as house:
        caller = await house.greet()
        house.disk.hold()
        await caller.send(["submit", 1, [message("1"), message("2")]], ["submit", 2, [message("3"), message("4")]])
        assert (await caller.read("error"))[:3] == ["error", 2, "no_credit"]
        await caller.send(["submit", 3, [message("5")]])
        house.disk.release()
        assert [(await caller.read("result"))[1] for _ in range(2)] == [1, 3]
        assert [(await caller.read("credit"))[1] for _ in range(2)] == [2, 1]
        found = await caller.look("status", "1", "2", "3", "4", "5")
    assert [result["ok"] for result in found] == [True, True, False, False, True]


async def test_credit_comes_back_for_what_was_refused_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"upstream.credit": 3}) as house:
        caller = await house.greet()
        for _ in range(5):
            await caller.submit({}, {}, message("1"))
            assert (await caller.read("credit"))[1] == 3


@pytest.mark.parametrize("kind", ["submit", "preview"])
@pytest.mark.parametrize("batch", [[], [{}] * 4, "1", None, {"id": "1"}])
async def test_a_batch_of_the_wrong_size_or_form_fails_as_a_whole(
    tmp_path: Path, autojump_clock: MockClock, kind: str, batch: object
) -> None:
    async with opened(tmp_path, {"upstream.max_batch": 3, "upstream.credit": 3}) as house:
        caller = await house.greet()
        assert (await caller.ask(kind, batch))[2] == "bad_batch"
        assert len(await caller.submit({}, {}, {})) == 3


async def test_a_preview_stores_and_sends_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        house.disk.hold()
        frame = await caller.ask("preview", [message("1", LONG), {}])
        assert frame[2][0]["carrier"] == "alpha"
        house.disk.release()
        [accepted, refused] = frame[2]
        assert (accepted["ok"], accepted["encoding"], accepted["parts"], accepted["units"]) == (True, "ucs2", 3, 150)
        assert refused["error"] == "bad_message"
        assert (await caller.look("status", "1"))[0]["error"] == "not_found"
        await trio.sleep(60.0)
        assert (await caller.submit(message("1", LONG)))[0]["duplicate"] is False
    assert "credit" not in {frame[0] for frame in caller.inbox if frame[1] != 1}


async def test_a_full_queue_and_a_stopping_gateway_refuse_every_message(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"gateway.max_waiting": 2}) as house:
        caller = await house.greet()
        full = await caller.submit(message("1"), message("2"), message("3"))
        await caller.submit(message("4"))
        house.door.close()
        stopping = await caller.submit(message("5"), 8)
        late = await house.greet()
        assert (await late.submit(message("6")))[0]["error"] == "shutting_down"
    assert [result["error"] for result in full] == ["queue_full"] * 3
    assert [(result["id"], result["error"]) for result in stopping] == [("5", "shutting_down"), (None, "shutting_down")]


async def test_the_status_of_messages_is_told_in_the_order_asked(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.submit(message("1", LONG), message("2", not_before=house.core.clock() + 1000.0))
        house.start_binds()
        await house.wait_events("submitted")
        held, missing, sent = await caller.look("status", "2", "9", "1")
    assert held == {"id": "2", "ok": True, "state": "held", "final": False, "carrier": "", "parts": []}
    assert (missing["id"], missing["ok"], missing["error"]) == ("9", False, "not_found")
    assert (sent["state"], sent["final"], sent["carrier"]) == ("submitted", False, "alpha")
    assert [(part["n"], part["state"], part["carrier_id"], part["status"]) for part in sent["parts"]] == [
        (1, "accepted", "1", 0),
        (2, "accepted", "2", 0),
        (3, "accepted", "3", 0),
    ]
    assert {part["at"] for part in sent["parts"]} == {1_780_000_000.0}


@pytest.mark.parametrize("kind", ["status", "cancel"])
@pytest.mark.parametrize("ids", [["1"] * 1001, [1], "1", None])
async def test_ids_of_the_wrong_form_fail_as_a_whole(
    tmp_path: Path, autojump_clock: MockClock, kind: str, ids: object
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        assert (await caller.ask(kind, ids))[2] == "bad_batch"


async def test_what_waits_can_be_cancelled_and_is_never_sent(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, {"gateway.lane_window": 1}) as house:
        caller = await house.greet()
        held = message("4", not_before=house.core.clock() + 10.0)
        await caller.submit(message("1"), message("2"), message("3"), held)
        results = await caller.look("cancel", "1", "3", "4", "9")
        assert [result.get("state") for result in results] == ["canceled", "canceled", "canceled", None]
        assert results[3]["error"] == "not_found"
        house.start_binds()
        events = await house.wait_events("canceled", "canceled", "canceled", "submitted")
        await trio.sleep(60.0)
    assert [event["id"] for event in events] == ["1", "3", "4", "2"]
    assert len(house.smsc.taken) == 1


async def test_what_is_cancelled_again_is_answered_as_before_and_told_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.submit(message("1"))
        assert await caller.look("cancel", "1") == await caller.look("cancel", "1")
        await house.wait_events("canceled")


async def test_what_is_on_the_wire_or_has_ended_cannot_be_cancelled(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None if taken.sequence == 2 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await caller.submit(message("1"), message("2"), message("3", not_before=house.core.clock() + 100.0))
        await house.wait_events("submitted")
        await caller.look("cancel", "3")
        results = await caller.look("cancel", "1", "2")
        await settle()
        assert [result["error"] for result in results] == ["too_late"] * 2
        assert len(house.core.outstanding.live) == 2


async def test_a_message_is_not_cancelled_before_that_is_on_disk(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.submit(message("1"))
        house.disk.hold(after=1)
        await caller.send(["cancel", 5, ["1"]])
        await trio.sleep(10.0)
        assert not [frame for frame in caller.inbox if frame[0] == "result"]
        house.disk.release()
        assert (await caller.read("result"))[1] == 5


async def test_neither_numbers_nor_texts_reach_the_log(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        await caller.submit(message("1", "秘密の本文"), message("2", "秘密の本文", lane="x"))
        await caller.stream.send_all(msgpack.packb(["秘密の本文", NUMBER]))
        await caller.read_end()
    assert house.log
    assert not any(word in str(house.log) for word in ("秘密", "1234", SECRET))


@given(
    st.integers(1, 2**62),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=64),
    st.sampled_from(Coding),
    st.integers(1, 300),
    st.integers(1, 70_000) | st.integers(1, 300),
    st.sampled_from((None, ["removed U+200B (1, first at 3)"])),
)
def test_the_quick_octets_of_a_result_are_those_of_its_map(
    key: int, id_: str, coding: str, parts: int, units: int, warnings: list[str] | None
) -> None:
    made = fakes.message(key, id=id_, coding=coding, total=parts, units=units, warnings=warnings)
    assert _pack_accepted(made) == pack(_accepted(made, False))
