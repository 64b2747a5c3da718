"""What the gateway makes of each class of fault: real processes, the simulator's faults switched while both run.

No message is ever lost. None reaches the carrier twice, unless its event says that it may have.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import pytest

from tests.end_to_end.rig import HASTY, PATIENT, Case, Rig, Sent, bound, case, rigged

IDS: Final = [
    ("decimal", "hex"),
    ("decimal", "HEX"),
    ("decimal", "padded"),
    ("hex", "decimal"),
    ("hex", "HEX"),
    ("HEX", "decimal"),
    ("HEX", "hex"),
    ("padded", "stripped"),
    ("padded", "decimal"),
    ("uuid", "same"),
]
"""How answers and how receipts spell ids."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rigged(tmp_path_factory.mktemp("rig")) as rig:
        yield rig


@pytest.mark.parametrize(("status", "name"), [("RINVDSTADR", "ESME_RINVDSTADR"), ("0x0000040A", "0x0000040A")])
async def test_what_is_refused_for_good_or_too_often_is_rejected_with_the_status(
    rig: Rig, status: str, name: str
) -> None:
    async with case(rig, {"answers.statuses": {status: 1.0}}) as at:
        sent = await at.submit(2, HASTY)
        for end in (await at.ends(sent)).values():
            assert (end["type"], end["status_name"]) == ("rejected", name)
        assert not any((await at.taken(sent)).values())


async def test_a_lost_answer_is_reported_as_unknown_and_nothing_is_sent_again(rig: Rig) -> None:
    async with case(rig, {"answers.lose_rate": 1.0}) as at:
        sent = await at.submit(4, HASTY, on_unknown="report")
        ends = await at.ends(sent, "unknown")
        assert {end["type"] for end in ends.values()} == {"unknown"}
        assert not any("possible_duplicate" in end for end in ends.values())
        await at.switch({})
        await at.deliver(await at.submit(2, HASTY))
        await once(at, sent)


async def test_a_lost_answer_to_what_may_be_repeated_is_a_second_try_that_says_so(rig: Rig) -> None:
    async with case(rig, {"answers.lose_rate": 1.0}) as at:
        sent = await at.submit(4, HASTY, on_unknown="resend")
        await at.wait_taken(sent)
        await at.switch({})
        await at.deliver(sent)
        assert {end["possible_duplicate"] for end in (await at.ends(sent)).values()} == {True}
        assert min(times for found in (await at.taken(sent)).values() for times in found.values()) > 1


async def test_an_answer_that_comes_after_it_was_given_up_still_brings_the_receipt(rig: Rig) -> None:
    async with case(rig, {"answers.late_rate": 1.0, "answers.late_by": 3.0}) as at:
        sent = await at.submit(4, HASTY, on_unknown="report")
        await at.deliver(sent)
        for message in sent:
            types = [event["type"] for event in at.events if event["id"] == message.id]
            assert types[0] == "unknown"
            assert types[-1] == "delivered"
        await once(at, sent)


@pytest.mark.parametrize(
    "faults",
    [
        {"answers.latency": {"min": 0.0, "max": 0.3}},
        {"answers.latency": {"median": 0.05, "p99": 0.3}},
        {"answers.late_rate": 0.5, "answers.late_by": 0.3},
        {"answers.double_rate": 1.0},
        {"receipts.early_rate": 1.0},
        {"receipts.early_rate": 1.0, "answers.latency": 0.2},
        {"receipts.other_bind_rate": 1.0},
        {"receipts.early_rate": 1.0, "receipts.other_bind_rate": 1.0},
        {"receipts.reorder_rate": 0.5},
        {"receipts.intermediate_rate": 1.0},
        {"receipts.delay": 0.0},
        {"receipts.data_coding": 8},
        {"receipts.data_coding": 255},
        {"receipts.by_data_sm": True},
        {"receipts.by_data_sm": True, "receipts.tlvs": False},
        {"receipts.by_data_sm": True, "receipts.text": "empty"},
        {"answers.short_charset": "cp932", "receipts.delay": 0.05},
    ],
)
async def test_what_is_odd_and_no_fault_of_the_message_changes_nothing(rig: Rig, faults: Mapping[str, Any]) -> None:
    async with case(rig, faults) as at:
        up = bound(rig.gateway.lines)
        await at.deliver(await at.submit(8))
        assert bound(rig.gateway.lines) == up


