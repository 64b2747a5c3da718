import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.pdu import DeliverSm, SubmitSm
from simulator.load import receipts as receipts_module
from simulator.load.receipts import Receipts
from simulator.load.run import Run
from tests.simulator.load.smscs import make_plan, receipt

NUMBER = b"819012345678"
SUBMIT = SubmitSm(destination_addr=NUMBER)
IDS = st.integers(1, 0xFFFFFFFF)


def spell(form: str, number: int) -> str:
    return {"same": f"{number}", "hex": f"{number:X}", "small hex": f"{number:x}", "padded": f"{number:010}"}[form]


@given(IDS, st.sampled_from(["same", "hex", "small hex", "padded"]), st.booleans())
def test_a_receipt_finds_its_submit_in_any_spelling_before_or_after_the_answer(
    number: int, form: str, early: bool
) -> None:
    run = Run(make_plan(receipts=True))
    receipts = Receipts(run)
    told = receipt(SUBMIT, spell(form, number))
    if early:
        assert receipts.take(told, 3.0) is None
        receipts.accept(b"%d" % number, (1.0, NUMBER))
    else:
        receipts.accept(b"%d" % number, (1.0, NUMBER))
        assert receipts.take(told, 3.0) == 1.0
    assert run.tally.ends == {"DELIVRD": 1}
    assert (run.tally.strays, run.followed) == (0, {})
    assert run.tally.end.longest == (2.0 if early else 0.0)


@pytest.mark.parametrize("early", [True, False])
def test_an_id_that_could_be_anothers_is_not_believed_with_another_number(early: bool) -> None:
    run = Run(make_plan(receipts=True))
    receipts = Receipts(run)
    told = receipt(SubmitSm(destination_addr=b"819099999999"), "16")  # 22 in hexadecimal
    for step in (True, False):
        if step == early:
            assert receipts.take(told, 3.0) is None
        else:
            receipts.accept(b"22", (1.0, NUMBER))
    assert list(run.followed) == ["22"]
    assert run.tally.strays == 1


def test_a_second_receipt_and_one_of_nothing_are_strays() -> None:
    run = Run(make_plan(receipts=True))
    receipts = Receipts(run)
    receipts.accept(b"a", (1.0, NUMBER))
    assert [receipts.take(receipt(SUBMIT, each), 2.0) for each in ("a", "a", "b")] == [1.0, None, None]
    assert run.tally.strays == 2


def test_what_is_not_final_ends_nothing() -> None:
    run = Run(make_plan(receipts=True))
    receipts = Receipts(run)
    receipts.accept(b"a", (1.0, NUMBER))
    assert receipts.take(receipt(SUBMIT, "a", "ENROUTE"), 2.0) is None
    notice = DeliverSm(esm_class=0x20, short_message=receipt(SUBMIT, "a").short_message)
    assert receipts.take(notice, 2.0) is None
    assert list(run.followed) == ["a"]


def test_a_receipt_without_an_id_is_a_stray_and_a_text_is_from_a_handset() -> None:
    run = Run(make_plan(receipts=True))
    receipts = Receipts(run)
    assert receipts.take(DeliverSm(esm_class=4, short_message=b"stat:DELIVRD"), 1.0) is None
    assert receipts.take(DeliverSm(short_message=b"stat:DELIVRD"), 1.0) is None
    assert (run.tally.strays, run.tally.incoming) == (1, 1)


def test_a_receipt_that_does_not_say_so_is_known_by_its_text() -> None:
    run = Run(make_plan(receipts=True))
    receipts = Receipts(run)
    receipts.accept(b"a", (1.0, NUMBER))
    assert receipts.take(DeliverSm(short_message=receipt(SUBMIT, "a").short_message), 1.0) == 1.0


def test_early_receipts_are_kept_only_up_to_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts_module, "MAX_EARLY", 1)
    run = Run(make_plan(receipts=True))
    receipts = Receipts(run)
    for each in ("x-1", "x-2"):
        receipts.take(receipt(SUBMIT, each), 2.0)
        receipts.accept(each.encode(), (1.0, NUMBER))
    receipts.take(receipt(SUBMIT, "x-3"), 2.0)
    receipts.take(receipt(SUBMIT, "x-4"), 2.0)
    receipts.accept(b"x-4", (1.0, NUMBER))
    assert list(run.followed) == ["x-4"]
    assert run.tally.strays == 2
