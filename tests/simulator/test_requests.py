import json
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from trio.testing import MockClock

from protocol.constants import Coding
from simulator.requests import MAX_BODY_OCTETS, READ_SECONDS, Refusal, choice_of, read_object, text_of, truth_of

Chunk = dict[str, Any]


def request(*chunks: Chunk) -> Request:
    """A request whose body comes like this, and then no more."""
    left = list(chunks)

    async def receive() -> Chunk:
        if not left:
            await trio.sleep_forever()
        return left.pop(0)

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


def pieces(body: bytes, size: int) -> list[Chunk]:
    cut = [body[start : start + size] for start in range(0, len(body), size)]
    return [*({"type": "http.request", "body": each, "more_body": True} for each in cut), {"type": "http.request"}]


def whole(fields: object) -> Request:
    return request({"type": "http.request", "body": json.dumps(fields).encode()})


async def refusal(asked: Request, needed: Sequence[str] = (), known: set[str] | None = None) -> tuple[int, str, str]:
    with pytest.raises(Refusal) as caught:
        await read_object(asked, set(needed), known)
    return caught.value.status, caught.value.code, str(caught.value)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=5), st.integers(1, 20))
def test_an_object_is_read_however_it_is_cut_into_chunks(fields: dict[str, Any], size: int) -> None:
    body = json.dumps(fields, ensure_ascii=False).encode()
    assert trio.run(read_object, request(*pieces(body, size)), set()) == fields


@given(st.binary(max_size=20))
def test_octets_are_an_object_or_a_bad_request(body: bytes) -> None:
    try:
        expected = json.loads(body)
    except ValueError:
        expected = None
    asked = request({"type": "http.request", "body": body})
    if isinstance(expected, dict):
        assert trio.run(read_object, asked, set()) == expected
    else:
        assert trio.run(refusal, asked)[:2] == (400, "bad_request")


async def test_a_key_that_is_needed_is_asked_for() -> None:
    status, code, words = await refusal(whole({"a": 1}), ["b", "a"])
    assert (status, code) == (400, "bad_request")
    assert words.endswith("an object with a, b")
    assert await read_object(whole({"a": 1, "b": 2}), {"a", "b"}) == {"a": 1, "b": 2}


async def test_a_key_that_is_not_known_is_named_with_the_most_like_it() -> None:
    status, code, words = await refusal(whole({"texxt": 1}), [], {"text", "from"})
    assert (status, code) == (400, "bad_request")
    assert words == "texxt: is not a known key (did you mean text?)"


@pytest.mark.parametrize("name", ["x" * 100_000, "\ud83d", "a\nb", "\x00"])
async def test_an_odd_key_is_named_in_few_characters_that_can_be_printed(name: str) -> None:
    *_, words = await refusal(whole({name: 1}), [], {"text"})
    assert words.isprintable()
    assert len(words.encode()) < 300


async def test_a_body_of_the_greatest_size_is_read_and_one_octet_more_is_not_waited_for() -> None:
    body = b'{"a": "%b"}' % (b"x" * (MAX_BODY_OCTETS - 9))
    assert len(body) == MAX_BODY_OCTETS
    assert (await read_object(request(*pieces(body, 10_000)), set()))["a"]
    endless: Chunk = {"type": "http.request", "body": body + b" ", "more_body": True}
    assert (await refusal(request(endless)))[:2] == (413, "too_large")


async def test_a_body_that_does_not_come_to_its_end_is_waited_for_only_so_long(autojump_clock: MockClock) -> None:
    asked = request({"type": "http.request", "body": b"{", "more_body": True})
    assert (await refusal(asked))[:2] == (408, "too_slow")
    assert trio.current_time() == pytest.approx(READ_SECONDS)


async def test_a_client_that_leaves_in_the_middle_is_told_so_to_nobody() -> None:
    asked = request({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"})
    assert (await refusal(asked))[:2] == (400, "bad_request")


@pytest.mark.parametrize("value", [1, None, [], {}, True])
def test_what_is_no_text_is_refused_with_its_name(value: object) -> None:
    with pytest.raises(Refusal, match="name must be a string"):
        text_of({"name": value}, "name")


def test_a_text_is_taken_as_it_is() -> None:
    assert text_of({"name": "電報"}, "name") == "電報"


@pytest.mark.parametrize("value", ["morse", "", 1, None, [], {}, True])
def test_what_is_none_of_the_words_is_refused_with_all_of_them(value: object) -> None:
    with pytest.raises(Refusal, match="coding must be one of auto, ") as caught:
        choice_of(Coding, {"coding": value}, "coding", Coding.AUTO)
    assert all(each in str(caught.value) for each in Coding)


def test_a_word_is_taken_and_left_out_it_is_the_default() -> None:
    assert choice_of(Coding, {"coding": "ucs2"}, "coding", Coding.AUTO) is Coding.UCS2
    assert choice_of(Coding, {}, "coding", Coding.AUTO) is Coding.AUTO


@pytest.mark.parametrize("value", ["true", 1, 0, None, []])
def test_what_is_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(Refusal, match="shuffle must be true or false"):
        truth_of({"shuffle": value}, "shuffle")


def test_true_and_false_are_taken_and_left_out_it_is_false() -> None:
    assert [truth_of(fields, "shuffle") for fields in ({"shuffle": True}, {"shuffle": False}, {})] == [
        True,
        False,
        False,
    ]
