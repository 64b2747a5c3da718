"""Calls in frames: gathered, bounded by credit and sizes, answered one by one, and repeated on the next connection."""

from typing import Any

import anyio
import hypothesis.strategies as st
import msgpack
from hypothesis import given

from gateway.client.calls import LOOK_UP, LOOK_UPS, Calls
from gateway.client.errors import AnswerTimeout, ClientError
from gateway.client.parcel import SLICE, Call
from gateway.client.shapes import Welcome

CUT = ClientError("connection", "it broke")


def welcome(credit: int = 1000, max_batch: int = 1000, max_frame: int = 1 << 20) -> Welcome:
    return {"version": 1, "credit": credit, "max_batch": max_batch, "max_frame": max_frame}


def connected(**sizes: int) -> Calls:
    calls = Calls()
    calls.greeted(welcome(**sizes))
    return calls


def submit(calls: Calls, *ids: str) -> Call:
    call = Call("submit", [{"id": id_, "to": "1", "text": "x"} for id_ in ids])
    calls.add(call)
    return call


def frames(calls: Calls) -> list[list[Any]]:
    unpacker = msgpack.Unpacker()
    unpacker.feed(calls.outgoing())
    return [*unpacker]


def ids(frame: list[Any]) -> list[str]:
    return [each["id"] for each in frame[2]]


def answer(calls: Calls, frame: list[Any], **more: object) -> None:
    result = {"ok": True, **more}
    calls.take(["result", frame[1], [{"id": id_, **result} for id_ in ids(frame)]])
    calls.take(["credit", len(frame[2])])


async def test_what_many_submit_goes_in_one_frame_and_each_has_its_own_result() -> None:
    calls = connected()
    first, second = submit(calls, "a", "b"), submit(calls, "c")
    [frame] = frames(calls)
    assert ids(frame) == ["a", "b", "c"]
    refused = {"id": "b", "ok": False, "error": "charset"}
    calls.take(["result", frame[1], [{"id": "a", "ok": True}, refused, {"id": "c", "ok": True}]])
    assert first.results == [{"id": "a", "ok": True}, refused]
    assert second.results == [{"id": "c", "ok": True}]
    assert first.done
    assert second.done


async def test_a_single_message_does_not_wait_behind_a_long_list() -> None:
    calls = connected(max_batch=SLICE + 1)
    submit(calls, *map(str, range(500)))
    submit(calls, "otp")
    assert ids(frames(calls)[0])[-1] == "otp"


async def test_nothing_is_submitted_without_credit() -> None:
    calls = connected(credit=3)
    submit(calls, *"abcde")
    [frame] = frames(calls)
    assert ids(frame) == ["a", "b", "c"]
    assert frames(calls) == []
    answer(calls, frame)
    assert [ids(each) for each in frames(calls)] == [["d", "e"]]


async def test_a_frame_is_no_longer_than_the_gateway_reads() -> None:
    calls = connected(max_frame=300)
    call = submit(calls, *map(str, range(100)))
    calls.add(Call("submit", [{"id": "long", "to": "1", "text": "x" * 300}]))
    made = [msgpack.packb(frame) for frame in frames(calls)]
    assert max(map(len, made)) <= 300
    assert sum(len(msgpack.unpackb(frame)[2]) for frame in made) == len(call.items)


async def test_what_was_not_answered_is_asked_again_on_the_next_connection_and_first() -> None:
    calls = connected(max_batch=2)
    first = submit(calls, *"abc")
    answered, *_ = frames(calls)
    answer(calls, answered)
    calls.lost(CUT)
    submit(calls, "d")
    calls.greeted(welcome())
    [frame] = frames(calls)
    assert ids(frame) == ["c", "d"]
    answer(calls, frame, duplicate=True)
    assert [result["id"] for result in first.results] == ["a", "b", "c"]


async def test_what_a_stopping_gateway_refuses_waits_for_the_next_one() -> None:
    calls = connected()
    call = submit(calls, "a")
    answer(calls, frames(calls)[0], ok=False, error="shutting_down")
    submit(calls, "b")
    assert frames(calls) == []
    assert not call.done
    calls.lost(CUT)
    calls.greeted(welcome())
    assert sorted(ids(frames(calls)[0])) == ["a", "b"]


async def test_what_a_stopping_gateway_refused_is_the_result_if_no_other_comes() -> None:
    calls = connected()
    call = submit(calls, "a")
    answer(calls, frames(calls)[0], ok=False, error="shutting_down")
    assert calls.end(call, 30.0) is None
    assert call.results[0]["error"] == "shutting_down"


