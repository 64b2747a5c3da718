"""Each fault of answers by name, as it shows in the decisions."""

from collections import Counter
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from protocol.constants import EsmClass, Status, Tag
from protocol.pdu import SubmitSm
from simulator.behaviour import Answer, Origin
from tests.simulator.behaviours import MANY, ORIGIN, WANTED, answers, behaviour, scenario, wishing


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ({"answers.lose_rate": 1}, lambda answer: answer.due == inf and answer.message_id != b""),
        ({"answers.late_rate": 1, "answers.late_by": 7}, lambda answer: answer.due == 7.0),
        ({"answers.double_rate": 1, "answers.latency": 2}, lambda answer: answer.again == answer.due == 2.0),
        ({"answers.reorder_rate": 1}, lambda answer: answer.hold),
        ({"answers.latency": 3}, lambda answer: answer.due == 3.0),
        ({"answers.statuses": {"RSYSERR": 1}}, lambda answer: answer.status == Status.RSYSERR),
        ({"answers.statuses": {"0x0000040A": 1}}, lambda answer: answer.status == 0x40A),
        ({"answers.id_form": "uuid"}, lambda answer: answer.message_id.count(b"-") == 4),
        ({"answers.id_form": "padded"}, lambda answer: answer.message_id.startswith(b"0")),
    ],
)
def test_a_fault_that_is_certain_shows_in_every_answer(fault: dict[str, Any], shown: Callable[[Any], bool]) -> None:
    assert all(shown(answer) for answer in answers(behaviour(fault), 100))
    assert not any(shown(answer) for answer in answers(behaviour(), 100))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lose_rate", lambda answer: answer.due == inf),
        ("late_rate", lambda answer: answer.due == 60.0),
        ("double_rate", lambda answer: answer.again == 0.0),
        ("reorder_rate", lambda answer: answer.hold),
    ],
)
def test_a_rate_is_how_often_an_answer_shows_the_fault(name: str, shown: Callable[[Any], bool]) -> None:
    found = answers(behaviour({f"answers.{name}": 0.1}), MANY)
    assert sum(map(shown, found)) == pytest.approx(MANY * 0.1, rel=0.1)


def test_a_lost_answer_is_neither_held_nor_doubled() -> None:
    certain = {f"answers.{name}_rate": 1 for name in ("lose", "late", "double", "reorder")}
    for answer in answers(behaviour(certain), 100):
        assert (answer.due, answer.again, answer.hold) == (inf, inf, False)


def test_each_status_is_answered_as_often_as_its_rate_says() -> None:
    made = behaviour({"answers.statuses": {"RTHROTTLED": 0.05, "0x58": 0.05, "RMSGQFUL": 0.2}})
    found = Counter(answer.status for answer in answers(made, MANY))
    assert found.keys() == {Status.ROK, Status.RTHROTTLED, Status.RMSGQFUL}
    assert found[Status.RTHROTTLED] == pytest.approx(MANY * 0.1, rel=0.1)
    assert found[Status.RMSGQFUL] == pytest.approx(MANY * 0.2, rel=0.1)


def test_a_refusal_has_no_id_and_may_be_late_too() -> None:
    made = behaviour({"answers.statuses": {"RSYSERR": 1}, "answers.late_rate": 1})
    assert answers(made, 1) == [Answer(Status.RSYSERR, b"", 60.0)]


def test_latency_is_drawn_from_its_distribution() -> None:
    found = [each.due for each in answers(behaviour({"answers.latency": {"min": 1, "max": 2}}), 1000, now=10.0)]
    assert min(found) == pytest.approx(11.0, abs=0.01)
    assert max(found) == pytest.approx(12.0, abs=0.01)
    assert len(set(found)) == 1000


@pytest.mark.parametrize(
    ("per", "origins", "taken"),
    [
        ("bind", [Origin(1, b"a"), Origin(2, b"a")], 10),
        ("account", [Origin(1, b"a"), Origin(2, b"a")], 5),
        ("account", [Origin(1, b"a"), Origin(2, b"b")], 10),
    ],
)
def test_parts_per_second_are_counted_by_bind_or_account(per: str, origins: list[Origin], taken: int) -> None:
    made = behaviour({"answers.parts_per_second": 5, "answers.throttle_per": per, "answers.throttle_status": "0x400"})
    found = [made.answer(WANTED, now, origin).status for now in (0.0, 1.0) for origin in origins for _ in range(50)]
    assert found.count(Status.ROK) == 2 * taken
    assert set(found) == {Status.ROK, 0x400}


