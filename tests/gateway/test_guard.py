"""What a client may ask for, key by key of the upstream protocol's table, and what it is told when it may not."""

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import OnUnknown
from config.wording import Loc
from gateway.core import text_profile
from gateway.guard import END_OF_TIME, MAX_HOLD, MAX_META_OCTETS, MAX_NAME, MAX_TAGS, Guard, Refusal
from gateway.message import Message, State
from gateway.routing import Router
from protocol.constants import Lane
from tests.gateway.fakes import NOW, TEXT, TO, settings

CODES = {
    *("bad_message", "bad_number", "not_mobile", "bad_sender", "empty_text", "bad_text", "too_long", "charset"),
    *("expired", "no_route"),
}
"""The refusals of the contract that a guard may give; the others are the door's, or not yet."""


def guard(*plants: tuple[Loc, object]) -> Guard:
    made = settings(*plants)
    return Guard(made, Router(made.routes), {name: text_profile(made, name) for name in made.carriers})


GUARD = guard()


FIELDS = tuple(Message.__slots__)


def asked(**keys: object) -> dict[str, Any]:
    return {"id": "m1", "to": "090-1234-5678", "text": TEXT, **keys}


def accept(keys: dict[str, Any], by: Guard = GUARD) -> Message:
    outcome = by.check("bank", keys, NOW)
    assert isinstance(outcome, Message), outcome
    return outcome


def refuse(keys: object, by: Guard = GUARD) -> Refusal:
    outcome = by.check("bank", keys, NOW)
    assert isinstance(outcome, Refusal), outcome
    return outcome


def test_three_keys_are_enough_and_the_rest_has_defaults() -> None:
    made = accept(asked())
    assert (made.key, made.client, made.id, made.to, made.text) == (0, "bank", "m1", TO, TEXT)
    assert (made.sender, made.lane, made.plan, made.receipt) == ("0005123456", Lane.NORMAL, "alpha", True)
    assert (made.coding, made.units, made.total) == ("ucs2", len(TEXT), 1)
    assert (made.not_before, made.expires_at, made.due, made.state) == (0.0, 0.0, 0.0, State.WAITING)
    assert (made.meta, made.tags, made.operator, made.parts, made.repeated) == (None, None, None, [], False)
    assert made.cut is not None
    assert made.cut_for == text_profile(settings(), "alpha")


@given(st.text() | st.just("@") | st.just(TEXT), st.sampled_from(("090-1234-5678", "03-1234-5678", "+819012345678")))
def test_what_is_not_asked_for_is_as_if_it_were_asked_for_as_nothing(text: str, to: str) -> None:
    given_ = {"id": "m1", "to": to, "text": text}
    nothing = dict.fromkeys(("lane", "sender", "carrier", "max_parts", "on_unknown", "receipt", "meta", "tags"))
    short, long = (GUARD.check("bank", keys, NOW) for keys in (given_, given_ | nothing))
    if isinstance(short, Refusal):
        assert short == long
    else:
        assert isinstance(long, Message)
        assert {name: getattr(short, name) for name in FIELDS} == {name: getattr(long, name) for name in FIELDS}


@pytest.mark.parametrize("missing", ["id", "to", "text"])
def test_each_of_the_three_is_required(missing: str) -> None:
    keys = asked()
    del keys[missing]
    refused = refuse(keys)
    assert refused.error == "bad_message"
    assert missing in refused.detail


@pytest.mark.parametrize("other", [None, 5, "m1", [], b"map", ["id"]])
def test_a_message_is_a_map(other: object) -> None:
    assert refuse(other).result() == {"id": None, "ok": False, "error": "bad_message", "detail": "a message is a map"}


@pytest.mark.parametrize("id_", ["a", "~" * 64, "order 1", "!", "{}\"'\\"])
def test_an_id_is_up_to_64_printable_ascii_characters(id_: str) -> None:
    assert accept(asked(id=id_)).id == id_


@pytest.mark.parametrize("id_", ["", "a" * 65, "é", "注文", "a\n", "\x7f", 5, None, b"m1", ["m1"]])
def test_anything_else_is_no_id_and_is_not_repeated(id_: object) -> None:
    refused = refuse(asked(id=id_))
    assert (refused.id, refused.error) == (None, "bad_message")


