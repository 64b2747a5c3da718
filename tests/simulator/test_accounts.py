"""Who may bind and as what, what an account's messages may say, and whom the SMSC asks to bind."""

from collections import Counter
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from config.scenario import AccountSettings
from protocol.constants import BindType, Status
from protocol.events import BindRefused, Bound
from protocol.operations import Outbind
from protocol.pdu import BindReceiver, BindTransceiver, BindTransmitter, SubmitSmResp, Unbind
from simulator.accounts import Accounts
from simulator.connection import SYSTEM_ID
from simulator.smsc import CONNECT_SECONDS, OUTBIND_SECONDS, STOP_SECONDS
from tests.simulator.esme import Esme
from tests.simulator.world import World, make_smsc, phase, read

BINDS = {
    BindType.TRANSMITTER: BindTransmitter,
    BindType.RECEIVER: BindReceiver,
    BindType.TRANSCEIVER: BindTransceiver,
}


def account(**more: Any) -> AccountSettings:  # noqa: ANN401  # the keys of an account
    return AccountSettings(password=SecretStr("secret"), **{"system_id": "denpo"} | more)


def with_accounts(*accounts: dict[str, Any], **faults: Any) -> dict[str, Any]:  # noqa: ANN401  # as TOML has them
    given = [{"system_id": "denpo", "password": "secret"} | each for each in accounts or ({},)]
    return {"phases": [phase(faults)], "accounts": given}


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [
        (b"denpo", b"wrong", Status.RINVPASWD),
        (b"denpo", b"", Status.RINVPASWD),
        (b"denpo", b"\xff", Status.RINVPASWD),
        (b"other", b"secret", Status.RINVSYSID),
        (b"", b"", Status.RINVSYSID),
        (b"\xff", b"", Status.RINVSYSID),
    ],
)
async def test_a_wrong_account_is_refused_and_may_try_again(
    nursery: trio.Nursery, autojump_clock: MockClock, system_id: bytes, password: bytes, status: Status
) -> None:
    world = World(nursery, make_smsc(with_accounts()))
    esme = world.connect()
    assert await esme.bind(system_id, password) == BindRefused(status)
    assert world.smsc.outbox.receiver() is None
    assert isinstance(await esme.bind(), Bound)


async def test_without_an_account_any_bind_is_accepted(world: World, autojump_clock: MockClock) -> None:
    assert isinstance(await world.connect().bind(b"anybody", b"anything"), Bound)