async def test_answers_out_of_order_find_their_messages(rig: Rig) -> None:
    async with case(rig, {"answers.reorder_rate": 1.0}) as at:
        sent = await at.submit(8)
        await at.wait_taken(sent)
        await at.switch({})
        while not {message.id for message in sent} <= {event["id"] for event in at.events if event["final"]}:
            await at.deliver(await at.submit(1, text="次"))  # each answer lets go of one that its bind holds back
        await at.deliver(sent)


async def test_receipts_that_come_twice_are_told_once(rig: Rig) -> None:
    async with case(rig, {"receipts.double_rate": 1.0}) as at:
        sent = await at.submit()
        await at.deliver(sent)
        await at.wait_receipts()
        await at.deliver(await at.submit(1))  # its events are told after those of the others
        await at.deliver(sent)


@pytest.mark.parametrize(("answers", "receipts"), IDS)
async def test_a_receipt_finds_its_message_however_both_ids_are_spelled(rig: Rig, answers: str, receipts: str) -> None:
    async with case(rig, {"answers.id_form": answers, "receipts.id_form": receipts}) as at:
        await at.deliver(await at.submit())


@pytest.mark.parametrize(
    ("text", "tlvs"),
    [
        *product(["standard", "capital_text", "short", "long_dates", "no_text", "utf16"], [True, False]),
        ("empty", True),
    ],
)
async def test_a_receipt_is_read_however_it_is_written(rig: Rig, text: str, *, tlvs: bool) -> None:
    async with case(rig, {"receipts.text": text, "receipts.tlvs": tlvs}) as at:
        await at.deliver(await at.submit())


@pytest.mark.parametrize(
    ("state", "text", "event"),
    [
        ("UNDELIV", "standard", "undelivered"),
        ("UNDELIV", "failed", "undelivered"),
        ("UNDELIV", "short", "undelivered"),
        ("EXPIRED", "standard", "expired"),
        ("DELETED", "standard", "undelivered"),
        ("REJECTD", "standard", "undelivered"),
        ("SKIPPED", "standard", "undelivered"),
    ],
)
async def test_what_the_receipt_says_became_of_it_is_what_is_told(rig: Rig, state: str, text: str, event: str) -> None:
    faults = {"receipts.states": {state: 1.0}, "receipts.text": text, "receipts.error": "069", "receipts.tlvs": False}
    async with case(rig, faults) as at:
        sent = await at.submit(2)
        for end in (await at.ends(sent)).values():
            assert (end["type"], end["receipt"]["error"]) == (event, "069")
            assert end["receipt"]["state"] == ("FAILED" if text == "failed" else state)
        await once(at, sent)


@pytest.mark.parametrize(
    "faults", [{"receipts.missing_rate": 1.0}, {"receipts.states": {"ACCEPTD": 0.5, "UNKNOWN": 0.5}}]
)
async def test_without_a_final_receipt_a_message_stays_submitted(rig: Rig, faults: Mapping[str, Any]) -> None:
    async with case(rig, faults) as at:
        sent = await at.submit()
        await at.ends(sent, "submitted")
        await at.wait_receipts()
        assert [await at.state(message) for message in sent] == ["submitted"] * len(sent)


@pytest.mark.parametrize("status", ["RBINDFAIL", "RSYSERR", "0x000000FF"])
async def test_binds_that_are_refused_are_tried_again_and_messages_wait_for_them(rig: Rig, status: str) -> None:
    async with case(rig, {"link.refuse_bind": status}) as at:
        await at.strike("close")
        await at.wait_log(lambda lines: not bound(lines))
        sent = await at.submit()
        refusals = said(rig, "refused the bind")
        await at.wait_log(lambda lines: said_in(lines, "refused the bind") > refusals)
        assert not any((await at.taken(sent)).values())
        await at.switch({})
        await at.deliver(sent)