def test_an_account_has_parts_per_second_of_its_own() -> None:
    account = {"system_id": "bank", "password": "", "parts_per_second": 3.0}
    made = scenario({"accounts": [account, {"system_id": "shop", "password": ""}]})
    found = [made.answer(WANTED, 0.0, Origin(n, b"bank")).status for n in range(10)]
    assert found == [Status.ROK] * 3 + [Status.RTHROTTLED] * 7
    assert {made.answer(WANTED, 0.0, Origin(1, b"shop")).status for _ in range(10)} == {Status.ROK}


@pytest.mark.parametrize("registered_delivery", [0, 1, 2])
def test_a_queue_is_full_until_the_parts_in_it_have_ended(registered_delivery: int) -> None:
    made, submit = behaviour({"answers.queue_limit": 3, "receipts.delay": 10}), wishing(registered_delivery)
    for now, status in ((0.0, 0), (1.0, 0), (2.0, 0), (3.0, Status.RMSGQFUL), (9.9, Status.RMSGQFUL), (10.0, 0)):
        answer = made.answer(submit, now, ORIGIN)
        assert answer.status == status
        if not status:
            made.receipts(submit, answer.message_id, now)
    assert made.answer(submit, 10.5, ORIGIN).status == Status.RMSGQFUL


def test_a_queue_that_only_a_rule_limits_does_not_grow_for_ever() -> None:
    made = scenario(
        {"phases": [{"name": "a", "rules": [{"prefix": "8170", "answers": {"queue_limit": 5}}]}]},
    )
    for now in range(1000):
        made.receipts(WANTED, b"1", float(now))
    assert len(made._ends) == 1


def text(body: str, coding: int = 8) -> SubmitSm:
    octets = body.encode("utf-16-be") if coding == 8 else body.encode("ascii")
    return SubmitSm(destination_addr=b"1", data_coding=coding, short_message=octets)


@pytest.mark.parametrize(
    ("submit", "status"),
    [
        (text("漢字かな"), 0),
        (text("吉野家の𠮷"), 0x400),
        (text("髙"), 0x400),
        (text("～"), 0x400),
        (text("〜"), 0),
        (text("𠮷" * 35), 0x400),
        (text("𠮷" * 35 + "a"), 0),
        (text("plain", 0), 0),
        (SubmitSm(destination_addr=b"1", data_coding=0, short_message=b"caf\x05"), 0x400),  # é of GSM-7
        (
            SubmitSm(destination_addr=b"1", data_coding=8, tlvs=((Tag.MESSAGE_PAYLOAD, "髙".encode("utf-16-be")),)),
            0x400,
        ),
        (SubmitSm(destination_addr=b"1", data_coding=8, short_message=b"\xd8\x00"), 0),  # no text
        (SubmitSm(destination_addr=b"1", data_coding=4, short_message=b"\xff"), 0),  # no text
        (SubmitSm(destination_addr=b"1", data_coding=8), 0),
        (
            SubmitSm(
                destination_addr=b"1",
                data_coding=8,
                esm_class=EsmClass.UDHI,
                short_message=b"\5\0\3\1\2\1" + "髙".encode("utf-16-be"),
            ),
            0,
        ),
        (
            SubmitSm(
                destination_addr=b"1",
                data_coding=8,
                short_message="髙".encode("utf-16-be"),
                tlvs=((Tag.SAR_MSG_REF_NUM, b"\0\1"),),
            ),
            0,
        ),
    ],
)
def test_a_short_text_outside_of_the_charset_is_refused(submit: SubmitSm, status: int) -> None:
    made = behaviour({"answers.short_charset": "shift_jis"})
    assert made.answer(submit, 0.0, ORIGIN).status == status
    assert behaviour().answer(submit, 0.0, ORIGIN).status == 0


def test_the_charset_has_a_length_and_a_status_of_its_own() -> None:
    made = behaviour(
        {"answers.short_charset": "cp932", "answers.short_units": 4, "answers.short_status": "RSUBMITFAIL"}
    )
    found = [made.answer(text(body), 0.0, ORIGIN).status for body in ("髙", "♥", "♥♥♥♥", "♥♥♥♥♥")]
    assert found == [0, Status.RSUBMITFAIL, Status.RSUBMITFAIL, 0]
