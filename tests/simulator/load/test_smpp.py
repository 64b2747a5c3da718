from math import inf

import pytest
import trio
from trio.testing import MockClock

from protocol.constants import Status
from protocol.pdu import AlertNotification, DataSm, DeliverSm, SubmitSm, Unbind
from simulator.load import run as run_module
from simulator.load.run import LoadFailed, Run
from simulator.load.smpp import REBIND_SECONDS, UNBIND_SECONDS, Account, SmppClient
from tests.simulator.load.smscs import NUMBERS, Reply, Smsc, load, make_plan, receipt


@pytest.fixture
def smsc(nursery: trio.Nursery) -> Smsc:
    return Smsc(nursery)


async def test_a_closed_loop_sends_the_count_to_numbers_of_their_own(autojump_clock: MockClock, smsc: Smsc) -> None:
    run = await load(smsc, make_plan(count=250, window=10))
    assert (run.tally.sent, run.tally.answered, run.tally.accepted, run.tally.unsettled) == (250, 250, 250, 0)
    assert [submit.destination_addr for submit in smsc.submits] == [b"%d" % (NUMBERS.first + n) for n in range(250)]
    assert {submit.registered_delivery for submit in smsc.submits} == {0}
    assert run.tally.answer.count == 250


async def test_the_bind_says_who_it_is_and_is_ended_in_order(autojump_clock: MockClock, smsc: Smsc) -> None:
    await load(smsc, make_plan(count=1))
    assert [(bind.system_id, bind.password) for bind in smsc.binds] == [(b"load", b"secret")]
    assert smsc.links[0].session.state.name == "CLOSED"


@pytest.mark.parametrize(("binds", "window"), [(1, 1), (1, 7), (3, 5)])
async def test_a_closed_loop_keeps_every_window_full_and_never_overruns_it(
    autojump_clock: MockClock, smsc: Smsc, binds: int, window: int
) -> None:
    smsc.reply = lambda _submit, _n: Reply(delay=0.1)
    run = await load(smsc, make_plan(count=20 * binds * window, binds=binds, window=window))
    assert smsc.most_open == binds * window
    assert run.tally.took == pytest.approx(2.0)
    assert run.tally.rate == pytest.approx(10 * binds * window)
    assert run.tally.answer.percentile(50) == pytest.approx(0.1, rel=0.01)


