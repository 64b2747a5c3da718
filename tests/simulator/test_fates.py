"""What is remembered of messages for query_sm, cancel_sm and replace_sm."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import MessageState, Status, Tag
from protocol.operations import CancelSm, QuerySm, ReplaceSm
from protocol.pdu import SubmitSm
from simulator import fates as fates_module
from simulator.behaviour import Outcome
from simulator.fates import Fate, Fates
from simulator.plan import ReceiptForm

SUBMIT = SubmitSm(service_type=b"OTP", source_addr=b"0005", destination_addr=b"8190", short_message=b"old")
ENROUTE, DELIVERED, DELETED = MessageState.ENROUTE, MessageState.DELIVERED, MessageState.DELETED


def outcome(due: float, state: MessageState = DELIVERED, *, final: bool = True) -> Outcome:
    return Outcome(due, state, "000", b"1", False, False, final, ReceiptForm())


def fate(*outcomes: Outcome, submit: SubmitSm = SUBMIT, account: bytes = b"bank") -> Fate:
    return Fate(submit, account, 1.0, outcomes)


def known(*made: Fate) -> Fates:
    fates = Fates()
    for number, each in enumerate(made, 1):
        fates.add(b"%d" % number, each)
    return fates


@pytest.mark.parametrize(
    ("outcomes", "states", "done_at"),
    [
        ((outcome(5.0),), [ENROUTE, ENROUTE, DELIVERED], 5.0),
        ((outcome(5.0, MessageState.EXPIRED),), [ENROUTE, ENROUTE, MessageState.EXPIRED], 5.0),
        ((outcome(3.0, ENROUTE, final=False), outcome(5.0)), [ENROUTE, ENROUTE, DELIVERED], 5.0),
        ((outcome(5.0), outcome(10.0)), [ENROUTE, ENROUTE, DELIVERED], 5.0),
    ],
)
def test_a_message_is_on_its_way_until_it_has_ended(
    outcomes: Sequence[Outcome], states: list[MessageState], done_at: float
) -> None:
    made = fate(*outcomes)
    assert [made.state(now) for now in (1.0, 4.9, 5.0)] == states
    assert made.done_at == done_at


def test_a_message_is_found_by_its_id_and_source_by_its_own_account_only() -> None:
    made = fate(outcome(5.0))
    fates = known(made)
    asked = QuerySm(b"1", source_addr=b"0005")
    assert fates.find(asked, b"bank") is made
    assert fates.find(asked, b"other") is None
    assert fates.find(replace(asked, source_addr=b""), b"bank") is None
    assert fates.find(replace(asked, message_id=b"2"), b"bank") is None
    assert (fates.known(b"1"), fates.known(b"2")) == (made, None)


@given(st.integers(1, 5), st.lists(st.integers(0, 9), max_size=40))
def test_only_the_last_ids_are_remembered(most: int, ids: list[int]) -> None:
    order: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fates_module, "MAX_FATES", most)
        fates = Fates()
        for number in ids:
            fates.add(b"%d" % number, fate(outcome(5.0)))
            order += [number] if number not in order[-most:] else []
    assert {number for number in range(10) if fates.known(b"%d" % number)} == set(order[-most:])


@pytest.mark.parametrize(
    ("asked", "account", "now", "status"),
    [
        (CancelSm(message_id=b"1", source_addr=b"0005"), b"bank", 4.9, Status.ROK),
        (CancelSm(message_id=b"1", source_addr=b"0005"), b"bank", 5.0, Status.RCANCELFAIL),
        (CancelSm(message_id=b"1", source_addr=b"0005"), b"other", 4.9, Status.RCANCELFAIL),
        (CancelSm(message_id=b"1", source_addr=b"0006"), b"bank", 4.9, Status.RCANCELFAIL),
        (CancelSm(message_id=b"9", source_addr=b"0005"), b"bank", 4.9, Status.RCANCELFAIL),
        (CancelSm(source_addr=b"0005", destination_addr=b"8190"), b"bank", 4.9, Status.ROK),
        (CancelSm(b"OTP", source_addr=b"0005", destination_addr=b"8190"), b"bank", 4.9, Status.ROK),
        (CancelSm(b"CMT", source_addr=b"0005", destination_addr=b"8190"), b"bank", 4.9, Status.RCANCELFAIL),
        (CancelSm(source_addr=b"0005", destination_addr=b"8180"), b"bank", 4.9, Status.RCANCELFAIL),
        (CancelSm(source_addr=b"0005", destination_addr=b"8190"), b"other", 4.9, Status.RCANCELFAIL),
    ],
)
def test_a_message_on_its_way_is_taken_back_by_its_account(
    asked: CancelSm, account: bytes, now: float, status: Status
) -> None:
    made = fate(outcome(3.0, ENROUTE, final=False), outcome(5.0), outcome(10.0))
    assert known(made).cancel(asked, account, now) == status
    end = DELETED if status == Status.ROK else DELIVERED
    assert [made.told(each).state for each in made.outcomes] == [ENROUTE, end, end]
    assert [each.state for each in made.outcomes] == [ENROUTE, DELIVERED, DELIVERED]


def test_all_messages_of_one_source_and_destination_are_taken_back_together() -> None:
    ended, first, second = fate(outcome(2.0)), fate(outcome(5.0)), fate(outcome(6.0))
    elsewhere = fate(outcome(7.0), submit=replace(SUBMIT, destination_addr=b"8180"))
    asked = CancelSm(source_addr=b"0005", destination_addr=b"8190")
    assert known(ended, first, second, elsewhere).cancel(asked, b"bank", 4.0) == Status.ROK
    assert [each.state(9.0) for each in (ended, first, second, elsewhere)] == [DELIVERED, DELETED, DELETED, DELIVERED]


def test_what_was_sent_to_many_under_one_id_is_taken_back_and_changed_wherever_it_goes() -> None:
    many = [fate(outcome(5.0 + n), submit=replace(SUBMIT, destination_addr=b"%d" % n)) for n in range(3)]
    fates = Fates()
    for each in many:
        fates.add(b"1", each)
    changed = fates.replace(ReplaceSm(b"1", source_addr=b"0005", short_message=b"new"), b"bank", 5.5)
    assert [(submit.destination_addr, submit.short_message) for submit in changed] == [(b"1", b"new"), (b"2", b"new")]
    assert fates.cancel(CancelSm(source_addr=b"0005", destination_addr=b"2"), b"bank", 5.5) == Status.ROK
    assert [each.state(9.0) for each in many] == [DELIVERED, DELIVERED, DELETED]
    assert fates.cancel(CancelSm(message_id=b"1", source_addr=b"0005"), b"bank", 5.5) == Status.ROK
    assert [each.state(9.0) for each in many] == [DELIVERED, DELETED, DELETED]


def test_a_message_on_its_way_gets_a_new_text_and_keeps_the_rest() -> None:
    made = fate(outcome(5.0), submit=replace(SUBMIT, validity_period=b"000001000000000R", data_coding=8))
    asked = ReplaceSm(b"1", source_addr=b"0005", short_message=b"new", registered_delivery=1)
    fates = known(made)
    [changed] = fates.replace(asked, b"bank", 4.9)
    assert changed == made.submit == replace(made.submit, short_message=b"new", registered_delivery=1)
    assert (changed.validity_period, changed.data_coding) == (b"000001000000000R", 8)
    [changed] = fates.replace(replace(asked, validity_period=b"000002000000000R"), b"bank", 4.9)
    assert changed.validity_period == b"000002000000000R"
    assert fates.replace(asked, b"bank", 5.0) == fates.replace(asked, b"other", 4.9) == []


def test_a_new_text_may_be_a_payload_which_is_not_remembered() -> None:
    made = fate(outcome(5.0))
    asked = ReplaceSm(
        b"1", source_addr=b"0005", tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 1000), (Tag.USER_MESSAGE_REFERENCE, b"12"))
    )
    [changed] = known(made).replace(asked, b"bank", 2.0)
    assert (changed.short_message, changed.tlvs) == (b"", ((Tag.MESSAGE_PAYLOAD, b"x" * 1000),))
    assert made.submit.tlvs == ()


def test_no_text_shows_in_a_repr() -> None:
    assert "'old'" not in repr(fate(outcome(5.0)))