@pytest.mark.parametrize("on_unknown", ["report", "resend"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [("close", "closed"), ("unbind", "the peer unbound"), ("garbage", "framing"), ("wrong_length", "framing")],
)
async def test_a_link_that_ends_leaves_unknown_what_it_owed_an_answer(
    rig: Rig, fault: str, reason: str, on_unknown: str
) -> None:
    async with case(rig, {"answers.latency": 60.0}) as at:
        sent = await at.submit(on_unknown=on_unknown)
        await at.wait_taken(sent)
        await at.switch({})
        assert any(reason in why for why in await at.strike_down(fault))
        await settle(at, sent, on_unknown)


@pytest.mark.parametrize("on_unknown", ["report", "resend"])
async def test_an_answer_that_is_cut_in_the_middle_is_none(rig: Rig, on_unknown: str) -> None:
    async with case(rig, {}) as at:
        await at.strike("cut")
        sent = await at.submit(on_unknown=on_unknown)
        await settle(at, sent, on_unknown)


async def settle(at: Case, sent: list[Sent], on_unknown: str) -> None:
    """See that each message becomes what it should when its link has ended, and that the link comes back."""
    if on_unknown == "resend":
        await at.deliver(sent)
    else:
        ends = await at.ends(sent, "unknown")
        assert {end["type"] for end in ends.values()} <= {"unknown", "delivered"}
        assert "unknown" in {end["type"] for end in ends.values()}
    await at.wait_bound()
    await at.deliver(await at.submit(2))
    if on_unknown == "report":
        await once(at, sent)


async def test_a_half_open_link_is_given_up_and_made_anew(rig: Rig) -> None:
    async with case(rig, {}) as at:
        silences = said(rig, "enquire_link was not answered")
        await at.strike("half_open", seconds=5.0)
        sent = await at.submit(carrier=HASTY)
        await at.wait_log(lambda lines: said_in(lines, "enquire_link was not answered") > silences)
        await at.deliver(sent)
        await at.strike("close")  # else the patient account would go on waiting


async def test_a_link_that_ignores_enquire_link_is_given_up_and_made_anew(rig: Rig) -> None:
    async with case(rig, {"link.ignore_enquire_link": True}) as at:
        silences = said(rig, "enquire_link was not answered")
        await at.wait_log(lambda lines: said_in(lines, "enquire_link was not answered") > silences)
        sent = await at.submit(carrier=HASTY)
        await at.switch({})
        await at.deliver(sent)


async def test_a_link_that_is_closed_when_idle_is_made_anew(rig: Rig) -> None:
    async with case(rig, {"link.idle_close": 0.5}) as at:
        await at.wait_log(lambda lines: PATIENT + ".0" not in bound(lines))
        await at.deliver(await at.submit())


@pytest.mark.parametrize("carrier", [PATIENT, HASTY])
async def test_an_smsc_that_reads_slowly_gets_all_in_the_end(rig: Rig, carrier: str) -> None:
    async with case(rig, {}) as at:
        await at.strike("slow", value=500)
        sent = await at.submit(carrier=carrier, on_unknown="resend")
        await at.deliver(sent)
        await at.strike("slow", value=0)


@pytest.mark.parametrize("status", ["RTHROTTLED", "RMSGQFUL", "RSYSERR"])
async def test_what_is_refused_for_the_moment_goes_through_later_and_once(rig: Rig, status: str) -> None:
    async with case(rig, {"answers.statuses": {status: 1.0}}) as at:
        sent = await at.submit()
        await at.wait_refused()
        await at.switch({})
        await at.deliver(sent)


@pytest.mark.parametrize(
    "faults",
    [
        {"answers.parts_per_second": 10.0},
        {"answers.parts_per_second": 10.0, "answers.throttle_per": "account"},
        {"answers.parts_per_second": 10.0, "answers.throttle_status": "0x00000058"},
        {"answers.queue_limit": 3, "receipts.delay": 0.1},
    ],
)
async def test_an_smsc_that_takes_few_at_a_time_gets_all_in_the_end_and_each_once(
    rig: Rig, faults: Mapping[str, Any]
) -> None:
    async with case(rig, faults) as at:
        await at.deliver(await at.submit(20))


async def once(at: Case, sent: list[Sent]) -> None:
    """Demand that no part was taken more than once."""
    assert {times for found in (await at.taken(sent)).values() for times in found.values()} == {1}


def said(rig: Rig, words: str) -> int:
    return said_in(rig.gateway.lines, words)


def said_in(lines: Any, words: str) -> int:  # noqa: ANN401
    """How often a bind went down for a reason with these words."""
    return sum(words in line.get("reason", "") for line in lines)
