"""What a session tells its owner."""

from typing import get_args

import pytest

from protocol.events import Answered, Closed, Event, Requested
from protocol.pdu import SubmitSm, SubmitSmResp


def test_events_of_the_same_content_are_equal() -> None:
    assert Answered("tag", SubmitSmResp(b"1"), 0, 5) == Answered("tag", SubmitSmResp(b"1"), 0, 5)
    assert Answered("tag", SubmitSmResp(b"1"), 0, 5) != Answered("tag", SubmitSmResp(b"2"), 0, 5)


def test_each_closed_has_a_list_of_its_own() -> None:
    first, second = Closed("gone"), Closed("gone")
    first.unanswered.append("tag")
    assert second.unanswered == []


@pytest.mark.parametrize("kind", get_args(Event))
def test_every_event_is_cheap_to_make_and_takes_nothing_else(kind: type) -> None:
    assert kind.__dictoffset__ == 0  # no dict


def test_an_event_shows_no_body() -> None:
    assert "secret" not in repr(Requested(SubmitSm(short_message=b"secret", destination_addr=b"819012345678"), 1))
    assert "819012345678" not in repr(Requested(SubmitSm(destination_addr=b"819012345678"), 1))
