"""Events shared by loops: acknowledged up to the first that is not finished, many at a time, and never skipped."""

from typing import Any

import msgpack

from gateway.client.errors import ClientError
from gateway.client.flow import ACK_EVENTS, READ_AHEAD, Entry, Flow

CUT = ClientError("connection", "it broke")


def frames(flow: Flow) -> list[list[Any]]:
    unpacker = msgpack.Unpacker()
    unpacker.feed(flow.outgoing())
    return [*unpacker]


def greet(flow: Flow) -> list[list[Any]]:
    """Begin a connection whose subscription is answered; returns what was sent."""
    flow.greeted({})
    sent = frames(flow)
    flow.take(["subscribed", sent[-1][1], sent[-1][2]])
    return sent


def started(*cursors: int) -> Flow:
    flow = Flow(lambda: 0.0)
    greet(flow)
    flow.take(["events", [[cursor, {"id": str(cursor)}] for cursor in cursors]])
    return flow


async def take(flow: Flow, number: int) -> list[Entry]:
    return [await flow.next() for _ in range(number)]


async def test_nothing_is_acknowledged_before_those_that_came_earlier_are_finished() -> None:
    flow = started(1, 2, 3)
    first, second, third = await take(flow, 3)
    flow.finish(second)
    flow.finish(third)
    assert frames(flow) == []
    flow.finish(first)
    assert frames(flow) == [["ack", 3]]
    assert frames(flow) == []


async def test_what_a_loop_leaves_is_given_out_again_and_in_its_place() -> None:
    flow = started(1, 2, 3)
    first, second = await take(flow, 2)
    flow.give_back(second)
    flow.give_back(first)
    assert [entry.cursor for entry in await take(flow, 3)] == [1, 2, 3]


async def test_the_next_connection_goes_on_behind_what_was_received() -> None:
    flow = started(1, 2, 3)
    [first] = await take(flow, 1)
    flow.finish(first)
    flow.lost(CUT)
    assert greet(flow) == [["ack", 1], ["subscribe", 2, {"after": 3}]]
    flow.take(["events", [[4, {"id": "4"}]]])
    assert [entry.cursor for entry in await take(flow, 3)] == [2, 3, 4]


async def test_a_cursor_that_the_gateway_never_gave_is_not_sent_to_it_again() -> None:
    flow = started(8, 9)
    first, second = await take(flow, 2)
    flow.finish(first)
    flow.lost(ClientError("bad_cursor", "ack needs the cursor of an event"))
    flow.finish(second)
    assert greet(flow) == [["subscribe", 2, {"after": None}]]


async def test_acknowledgements_are_sent_many_at_a_time() -> None:
    flow = started(*range(1, 1000))
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += bool(frames(flow))

    flow.wake = wake
    for entry in await take(flow, 900):
        flow.finish(entry)
    assert 0 < woken <= 900 / ACK_EVENTS


async def test_no_more_is_read_than_a_bound() -> None:
    flow = started(*range(1, READ_AHEAD + 1))
    assert flow.full
    [entry] = await take(flow, 1)
    assert flow.full
    flow.finish(entry)
    assert not flow.full


async def test_events_of_an_earlier_subscription_are_not_taken_for_the_later_ones() -> None:
    flow = started(1, 2)
    flow.begin(None)
    flow.take(["events", [[3, {"id": "3"}]]])
    [subscribe] = frames(flow)
    flow.take(["events", [[4, {"id": "4"}]]])
    flow.take(["subscribed", subscribe[1], {"after": None}])
    flow.take(["events", [[1, {"id": "1"}]]])
    assert await flow.page() == [(1, {"id": "1"})]
