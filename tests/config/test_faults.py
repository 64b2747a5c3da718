from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config.faults import (
    MAX_DELAY,
    AnswerSettings,
    Delay,
    LinkSettings,
    Lognormal,
    ReceiptSettings,
    Uniform,
)
from config.fields import Table, status_number
from protocol.constants import Status, status_name

DELAY: TypeAdapter[Any] = TypeAdapter(Delay)


def said(kind: type[Table], key: str, value: object) -> list[tuple[tuple[int | str, ...], str]]:
    """The places and words with which a value is refused; none when it is taken."""
    try:
        kind.model_validate({key: value})
    except ValidationError as error:
        return [(each["loc"], each["msg"].removeprefix("Value error, ")) for each in error.errors()]
    return []


@given(st.sampled_from([status for status in Status if status]))
def test_a_status_is_read_by_its_name_without_the_prefix_and_by_its_number(status: Status) -> None:
    name = status_name(status).removeprefix("ESME_")
    assert {status_number(each) for each in (name, str(int(status)), hex(status), f"0x{status:08X}")} == {status}


@pytest.mark.parametrize("name", ["", "ROK", "0", "-1", "0x100000000", "ESME_RSYSERR", "rsyserr", "9" * 5000, "1.0"])
def test_what_is_no_error_is_no_status(name: str) -> None:
    with pytest.raises(ValueError, match="must be a command_status like RTHROTTLED, or a number of 0x00000001"):
        status_number(name)


@given(st.floats(0, MAX_DELAY) | st.integers(0, MAX_DELAY))
def test_a_delay_is_a_number_of_seconds(seconds: float) -> None:
    read = DELAY.validate_python(seconds)
    assert isinstance(read, float)
    assert read == seconds


@given(st.floats(0.001, MAX_DELAY), st.floats(0.001, MAX_DELAY))
def test_a_delay_is_a_distribution(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for kind, keys in ((Uniform, ("min", "max")), (Lognormal, ("median", "p99"))):
        read = DELAY.validate_python(dict(zip(keys, (low, high), strict=True)))
        assert read == kind.model_validate(dict(zip(keys, (low, high), strict=True)))
        assert DELAY.validate_python(read) == read
        assert DELAY.dump_python(read, mode="json") == dict(zip(keys, (low, high), strict=True))
        if low < high:
            with pytest.raises(ValidationError, match=f"must be at least {keys[0]}"):
                DELAY.validate_python(dict(zip(keys, (high, low), strict=True)))


@pytest.mark.parametrize(
    "value", [-1, MAX_DELAY + 1, float("nan"), float("inf"), True, "1", {}, {"min": 1}, {"min": 1, "p99": 2}, [1, 2]]
)
def test_anything_else_is_no_delay(value: object) -> None:
    words = f"must be seconds, 0..{MAX_DELAY}, or {{ min, max }} or {{ median, p99 }}"
    assert said(AnswerSettings, "latency", value) == [(("latency",), words)]
    assert said(ReceiptSettings, "delay", value) == [(("delay",), words)]


@pytest.mark.parametrize(
    ("value", "loc"),
    [({"min": -1, "max": 1}, "min"), ({"min": 0, "max": "1"}, "max"), ({"median": 0, "p99": 1}, "median")],
)
def test_what_is_wrong_in_a_distribution_is_told_at_its_place(value: object, loc: str) -> None:
    assert [each[0] for each in said(AnswerSettings, "latency", value)] == [("latency", loc)]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (kind, key)
        for kind in (AnswerSettings, ReceiptSettings, LinkSettings)
        for key in kind.model_fields
        if key.endswith("_rate")
    ],
)
def test_every_rate_is_a_chance_and_never_by_default(kind: type[Table], key: str) -> None:
    assert getattr(kind(), key) == 0.0
    assert [bool(said(kind, key, value)) for value in (-0.1, 0, 0.5, 1, 1.1, True, "1")] == [True] + [False] * 3 + [
        True
    ] * 3


@pytest.mark.parametrize(
    ("kind", "key", "value", "loc", "words"),
    [
        (AnswerSettings, "statuses", {"RSYSERR": 0.6, "0x400": 0.5}, (), "must be rates that are not more than 1"),
        (AnswerSettings, "statuses", {"ROK": 0.6}, ("ROK", "[key]"), "must be a command_status"),
        (AnswerSettings, "throttle_status", "", (), "must be a command_status"),
        (AnswerSettings, "id_form", "oct", (), "Input should be 'decimal', 'hex', 'HEX', 'padded' or 'uuid'"),
        (AnswerSettings, "short_charset", "utf8", (), "Input should be '', 'shift_jis' or 'cp932'"),
        (AnswerSettings, "short_units", 0, (), "must be 1..670"),
        (ReceiptSettings, "states", {}, (), "must give a state a weight above 0"),
        (ReceiptSettings, "states", {"DELIVRD": 0}, (), "must give a state a weight above 0"),
        (ReceiptSettings, "states", {"ENROUTE": 1}, ("ENROUTE", "[key]"), "Input should be 'DELIVRD'"),
        (ReceiptSettings, "error", "1234", (), "must be three digits"),
        (ReceiptSettings, "data_coding", 256, (), "must be 0..255"),
        (LinkSettings, "refuse_bind", "0", (), "must be a command_status"),
        (LinkSettings, "slow_read", -1, (), "must be 0..1000000000"),
    ],
)
def test_what_is_wrong_is_refused_in_words(
    kind: type[Table], key: str, value: object, loc: tuple[str, ...], words: str
) -> None:
    ((place, message),) = said(kind, key, value)
    assert place == (key, *loc)
    assert message.startswith(words)


def test_ten_tenths_are_not_more_than_one() -> None:
    assert said(AnswerSettings, "statuses", {f"0x{0x400 + n:X}": 0.1 for n in range(10)}) == []


def test_binds_are_taken_with_an_empty_status() -> None:
    assert said(LinkSettings, "refuse_bind", "") == []