async def test_a_stall_of_a_second_shows_in_the_percentiles_of_an_open_loop(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    async def stall() -> None:
        await trio.sleep(5)
        smsc.stalled_until = trio.current_time() + 1

    smsc.nursery.start_soon(stall)
    run = await load(smsc, make_plan(rate=100, count=1000, window=10))
    answer = run.tally.answer
    assert run.tally.answered == 1000
    assert answer.percentile(85) < 0.01
    assert answer.percentile(95) == pytest.approx(0.5, rel=0.05)  # a tenth of all were due in that second
    assert answer.percentile(99) == pytest.approx(0.9, rel=0.05)
    assert run.supply.longest == pytest.approx(90, abs=2)


async def test_the_same_stall_is_hidden_in_a_closed_loop(autojump_clock: MockClock, smsc: Smsc) -> None:
    async def stall() -> None:
        await trio.sleep(5)
        smsc.stalled_until = trio.current_time() + 1

    smsc.reply = lambda _submit, _n: Reply(delay=0.1)
    smsc.nursery.start_soon(stall)
    run = await load(smsc, make_plan(count=1500, window=10))
    assert run.tally.answer.percentile(99) == pytest.approx(0.1, rel=0.02)
    assert run.tally.answer.longest > 1


async def test_an_open_loop_sends_by_its_schedule_however_slow_the_answers_are(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    smsc.reply = lambda _submit, _n: Reply(delay=3.0)
    run = await load(smsc, make_plan(rate=50, seconds=4, window=1000))
    assert run.tally.left.counts == [50, 50, 50, 50]
    assert run.tally.came.counts == [0, 0, 0, 50, 50, 50, 50]
    assert run.tally.answer.longest == pytest.approx(3.0)
    assert run.supply.longest == 1


async def test_a_slow_server_makes_the_line_longer_and_every_message_pays_for_it(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    smsc.reply = lambda _submit, _n: Reply(delay=1.0)  # one a second, though ten are asked
    run = await load(smsc, make_plan(rate=10, count=20, window=1))
    assert run.tally.answered == 20
    assert run.tally.answer.longest == pytest.approx(20 - 1.9)
    assert run.supply.longest >= 17


async def test_a_long_message_goes_over_one_bind_in_order_even_through_a_small_window(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    smsc.reply = lambda _submit, _n: Reply(delay=0.1)
    run = await load(smsc, make_plan(count=20, window=2, binds=2, mix={"long": 1}))
    assert (run.supply.taken, run.tally.sent, run.tally.answered) == (20, 60, 60)
    for number in {submit.destination_addr for submit in smsc.submits}:
        parts = [submit.short_message[5] for submit in smsc.submits if submit.destination_addr == number]
        assert parts == [1, 2, 3]


async def test_errors_are_counted_by_status(autojump_clock: MockClock, smsc: Smsc) -> None:
    smsc.reply = lambda _submit, n: Reply(status=(0, 0, Status.RTHROTTLED, 0x040A)[n % 4])
    run = await load(smsc, make_plan(count=100))
    assert run.tally.refused == {"ESME_RTHROTTLED": 25, "0x0000040A": 25}
    assert (run.tally.answered, run.tally.accepted) == (100, 50)


@pytest.mark.parametrize(("status", "name"), [(Status.RINVCMDID, "ESME_RINVCMDID"), (Status.ROK, "generic_nack")])
@pytest.mark.parametrize("receipts", [True, False])
async def test_a_generic_nack_is_an_error_too(
    autojump_clock: MockClock, smsc: Smsc, status: int, name: str, receipts: bool
) -> None:
    smsc.reply = lambda _submit, _n: Reply(status=status, nack=True)
    run = await load(smsc, make_plan(count=3, receipts=receipts))
    assert run.tally.refused == {name: 3}
    assert not run.followed


async def test_binds_take_turns_at_what_is_due(autojump_clock: MockClock, smsc: Smsc) -> None:
    await load(smsc, make_plan(rate=10, count=30, binds=3))
    assert sorted(smsc.taken.values()) == [10, 10, 10]


async def test_a_receipt_is_answered_at_once(autojump_clock: MockClock, smsc: Smsc) -> None:
    open_deliveries = []

    async def look() -> None:
        await trio.sleep(1.1)
        open_deliveries.append(smsc.links[0].session.in_flight)

    smsc.deliveries = lambda submit, n: [(1.0, receipt(submit, f"{n}"))]
    smsc.nursery.start_soon(look)
    await load(smsc, make_plan(rate=0.2, count=2, receipts=True))
    assert open_deliveries == [0]


async def test_receipts_are_waited_for_answered_and_measured(autojump_clock: MockClock, smsc: Smsc) -> None:
    smsc.deliveries = lambda submit, n: [(2.5, receipt(submit, f"{n}", "DELIVRD" if n % 4 else "UNDELIV"))]
    run = await load(smsc, make_plan(count=40, receipts=True))
    assert {submit.registered_delivery for submit in smsc.submits} == {1}
    assert run.tally.ends == {"DELIVRD": 30, "UNDELIV": 10}
    assert run.tally.end.percentile(50) == pytest.approx(2.5, rel=0.01)
    assert run.tally.answer.longest < 0.1
    assert (len(run.followed), run.tally.strays, smsc.links[0].session.in_flight) == (0, 0, 0)


async def test_receipts_by_data_sm_count_as_well_and_other_texts_are_from_handsets(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    def deliveries(submit: SubmitSm, n: int) -> list[tuple[float, DataSm | DeliverSm]]:
        said = DataSm(source_addr=submit.destination_addr, esm_class=4, tlvs=((0x001E, b"%d\0" % n), (0x0427, b"\2")))
        return [(1.0, said), (0.5, DeliverSm(short_message=b"hello"))]

    smsc.deliveries = deliveries
    run = await load(smsc, make_plan(count=5, receipts=True, seconds=100))
    assert run.tally.ends == {"DELIVRD": 5}
    assert run.tally.incoming == 5


async def test_a_receipt_before_its_answer_finds_it(autojump_clock: MockClock, smsc: Smsc) -> None:
    smsc.deliveries = lambda submit, n: [(0.0, receipt(submit, f"{n}"))]
    smsc.reply = lambda _submit, n: Reply(message_id=b"%d" % n, delay=1.0)
    run = await load(smsc, make_plan(count=10, receipts=True, window=100))
    assert run.tally.ends == {"DELIVRD": 10}
    assert run.tally.end.longest < 0.1 < run.tally.answer.shortest
    assert (run.tally.strays, len(run.followed)) == (0, 0)


async def test_an_answer_that_never_comes_is_unanswered_after_the_wait_and_frees_the_window(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    smsc.reply = lambda _submit, n: Reply(delay=inf if n % 10 == 3 else 0.5)
    run = await load(smsc, make_plan(count=50, window=10, wait=5.0))
    assert (run.tally.sent, run.tally.answered, run.tally.unanswered) == (50, 45, 5)


async def test_an_answer_that_comes_late_is_an_answer(autojump_clock: MockClock, smsc: Smsc) -> None:
    smsc.reply = lambda _submit, n: Reply(delay=7.0 if n == 0 else 1.0)
    run = await load(smsc, make_plan(count=100, window=2, wait=5.0))
    assert (run.tally.answered, run.tally.unanswered) == (100, 0)
    assert run.tally.answer.longest == pytest.approx(7.0)


async def test_a_server_that_falls_silent_ends_the_run(autojump_clock: MockClock, smsc: Smsc) -> None:
    smsc.reply = lambda _submit, n: Reply(delay=inf if n >= 30 else 1.0)
    run = await load(smsc, make_plan(count=10_000, window=10, wait=5.0))
    assert run.tally.answered == 30
    assert run.tally.sent <= 50  # the window may be given up in the same moment
    assert 3 + 5 <= trio.current_time() <= 3 + 5 + 5  # the unbind may be left unanswered too


async def test_receipts_that_never_come_are_waited_for_only_so_long(autojump_clock: MockClock, smsc: Smsc) -> None:
    run = await load(smsc, make_plan(count=10, receipts=True, wait=5.0))
    assert len(run.followed) == 10
    assert trio.current_time() < 10


async def test_a_pause_in_the_schedule_is_no_silence(autojump_clock: MockClock, smsc: Smsc) -> None:
    run = await load(smsc, make_plan(rate=0.01, count=3, wait=5.0))
    assert run.tally.answered == 3


async def test_a_bind_that_is_lost_is_bound_anew_and_its_open_requests_are_unanswered(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    async def cut() -> None:
        await trio.sleep(2.05)
        smsc.links[0].close("cut")

    smsc.reply = lambda _submit, _n: Reply(delay=0.1)
    smsc.nursery.start_soon(cut)
    run = await load(smsc, make_plan(rate=100, seconds=10, window=50))
    assert run.tally.rebinds == 1
    assert len(smsc.binds) == 2
    assert 5 <= run.tally.unanswered <= 11
    assert run.tally.sent == 1000
    assert run.tally.answer.longest == pytest.approx(REBIND_SECONDS + 0.1, abs=0.1)


async def test_a_server_that_is_gone_for_a_while_is_asked_again_until_it_is_back(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    async def go_away() -> None:
        await trio.sleep(2.05)
        smsc.refuse_connections = True
        smsc.links[0].session.request(Unbind(), trio.current_time())
        smsc.links[0].flush()
        await trio.sleep(5)
        smsc.refuse_connections = False

    smsc.nursery.start_soon(go_away)
    run = await load(smsc, make_plan(rate=10, seconds=20))
    assert run.tally.answered == 200
    assert 4 <= run.tally.rebinds <= 6


async def test_a_bind_that_is_refused_fails_the_load_and_names_the_status(
    autojump_clock: MockClock, smsc: Smsc
) -> None:
    smsc.bind_status = Status.RINVPASWD
    with pytest.RaisesGroup(pytest.RaisesExc(LoadFailed, match="refused with ESME_RINVPASWD")):
        await load(smsc, make_plan(count=1))


async def test_nobody_there_fails_the_load(autojump_clock: MockClock, smsc: Smsc) -> None:
    smsc.refuse_connections = True
    with pytest.RaisesGroup(pytest.RaisesExc(LoadFailed, match="cannot connect")):
        await load(smsc, make_plan(count=1))


async def test_a_stop_ends_the_load_at_once_and_in_order(autojump_clock: MockClock, smsc: Smsc) -> None:
    smsc.reply = lambda _submit, _n: Reply(delay=1.0)
    run = Run(make_plan(rate=10, seconds=1000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(SmppClient(run, Account(b"load"), smsc.connect).load)
        await trio.sleep(5.05)
        run.stop()
    assert run.tally.sent == 51
    assert run.tally.answered == 51, "the server answers what it has before it answers the unbind"
    assert trio.current_time() <= 5.05 + UNBIND_SECONDS


async def test_more_messages_than_may_be_followed_are_counted(
    autojump_clock: MockClock, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "MAX_FOLLOWED", 4)
    smsc.deliveries = lambda submit, n: [(1.0, receipt(submit, f"{n}"))]
    run = await load(smsc, make_plan(count=10, receipts=True))
    assert (run.tally.untracked, run.tally.ends["DELIVRD"], run.tally.strays) == (6, 4, 6)


async def test_what_owes_no_answer_is_passed_over(autojump_clock: MockClock, smsc: Smsc) -> None:
    smsc.deliveries = lambda _submit, _n: [(0.0, AlertNotification())]
    run = await load(smsc, make_plan(count=3))
    assert run.tally.answered == 3