async def test_whoever_gets_no_credit_waits_for_it() -> None:
    calls = connected()
    submit(calls, "a", "b")
    [first] = frames(calls)
    call = submit(calls, "c", "d")
    [second] = frames(calls)
    calls.take(["error", second[1], "no_credit", "wait"])
    assert frames(calls) == []
    answer(calls, first)
    assert ids(frames(calls)[0]) == ["c", "d"]
    assert not call.done


async def test_a_gateway_that_never_gives_credit_is_asked_for_less_and_less_and_then_no_more() -> None:
    calls = connected()
    call = submit(calls, *"abcd")
    sizes = []
    while not call.done:
        [frame] = frames(calls)
        sizes.append(len(frame[2]))
        calls.take(["error", frame[1], "no_credit", "wait"])
    assert sizes == [4, 2, 1]
    assert call.error
    assert call.error.code == "no_credit"


async def test_what_made_the_gateway_close_the_connection_is_not_sent_again() -> None:
    calls = connected()
    call = submit(calls, "a")
    frames(calls)
    later = submit(calls, "b")
    calls.lost(ClientError("bad_frame", "a frame may be nested 8 deep"))
    assert call.error
    assert call.error.code == "bad_frame"
    calls.greeted(welcome())
    assert [ids(frame) for frame in frames(calls)] == [["b"]]
    assert not later.done


async def test_a_call_that_is_given_up_says_whether_anything_was_sent() -> None:
    calls = Calls()
    calls.lost(ClientError("connection", "no gateway at unix:x"))
    call = submit(calls, "a")
    error = calls.end(call, 30.0)
    assert isinstance(error, AnswerTimeout)
    assert (error.code, str(error)) == ("connection", "not sent within 30 s: not connected, no gateway at unix:x")
    calls.drop(call)
    calls.greeted(welcome())
    assert frames(calls) == []
    sent = submit(calls, "b")
    frames(calls)
    error = calls.end(sent, 30.0)
    assert isinstance(error, AnswerTimeout)
    assert (error.code, error.results) == ("answer_timeout", [None])


async def test_questions_are_cut_so_that_their_answers_fit_and_few_are_on_their_way() -> None:
    calls = connected()
    call = Call("status", [str(n) for n in range(LOOK_UP * LOOK_UPS * 2)])
    calls.add(call)
    asked = frames(calls)
    assert len(asked) == LOOK_UPS
    while asked:
        assert len(asked[0][2]) <= LOOK_UP
        calls.take(["result", asked[0][1], [{"id": id_, "ok": True} for id_ in asked[0][2]]])
        asked = asked[1:] + frames(calls)
    assert [result["id"] for result in call.results] == call.items


async def test_who_waits_when_there_will_be_no_connection_is_told_why() -> None:
    calls = connected()
    sent, waiting = submit(calls, "a"), Call("ping", [None])
    frames(calls)
    calls.add(waiting)
    calls.failed(ClientError("denied", "unknown client or wrong secret"))
    with anyio.fail_after(1.0):
        await sent.wait(1.0)
        await waiting.wait(1.0)
    assert sent.error
    assert waiting.error
    assert sent.error.code == waiting.error.code == "denied"


@given(st.lists(st.integers(1, 120), max_size=6), st.lists(st.sampled_from(["answer", "cut", "submit"]), max_size=20))
def test_every_message_has_one_result_however_often_the_connection_breaks(sizes: list[int], deeds: list[str]) -> None:
    calls = connected(credit=100, max_batch=40)
    made: list[Call] = []
    on_their_way: list[list[Any]] = []
    left = list(sizes)
    for deed in [*deeds, *["submit"] * len(sizes)]:
        if deed == "submit" and left:
            made.append(submit(calls, *(f"{len(made)}-{n}" for n in range(left.pop()))))
        elif deed == "cut":
            calls.lost(CUT)
            on_their_way.clear()
            calls.greeted(welcome(100, 40))
        elif on_their_way:
            answer(calls, on_their_way.pop(0))
        on_their_way += frames(calls)
        assert sum(len(frame[2]) for frame in on_their_way) <= 100
    while on_their_way:
        answer(calls, on_their_way.pop())
        on_their_way += frames(calls)
    for call in made:
        assert call.done
        assert [result["id"] for result in call.results] == [item["id"] for item in call.items]
