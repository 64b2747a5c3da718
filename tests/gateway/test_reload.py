"""Another configuration while it runs: what is the same is not touched, and nothing is lost or sent twice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from trio.testing import MockClock

from protocol.pdu import BindTransceiver
from tests.config.documents import SECRET
from tests.gateway.builders import LONG, House, bind_table, in_virtual_time, message, opened, settings, settle
from tests.gateway.carriers import Line, receipt

BETA: Final[dict[str, object]] = {"carriers.beta": {"parts_per_second": 0, "binds": [bind_table(system_id="beta")]}}
BOTH: Final[dict[str, object]] = BETA | {"routes": [{"carriers": ["alpha", "beta"]}]}
ONLY_BETA: Final[dict[str, object]] = {
    "carriers": {"beta": {"parts_per_second": 0, "binds": [bind_table(system_id="beta")]}},
    "routes": [{"carriers": ["beta"]}],
}
SHOP: Final[dict[str, object]] = {"clients.shop": {"secret": {"env": "SECRET"}, "sender": "0005999999"}}


async def reload(house: House, folder: Path, changes: Mapping[str, object] | None = None) -> None:
    """Reload with these changes to the plainest configuration."""
    await house.gateway.reload(settings(folder, changes))


def logged(house: House, event: str) -> list[Any]:
    return [each for each in house.log if each["event"] == event]


def silent(line: Line) -> bool:
    """Whether a connection is up and was asked for nothing but its bind."""
    return line.bound and len(line.requests) == 1


async def test_what_is_not_changed_keeps_its_session_and_its_window(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        [bind] = house.start_binds()
        line = await house.smsc.wait_bound(0)
        session = bind.session
        await caller.submit(message("1"))
        [taken] = await house.smsc.wait_taken(1)
        await reload(house, tmp_path, BOTH | SHOP | {"gateway.max_waiting": 7})
        await house.smsc.wait_bound(1)
        assert [each.name for each in house.gateway.fleet.binds] == ["alpha.0", "beta.0"]
        assert house.gateway.fleet.binds[0] is bind
        assert (bind.session is session, session and session.in_flight, silent(line)) == (True, 1, True)
        line.answer(taken, message_id=b"77")
        await house.wait_events("submitted")
        assert [each["ok"] for each in await caller.submit(message("2"))] == [True]
    [told] = logged(house, "reloaded")
    assert (told["added"], told["removed"]) == (["clients.shop", "carriers.beta"], [])
    assert told["changed"] == ["gateway.max_waiting", "routes.0.carriers"]


async def test_a_bind_that_is_changed_is_drained_and_made_anew(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = house.smsc.after(4.0)
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        await caller.submit(*(message(str(n)) for n in range(15)))
        await house.smsc.wait_taken(10)
        begun = trio.current_time()
        await reload(house, tmp_path, {"carriers.alpha.binds.0.window": 20})
        assert 3.9 < trio.current_time() - begun < 4.1
        second = await house.smsc.wait_bound(1)
        await house.wait_events(*["submitted"] * 15)
    assert (line.closed, second.bound, len(house.smsc.taken)) == ("the peer unbound", True, 15)
    assert house.gateway.fleet.binds[0].settings.window == 20
    assert not any("possible_duplicate" in event for event in house.events)


@pytest.mark.parametrize("key", ["response_timeout", "enquire_link_interval", "write_timeout", "inactivity_timeout"])
async def test_what_a_connection_goes_by_makes_it_anew(tmp_path: Path, autojump_clock: MockClock, key: str) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        await house.smsc.wait_bound(0)
        await reload(house, tmp_path, {f"carriers.alpha.{key}": 77.0})
        await house.smsc.wait_bound(1)


async def test_rates_and_waits_are_changed_without_touching_a_connection(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        caller = await house.greet()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        changes = {"carriers.alpha.parts_per_second": 1.0, "carriers.alpha.reconnect_min": 9.0}
        await reload(
            house, tmp_path, changes | {"carriers.alpha.retry_max": 900.0, "carriers.alpha.unknown_grace": 5.0}
        )
        assert silent(line)
        await caller.submit(*(message(str(n)) for n in range(20)))
        await house.smsc.wait_taken(20)
        assert 9.0 <= house.smsc.taken[-1].at <= 11.0  # the burst is a longest message, 10 parts
        await house.wait_events(*["submitted"] * 20)
        cut = trio.current_time()
        await line.cut()
        await house.smsc.wait_bound(1)
        assert house.smsc.dialled[1] >= cut + 9.0


async def test_another_profile_makes_the_binds_of_its_carriers_anew_and_writes_what_waits_by_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, BETA) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        house.gateway.operations.pause("alpha")
        await caller.submit(message("1", "x" * 200))
        house.gateway.operations.resume("alpha")
        await house.smsc.wait_taken(2)
        house.gateway.operations.pause("alpha")
        await caller.submit(message("2", "x" * 200))
        changes = BETA | {"carriers.alpha.profile": "mine", "profiles.mine.concatenation": "payload"}
        await reload(house, tmp_path, changes)
        house.gateway.operations.resume("alpha")
        await house.smsc.wait_bound(2)
        await house.wait_events("submitted", "submitted")
        assert [len(each.submit.tlvs) for each in house.smsc.taken] == [0, 0, 1]
        assert [silent(line) for line in house.smsc.lines].count(False) == 1
        assert silent(house.smsc.lines[2])


async def test_what_waits_for_a_carrier_that_is_removed_moves_to_another_of_its_plan(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, BOTH) as house:
        house.smsc.reply = house.smsc.after(2.0)
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(*(message(str(n)) for n in range(30)))
        await house.smsc.wait_taken(10)
        await reload(house, tmp_path, ONLY_BETA)
        await house.wait_events(*["submitted"] * 30)
        assert [bind.name for bind in house.gateway.fleet.binds] == ["beta.0"]
    assert len(house.smsc.taken) == 30
    assert sorted(event["carrier"] for event in house.events) == ["alpha"] * 10 + ["beta"] * 20
    assert not any("possible_duplicate" in event for event in house.events)
    assert logged(house, "no_carrier") == []


async def test_what_a_removed_carrier_leaves_waits_on_disk_and_goes_on_when_it_is_back(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, BETA | {"gateway.drain_timeout": 1.0}) as house:
        house.smsc.reply = lambda taken: None if len(house.smsc.taken) == 2 else house.smsc.number(taken)
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(message("submitted"))
        await house.wait_events("submitted")
        await caller.submit(message("unknown", on_unknown="resend"))
        await house.smsc.wait_taken(2)
        house.gateway.operations.pause("alpha")
        await caller.submit(message("waiting"), message("held", not_before=house.core.clock() + 50))
        await reload(house, tmp_path, ONLY_BETA)
        await trio.sleep(1000.0)
        [warning] = logged(house, "no_carrier")
        assert (warning["carriers"], warning["lane"]) == ("alpha", "normal")
        names = ["submitted", "unknown", "waiting", "held"]
        states = {each["id"]: each["state"] for each in await caller.look("status", *names)}
        assert states == {"submitted": "submitted", "unknown": "waiting", "waiting": "waiting", "held": "waiting"}
        assert len(house.smsc.taken) == 2
        house.smsc.reply = house.smsc.number
        await reload(house, tmp_path, BETA)
        await house.wait(lambda: len(house.events) == 4)
        line = next(line for line in house.smsc.lines[2:] if line.bound)
        line.deliver(receipt(b"1"))
        await house.wait(lambda: len(house.events) == 5)
    assert len(house.smsc.taken) == 5
    assert [event["id"] for event in house.events if event.get("possible_duplicate")] == ["unknown"]
    assert (house.events[-1]["id"], house.events[-1]["type"]) == ("submitted", "delivered")


async def test_a_client_that_is_gone_or_has_another_secret_is_disconnected_and_no_other(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER", "another-secret")
    three = {f"clients.{name}": {"secret": {"env": "SECRET"}} for name in ("shop", "gone", "more")}
    async with opened(tmp_path, three) as house:
        bank, shop, gone, more = [await house.greet(name) for name in ("bank", "shop", "gone", "more")]
        house.start_binds()
        (tmp_path / "other").write_text("another-secret")
        wanted: dict[str, object] = {
            "clients.shop": {"secret": {"file": "other"}},
            "clients.more": {"secret": {"env": "SECRET"}, "lane": "bulk"},
            "clients.fresh": {"secret": {"env": "SECRET"}},
        }
        await reload(house, tmp_path, wanted)
        for caller in (shop, gone):
            [frame] = await caller.read_end()
            assert frame[:3] == ["error", None, "denied"]
        assert [each["ok"] for each in await bank.submit(message("1"))] == [True]
        assert [each["ok"] for each in await more.submit(message("1", sender="1"))] == [True]
        await house.greet("shop", "another-secret")
        fresh = await house.greet("fresh")
        await fresh.subscribe()
        await fresh.submit(message("1", sender="1"))
        assert [event["id"] for _, event in await fresh.read_events(1)] == ["1"]
        for name, secret in (("gone", SECRET), ("shop", SECRET)):
            refused = house.call()
            await refused.send(["hello", {"version": 1, "client": name, "secret": secret}])
            assert (await refused.read_end())[0][2] == "denied"
    [told] = logged(house, "reloaded")
    assert (told["added"], told["removed"]) == (["clients.fresh"], ["clients.gone"])
    assert told["changed"] == ["clients.shop.secret", "clients.more.lane"]
    assert "another-secret" not in str(house.log)


async def test_a_frame_that_comes_with_the_goodbye_is_not_looked_at(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, SHOP) as house:
        shop = await house.greet("shop")
        house.start_binds()
        await shop.send(["submit", 1, [message("1")]])
        await reload(house, tmp_path)
        assert [frame[0] for frame in await shop.read_end()] == ["error"]
    assert logged(house, "defect") == []


async def test_a_client_that_does_not_read_its_goodbye_harms_no_later_reload(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, SHOP) as house:
        shop = await house.greet("shop")
        [connection] = house.door.connections
        house.start_binds()
        connection._queue(b"\xc0" * (1 << 22))  # so that the writer is busy until the client reads
        await settle()
        await reload(house, tmp_path)
        await reload(house, tmp_path, SHOP)
        await reload(house, tmp_path)
        assert len(logged(house, "connection_closed")) == 1
        await shop.close()
    assert len(logged(house, "reloaded")) == 3


async def test_routes_go_another_way_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, BETA) as house:
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(1)
        await caller.submit(message("1"))
        await house.wait_events("submitted")
        await reload(house, tmp_path, BETA | {"routes": [{"carriers": ["beta"]}]})
        await caller.submit(message("2"))
        await house.wait_events("submitted", "submitted")
        assert all(map(silent, house.smsc.lines))
    assert [event["carrier"] for event in house.events] == ["alpha", "beta"]


async def test_what_needs_a_restart_is_named_and_the_rest_is_applied(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        await house.smsc.wait_bound(0)
        folder = house.core.settings.gateway.data_dir
        changes = {"gateway.data_dir": "elsewhere", "web.listen": "127.0.0.1:1", "gateway.max_waiting": 5}
        for _ in range(2):
            await reload(house, tmp_path, changes)
        assert (house.core.settings.gateway.data_dir, house.core.settings.gateway.max_waiting) == (folder, 5)
    assert [each["changed"] for each in logged(house, "reloaded")] == [["gateway.max_waiting"], []]
    assert [each["keys"] for each in logged(house, "restart_needed")] == [["gateway.data_dir", "web.listen"]] * 2


async def test_a_certificate_that_is_none_changes_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    secure = {"carriers.beta": {"binds": [bind_table(tls=True, ca="ca.pem")]}}
    async with opened(tmp_path) as house:
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        before = house.core.settings
        with pytest.raises(OSError, match=r"carriers\.beta\.binds\.0: no PEM certificate"):
            await reload(house, tmp_path, secure | SHOP)
        assert (house.core.settings is before, silent(line)) == (True, True)
        assert set(house.gateway.fleet.carriers) == {"alpha"}
    assert logged(house, "reloaded") == []


async def test_a_bind_keeps_its_session_when_one_before_it_is_removed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    pair: dict[str, object] = {"carriers.alpha.binds": [bind_table(window=1), bind_table(window=2)]}
    async with opened(tmp_path, pair) as house:
        house.start_binds()
        await house.smsc.wait_bound(1)
        second = house.gateway.fleet.binds[1]
        session = second.session
        assert session is not None
        await reload(house, tmp_path, {"carriers.alpha.binds": [bind_table(window=2)]})
        assert house.gateway.fleet.binds == [second]
        assert (second.name, second.pump.name, second.session is session) == ("alpha.0", "alpha.0", True)
        assert len([line for line in house.smsc.lines if line.bound]) == 1
        await reload(house, tmp_path, {"carriers.alpha.binds": [bind_table(window=3), bind_table(window=2)]})
        await house.smsc.wait_bound(2)
        assert [bind.settings.window for bind in house.gateway.fleet.binds] == [3, 2]
        assert house.gateway.fleet.binds[1] is second
        assert house.gateway.operations.states() == {"alpha.0": "up", "alpha.1": "up"}


@pytest.mark.parametrize("act", ["pause", "drain"])
async def test_what_people_hold_back_stays_so(tmp_path: Path, autojump_clock: MockClock, act: str) -> None:
    async with opened(tmp_path) as house:
        house.start_binds()
        await house.smsc.wait_bound(0)
        if act == "pause":
            house.gateway.operations.pause("alpha.0")
        else:
            await house.gateway.operations.drain("alpha.0")
        before = house.gateway.operations.states()
        await reload(house, tmp_path, {"carriers.alpha.binds.0.window": 20})
        await trio.sleep(100.0)
        assert house.gateway.operations.states() == before
        house.gateway.operations.resume("alpha")
        await house.smsc.wait_bound(1)
        assert house.gateway.operations.states() == {"alpha.0": "up"}


async def test_a_stop_during_a_reload_ends_all_of_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await house.smsc.wait_bound(0)
        await caller.submit(message("1"))
        await house.smsc.wait_taken(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reload, house, tmp_path, {"carriers.alpha.binds.0.window": 20})
            await trio.sleep(1.0)
            assert not house.gateway.fleet.clean
            house.gateway.fleet.stop(2.0)
            with trio.fail_after(20.0):
                await house.binds_ended.wait()
        assert house.gateway.fleet.clean
        assert len(house.smsc.lines) == 1


POOL: Final[tuple[dict[str, object], ...]] = (
    {},
    BETA,
    BOTH,
    ONLY_BETA,
    BOTH | {"carriers.alpha.binds": [bind_table(window=3), bind_table(window=2)]},
    BOTH | {"carriers.alpha.binds": [bind_table(window=2)], "carriers.alpha.parts_per_second": 100.0},
    BETA | {"routes": [{"weights": {"alpha": 2, "beta": 1}}], "carriers.alpha.profile": "mine", "profiles.mine": {}},
)


@hypothesis_settings(max_examples=20, phases=(Phase.generate,))
@given(st.lists(st.tuples(st.sampled_from(POOL), st.floats(0.0, 3.0)), min_size=1, max_size=6))
def test_however_it_is_reloaded_each_message_is_sent_once_by_one_carrier(
    steps: list[tuple[dict[str, object], float]],
) -> None:
    async def run(folder: Path) -> None:
        async with opened(folder, BOTH) as house:
            house.smsc.reply = house.smsc.after(0.7)
            caller = await house.greet()
            house.start_binds()
            sent = 0
            for changes, wait in steps:
                texts = ("短い", "短い", LONG)
                await caller.submit(
                    *(message(str(n), texts[n % 3], to=f"0901234{n:04}") for n in range(sent, sent + 15))
                )
                sent += 15
                await trio.sleep(wait)
                await reload(house, folder, changes)
            await reload(house, folder, BOTH)
            await house.wait(lambda: len(house.events) == sent)
            await settle()
            assert {event["type"] for event in house.events} == {"submitted"}
            assert not any("possible_duplicate" in event for event in house.events)
            lines: dict[bytes, list[tuple[bytes, int]]] = {}
            for taken in house.smsc.taken:
                [bind] = house.smsc.lines[taken.bind].requests[:1]
                assert isinstance(bind, BindTransceiver)
                lines.setdefault(taken.submit.destination_addr, []).append((bind.system_id, taken.part))
            assert len(lines) == sent
            for parts in lines.values():
                assert len({carrier for carrier, _ in parts}) == 1
                assert [part for _, part in parts] in ([0], [1, 2, 3])

    in_virtual_time(run)