async def test_a_password_may_be_of_no_matter(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(nursery, make_smsc(with_accounts(), any_password=True))
    assert isinstance(await world.connect().bind(b"denpo", b"anything"), Bound)
    assert await world.connect().bind(b"other", b"anything") == BindRefused(Status.RINVSYSID)


@pytest.mark.parametrize("kind", BindType)
async def test_an_account_binds_only_as_what_it_may(
    nursery: trio.Nursery, autojump_clock: MockClock, kind: BindType
) -> None:
    world = World(nursery, make_smsc(with_accounts({"types": [kind.value]})))
    for each, cls in BINDS.items():
        outcome = await world.connect().bind(cls=cls)
        assert isinstance(outcome, Bound) if each is kind else outcome == BindRefused(Status.RBINDFAIL)


async def test_an_account_has_so_many_binds_and_another_when_one_has_gone(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    limited = {"max_binds": 2}, {"system_id": "free"}
    world = World(nursery, make_smsc(with_accounts(*limited)))
    first, _ = await world.bound(), await world.bound(BindReceiver)
    third = world.connect()
    assert await third.bind() == BindRefused(Status.RALYBND)
    for _ in range(5):
        await world.bound(system_id=b"free")
    first.link.close("gone")
    await wait_all_tasks_blocked()
    assert isinstance(await third.bind(), Bound)
    assert await world.connect().bind() == BindRefused(Status.RALYBND)


async def test_an_account_sends_only_from_its_sources(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    free = {"system_id": "free"}
    world = World(nursery, make_smsc(with_accounts({"sources": ["0005", "BANK"]}, free)))
    esme, other = await world.bound(), await world.bound(system_id=b"free")
    wanted = {b"0005": 0, b"00051": 0, b"BANK": 0, b"BANKER": 0}
    refused = dict.fromkeys((b"0006", b"", b"bank", b"000"), Status.RINVSRCADR)
    for source, status in (wanted | refused).items():
        assert (await esme.submit(source_addr=source)).status == status
        assert (await other.submit(source_addr=source)).status == 0
    assert [each.refused for each in world.connections] == [4, 0]
    assert len(await world.rows()) == 12


async def test_the_binds_of_an_account_share_its_rate(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    accounts = with_accounts(
        {"parts_per_second": 4.0}, {"system_id": "free"}, **{"answers.throttle_status": "RMSGQFUL"}
    )
    world = World(nursery, make_smsc(accounts))
    first, second, free = [await world.bound(system_id=name) for name in (b"denpo", b"denpo", b"free")]
    assert [(await first.submit()).status for _ in range(3)] == [0] * 3
    assert [(await second.submit()).status for _ in range(3)] == [0, Status.RMSGQFUL, Status.RMSGQFUL]
    assert [(await free.submit()).status for _ in range(9)] == [0] * 9
    await trio.sleep(0.5)
    assert [(await second.submit()).status for _ in range(3)] == [0, 0, Status.RMSGQFUL]


async def test_an_account_has_a_window_of_its_own(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(nursery, make_smsc(with_accounts({"window": 3}, {"system_id": "free"})))
    for system_id, window in ((b"denpo", 3), (b"free", world.smsc.terms.limits.window)):
        esme = await world.bound(system_id=system_id, take=lambda _: None)
        for _ in range(5):
            esme.send_submit()
        await trio.sleep(10)
        assert world.connections[-1].describe()["window"] == window
        assert len(esme.deliveries) == min(window, 5)


def test_accounts_are_counted_by_their_system_id() -> None:
    accounts = Accounts([account(max_binds=1), account(system_id="other", max_binds=1)])
    accounts.came(b"denpo")
    assert accounts.check_bind(BindTransceiver(b"denpo", b"secret")) == Status.RALYBND
    assert accounts.check_bind(BindTransceiver(b"other", b"secret")) == Status.ROK
    accounts.left(b"denpo")
    assert accounts.check_bind(BindTransceiver(b"denpo", b"secret")) == Status.ROK


STEPS = st.lists(st.tuples(st.sampled_from([b"one", b"two", b"three"]), st.booleans()), max_size=60)


@given(STEPS)
def test_as_many_binds_are_up_as_came_and_did_not_leave_and_never_more_than_may(
    steps: list[tuple[bytes, bool]],
) -> None:
    limits = {b"one": 1, b"two": 2, b"three": 0}
    accounts = Accounts([account(system_id=name.decode(), max_binds=limit) for name, limit in limits.items()])
    up = Counter[bytes]()
    for name, comes in steps:
        if comes and accounts.check_bind(BindTransceiver(name, b"secret")) == Status.ROK:
            accounts.came(name)
            up[name] += 1
        elif not comes and up[name]:
            accounts.left(name)
            up[name] -= 1
        assert accounts.bound == +up
        assert all(not limit or up[each] <= limit for each, limit in limits.items())


class Waiting:
    """An ESME that waits for outbinds, which come over wires of memory, and what the SMSC asked for."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.asked: list[tuple[float, str, int]] = []
        self.esmes: list[Esme] = []
        self.refuses = 0
        monkeypatch.setattr("simulator.smsc.link.connect", self.connect)

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        self.asked.append((self.world.elapsed, host, port))
        if self.refuses:
            self.refuses -= 1
            raise ConnectionRefusedError("refused, as asked")
        near: trio.abc.Stream
        far: trio.abc.Stream
        near, far = memory_stream_pair()
        self.esmes.append(self.world.attach(far))
        return near

    async def outbound(self) -> Esme:
        """Wait for an outbind, and bind."""
        await wait_all_tasks_blocked()
        esme = self.esmes[-1]
        await esme.wait(lambda: esme.outbind is not None)
        assert isinstance(await esme.bind(cls=BindReceiver), Bound)
        return esme


OUTBIND = {"outbind": "esme.example:2776"}


@pytest.fixture
def waiting(nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    return Waiting(World(nursery, make_smsc(with_accounts(OUTBIND))), monkeypatch)


async def test_an_esme_that_waits_is_asked_to_bind_and_gets_its_receipts(
    waiting: Waiting, autojump_clock: MockClock
) -> None:
    receiver = await waiting.outbound()
    assert receiver.outbind == Outbind(SYSTEM_ID)
    assert waiting.asked == [(0.0, "esme.example", 2776)]
    transmitter = await waiting.world.bound(BindTransmitter)
    await transmitter.submit()
    [receipt] = await receiver.wait_deliveries(1)
    assert read(receipt).message_id == transmitter.seen_of(SubmitSmResp)[0].pdu.message_id.decode()  # type: ignore[attr-defined]  # it is one


async def test_it_is_asked_again_when_it_has_gone_or_was_not_there(waiting: Waiting, autojump_clock: MockClock) -> None:
    esme = await waiting.outbound()
    await trio.sleep(100)
    waiting.refuses = 2
    esme.link.close("gone")
    await trio.sleep(3.5 * OUTBIND_SECONDS)
    assert [time for time, _, _ in waiting.asked] == [0.0] + [100 + OUTBIND_SECONDS * n for n in (1, 2, 3)]
    await waiting.outbound()


async def test_one_that_does_not_bind_is_left_and_asked_again(waiting: Waiting, autojump_clock: MockClock) -> None:
    await wait_all_tasks_blocked()
    await waiting.esmes[0].wait_closed()
    init = waiting.world.smsc.terms.limits.init_timeout
    await trio.sleep(2 * OUTBIND_SECONDS)
    assert [time for time, _, _ in waiting.asked] == [0.0, pytest.approx(init + OUTBIND_SECONDS)]


async def test_one_that_cannot_be_reached_in_time_is_tried_again(
    waiting: Waiting, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(host: str, port: int) -> trio.abc.Stream:
        waiting.asked.append((waiting.world.elapsed, host, port))
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr("simulator.smsc.link.connect", hang)
    await trio.sleep(1.5 * (CONNECT_SECONDS + OUTBIND_SECONDS))
    assert [time for time, _, _ in waiting.asked] == [0.0, pytest.approx(CONNECT_SECONDS + OUTBIND_SECONDS)]


async def test_stopping_unbinds_those_who_were_asked_too_and_asks_nobody_again(
    waiting: Waiting, autojump_clock: MockClock
) -> None:
    esme = await waiting.outbound()
    waiting.world.stop.set()
    await waiting.world.stopped.wait()
    await wait_all_tasks_blocked()
    assert len(esme.seen_of(Unbind)) == 1
    assert esme.closed is not None
    assert esme.closed.reason == "the peer unbound"
    assert waiting.world.elapsed < STOP_SECONDS
    await trio.sleep(100)
    assert len(waiting.asked) == 1