def test_a_refusal_carries_the_id_and_is_a_result_of_the_contract() -> None:
    refused = refuse(asked(to="03-1234-5678"))
    detail = "to is no mobile number: fixed line"
    assert refused.result() == {"id": "m1", "ok": False, "error": "not_mobile", "detail": detail}


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"to": "abc"}, "bad_number"),
        ({"to": 9012345678}, "bad_message"),
        ({"to": None}, "bad_message"),
        ({"text": b"abc"}, "bad_message"),
        ({"text": ""}, "empty_text"),
        ({"text": " \r\n　"}, "empty_text"),
        ({"text": "あ\ud83d"}, "bad_text"),
        ({"text": "あ" * 671}, "too_long"),
        ({"text": "a" * 1531}, "too_long"),
    ],
)
def test_a_bad_number_or_text_has_a_code_of_its_own(keys: dict[str, object], code: str) -> None:
    assert refuse(asked(**keys)).error == code


def test_the_longest_texts_are_taken() -> None:
    assert accept(asked(text="あ" * 670)).total == 10
    assert accept(asked(text="a" * 1530)).total == 10


def test_a_character_outside_a_fixed_coding_is_a_charset_refusal() -> None:
    narrow = guard((("profiles", "plain"), {"coding": "gsm7"}), (("carriers", "alpha", "profile"), "plain"))
    assert refuse(asked(), narrow).error == "charset"


def test_the_text_is_normalised_before_it_is_counted_and_kept() -> None:
    made = accept(asked(text="a\r\nb"))
    assert (made.text, made.units) == ("a\nb", 3)


def test_what_normalising_changed_is_told_as_warnings() -> None:
    made = accept(asked(text="か\u3099\u200b"))
    assert made.text == "が"
    assert made.warnings is not None
    assert [warning.split()[:2] for warning in made.warnings] == [["composed", "U+304B"], ["removed", "U+200B"]]
    assert accept(asked()).warnings is None


def test_a_look_alike_that_costs_the_gsm_alphabet_is_told() -> None:
    assert accept(asked(text="don’t")).warnings == ["sent as ucs2 because of U+2019 (1, first at 3)"]


def test_folds_are_the_carriers_and_leave_the_kept_text_alone() -> None:
    folding = guard((("profiles", "plain"), {"folds": ["yen"]}), (("carriers", "alpha", "profile"), "plain"))
    made = accept(asked(text="￥100"), folding)
    assert (made.text, made.coding, made.units) == ("￥100", "gsm7", 4)
    assert made.warnings is not None
    assert "U+FFE5" in made.warnings[0]


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_is_taken_and_decides_what_happens_to_the_unknown(lane: Lane) -> None:
    made = accept(asked(lane=lane.value))
    assert made.lane is lane
    assert made.on_unknown is (OnUnknown.REPORT if lane is Lane.BULK else OnUnknown.RESEND)


def test_the_default_lane_and_sender_are_the_clients() -> None:
    by = guard((("clients", "bank", "lane"), "bulk"), (("clients", "bank", "sender"), "ACME"))
    made = accept(asked(), by)
    assert (made.lane, made.sender, made.on_unknown) == (Lane.BULK, "ACME", OnUnknown.REPORT)
    made = accept(asked(lane=None, sender=None), by)
    assert (made.lane, made.sender) == (Lane.BULK, "ACME")


@pytest.mark.parametrize("lane", ["", "OTP", "fast", 1, True, ["otp"], {"otp": 1}, b"otp"])
def test_there_is_no_other_lane(lane: object) -> None:
    refused = refuse(asked(lane=lane))
    assert refused.error == "bad_message"
    assert "otp, urgent, normal, bulk" in refused.detail


@pytest.mark.parametrize("sender", ["0005123456", "+81312345678", "1" * 20, "+" + "1" * 20, "ACME Bank", "a" * 11])
def test_a_sender_is_digits_or_a_short_name(sender: str) -> None:
    assert accept(asked(sender=sender)).sender == sender


@pytest.mark.parametrize("sender", ["", "1" * 21, "a" * 12, "銀行", "a\n", 5, ["x"], {}, b"x", False])
def test_anything_else_is_a_bad_sender(sender: object) -> None:
    assert refuse(asked(sender=sender)).error == "bad_sender"


def test_a_client_uses_its_own_senders_only() -> None:
    by = guard((("clients", "bank", "senders"), ["0005123456", "ACME"]))
    assert accept(asked(sender="ACME"), by).sender == "ACME"
    assert refuse(asked(sender="OTHER"), by).error == "bad_sender"


def test_without_a_default_a_sender_must_be_named() -> None:
    by = guard((("clients", "shop"), {"secret": "open-sesame"}))
    refused = by.check("shop", asked(), NOW)
    assert isinstance(refused, Refusal)
    assert refused.error == "bad_sender"
    assert isinstance(by.check("shop", asked(sender="ACME"), NOW), Message)


@pytest.mark.parametrize("choice", OnUnknown)
@pytest.mark.parametrize("lane", ["otp", "bulk"])
def test_what_happens_to_the_unknown_may_be_chosen(choice: OnUnknown, lane: str) -> None:
    assert accept(asked(lane=lane, on_unknown=choice.value)).on_unknown is choice
    assert accept(asked(lane="bulk", on_unknown=None)).on_unknown is OnUnknown.REPORT


@pytest.mark.parametrize("choice", ["", "drop", 1, True, [], {}, ["resend"], b"resend"])
def test_there_is_no_other_choice(choice: object) -> None:
    refused = refuse(asked(on_unknown=choice))
    assert refused.error == "bad_message"
    assert "resend, report" in refused.detail


@pytest.mark.parametrize(("given_", "kept"), [(True, True), (False, False), (None, True)])
def test_receipts_are_asked_for_unless_they_are_not_wanted(given_: object, kept: bool) -> None:
    assert accept(asked(receipt=given_)).receipt is kept


@pytest.mark.parametrize("receipt", [0, 1, "true", [], {}])
def test_receipt_is_a_boolean(receipt: object) -> None:
    assert refuse(asked(receipt=receipt)).error == "bad_message"


def test_the_parts_may_be_limited() -> None:
    two = "あ" * 71
    assert accept(asked(text=two, max_parts=2)).total == 2
    assert accept(asked(text=two, max_parts=2**63)).total == 2
    assert accept(asked(text=two, max_parts=None)).total == 2
    assert refuse(asked(text=two, max_parts=1)).error == "too_long"


def test_a_client_cannot_have_more_parts_than_the_profile() -> None:
    assert refuse(asked(text="あ" * 671, max_parts=255)).error == "too_long"


@pytest.mark.parametrize("most", [0, -1, 1.0, "2", True, [], {}])
def test_the_limit_is_a_positive_integer(most: object) -> None:
    assert refuse(asked(max_parts=most)).error == "bad_message"


def test_a_hint_puts_a_carrier_of_the_plan_first() -> None:
    by = guard((("routes",), [{"weights": {"alpha": 3, "beta": 1}}]))
    assert accept(asked(), by).plan == "alpha:3,beta:1"
    hinted = accept(asked(carrier="beta"), by)
    assert hinted.plan == "=beta,alpha"
    assert accept(asked(carrier="gamma"), by).plan == "alpha:3,beta:1"


@pytest.mark.parametrize("key", ["carrier", "operator"])
def test_names_are_strings_of_a_reasonable_length(key: str) -> None:
    assert isinstance(accept(asked(**{key: "a" * MAX_NAME})), Message)
    wrongs: list[object] = ["", "a" * (MAX_NAME + 1), 5, True, ["x"], {}, b"x"]
    for wrong in wrongs:
        refused = refuse(asked(**{key: wrong}))
        assert refused.error == "bad_message"
        assert key in refused.detail


def test_no_route_is_a_refusal() -> None:
    by = guard((("routes",), [{"carriers": ["alpha"], "prefixes": ["8180"]}]))
    assert refuse(asked(), by).error == "no_route"


def test_operator_tags_and_meta_are_kept_as_they_are() -> None:
    meta = {"order": 17, "deep": {"list": [1, "x", None, 2.5, True]}, "raw": b"\0"}
    made = accept(asked(operator="suzuki", tags=["otp", "login"], meta=meta))
    assert (made.operator, made.tags, made.meta) == ("suzuki", ["otp", "login"], meta)


@pytest.mark.parametrize("tags", ["x", {}, 5, [1], [None], [""], ["a" * (MAX_NAME + 1)], ["a"] * (MAX_TAGS + 1), [[]]])
def test_tags_are_a_few_strings(tags: object) -> None:
    assert refuse(asked(tags=tags)).error == "bad_message"


def test_there_may_be_no_tags_or_as_many_as_are_allowed() -> None:
    assert accept(asked(tags=[])).tags == []
    assert len(accept(asked(tags=["a" * MAX_NAME] * MAX_TAGS)).tags or ()) == MAX_TAGS


def test_meta_is_a_map_that_packs_small() -> None:
    room = MAX_META_OCTETS - len(msgpack.packb({"k": "x" * 1000})) + 1000
    assert accept(asked(meta={"k": "x" * room})).meta == {"k": "x" * room}
    wrongs: list[object] = [{"k": "x" * (room + 1)}, [], "x", 5, True]
    for wrong in wrongs:
        assert refuse(asked(meta=wrong)).error == "bad_message"


def test_a_scheduled_message_is_held_until_its_time() -> None:
    made = accept(asked(not_before=NOW + 60, expires_at=NOW + 120))
    assert (made.state, made.due, made.not_before, made.expires_at) == (State.HELD, NOW + 60, NOW + 60, NOW + 120)


def test_a_time_that_has_come_holds_nothing() -> None:
    made = accept(asked(not_before=NOW - 60, expires_at=NOW + 120))
    assert (made.state, made.due) == (State.WAITING, NOW + 120)
    assert accept(asked(not_before=NOW)).state is State.WAITING


def test_whole_seconds_will_do() -> None:
    assert accept(asked(expires_at=int(NOW) + 1)).expires_at == NOW + 1


@pytest.mark.parametrize(
    ("not_before", "expires_at"), [(None, NOW), (None, NOW - 1), (NOW + 60, NOW + 60), (NOW + 60, NOW + 30)]
)
def test_what_could_never_be_sent_has_expired(not_before: float | None, expires_at: float) -> None:
    assert refuse(asked(not_before=not_before, expires_at=expires_at)).error == "expired"


def test_nothing_is_scheduled_further_ahead_than_is_remembered() -> None:
    assert accept(asked(not_before=NOW + MAX_HOLD)).state is State.HELD
    assert refuse(asked(not_before=NOW + MAX_HOLD + 1)).error == "bad_message"


@pytest.mark.parametrize("key", ["not_before", "expires_at"])
@pytest.mark.parametrize("wrong", ["1800000000", True, [], {}, -1.0, 0, float("inf"), float("nan"), END_OF_TIME, 2**63])
def test_a_time_is_unix_seconds_that_smpp_can_write(key: str, wrong: object) -> None:
    refused = refuse(asked(**{key: wrong}))
    assert refused.error == "bad_message"
    assert key in refused.detail


def test_a_message_may_last_as_long_as_smpp_can_write() -> None:
    assert accept(asked(expires_at=END_OF_TIME - 1)).expires_at == END_OF_TIME - 1


def test_unknown_keys_are_ignored() -> None:
    assert accept(asked(color="red", priority=[1])).id == "m1"


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=80) | st.binary()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
)
KEYS = (
    *(
        "id",
        "to",
        "text",
        "sender",
        "lane",
        "not_before",
        "expires_at",
        "on_unknown",
        "receipt",
        "max_parts",
        "carrier",
    ),
    *("tags", "operator", "meta"),
)
RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "id": st.just("m1"),
    "to": st.just("090-1234-5678"),
    "text": st.text(max_size=200),
    "lane": st.sampled_from([lane.value for lane in Lane]),
    "expires_at": st.floats(NOW - 10, NOW + 1e9),
    "not_before": st.floats(NOW - 10, NOW + 1e7),
}
MAPS = st.fixed_dictionaries({}, optional={key: RIGHT.get(key, VALUES) | VALUES for key in KEYS})


@given(MAPS | VALUES)
def test_anything_that_msgpack_can_carry_is_a_message_or_a_refusal_of_the_contract(keys: object) -> None:
    outcome = GUARD.check("bank", keys, NOW)
    if isinstance(outcome, Refusal):
        assert outcome.error in CODES
        assert outcome.detail
        assert msgpack.unpackb(msgpack.packb(outcome.result()))["ok"] is False
    else:
        assert outcome.state in (State.WAITING, State.HELD)
        assert 0 <= outcome.expires_at < END_OF_TIME


@given(
    st.from_regex(r"0[0-9]{8,12}", fullmatch=True) | st.just("090-1234-5678"),
    st.text(min_size=5).filter(lambda text: not text.isspace() and not text.isascii()),
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS[3:], VALUES)),
)
def test_a_refusal_names_neither_the_number_nor_the_text(to: str, text: str, options: dict[str, object]) -> None:
    outcome = GUARD.check("bank", {"id": "m1", "to": to, "text": text, **options}, NOW)
    if isinstance(outcome, Refusal):
        assert to not in outcome.detail
        assert text not in outcome.detail
