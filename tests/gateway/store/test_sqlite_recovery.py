"""What a crash leaves behind, what the next start makes of it, and that no statement slows down as the store grows."""

import sqlite3
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import OnUnknown
from gateway.message import LANE_NUMBERS, Message, Part, PartState, State
from gateway.store import schema
from gateway.store.schema import open_database
from gateway.store.sqlite import DATABASE, SqliteStore
from protocol.constants import Lane
from tests.gateway.fakes import NOW, message
from tests.gateway.store.disk import UNTIL, Clock, crash, keep, opened, plans, several, slow_steps

P = PartState
NORMAL, BULK = LANE_NUMBERS[Lane.NORMAL], LANE_NUMBERS[Lane.BULK]


async def states(store: SqliteStore, *messages: Message) -> list[tuple[State, bool]]:
    found = await store.find_messages("bank", [each.id for each in messages])
    return [(found[each.id].state, found[each.id].repeated) for each in messages]


async def test_after_a_crash_everything_that_was_waited_for_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path / "alive") as store:
        made = several(300)
        await keep(store, *made[:200])
        made[0].state = State.DELIVERED
        store.save(made[0])
        store.name_part("alpha", "A1", made[1].key, 1)
        store.emit("bank", b"event")
        store.acknowledge("shop", 5)
        store.keep_early(1, "alpha", b"receipt", NOW)
        await keep(store, *made[200:])
        dead = crash(tmp_path / "alive", tmp_path / "dead")
        store.emit("bank", b"too late")
    async with opened(dead) as store:
        assert await store.count_waiting() == [(NORMAL, 299)]
        assert await states(store, made[0]) == [(State.DELIVERED, False)]
        assert (await store.find_parts("alpha", ["A1"]))["A1"][0][0].key == made[1].key
        assert [packed for _, packed in await store.events("bank", 0, 9)] == [b"event"]
        assert await store.acknowledged("shop") == 5
        assert await store.early() == [(1, "alpha", b"receipt", NOW)]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(0, 200))
async def test_whenever_it_crashes_what_was_acknowledged_is_there(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], moment: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    acknowledged: list[str] = []
    async with opened(folder / "alive") as store, trio.open_nursery() as nursery:

        async def submit(n: int, size: int) -> None:
            made = [message(id=f"m{n}.{i}") for i in range(size)]
            await keep(store, *made)
            acknowledged.extend(each.id for each in made)

        for n, size in enumerate(sizes):
            nursery.start_soon(submit, n, size)
            for _ in range(moment % 7):
                await trio.lowlevel.checkpoint()
        expected = list(acknowledged)
        dead = crash(folder / "alive", folder / "dead")
    async with opened(dead) as store:
        assert set(await store.find_messages("bank", expected)) == set(expected)


async def test_what_a_lease_covers_may_have_been_sent_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        covered, reported, held, above, other_lane, other_plan = several(6)
        reported.on_unknown, held.state = OnUnknown.REPORT, State.HELD
        other_lane.lane, other_plan.plan = Lane.BULK, "beta"
        await keep(store, covered, reported, held)
        store.leases = lambda commit: {("alpha", NORMAL): held.key, ("beta", BULK): 2**60}
        await keep(store, above, other_lane, other_plan)
        store.leases = lambda commit: {}
    async with opened(tmp_path) as store:
        doubted = await states(store, covered, reported, held, above, other_lane, other_plan)
        assert [repeated for _, repeated in doubted] == [True, False, False, False, False, False]
        assert [state for state, _ in doubted] == [State.WAITING] * 2 + [State.HELD] + [State.WAITING] * 3


async def test_a_lease_is_used_up_by_one_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.leases = lambda commit: {("alpha", NORMAL): 2**60}
        await keep(store, message(id="m0"))
        store.leases = lambda commit: {}
    async with opened(tmp_path) as store:
        late = message(id="m1")
        await keep(store, late)
    async with opened(tmp_path) as store:
        assert await states(store, late) == [(State.WAITING, False)]


@pytest.mark.parametrize("clean", [True, False])
async def test_a_clean_end_leaves_no_doubt(tmp_path: Path, clean: bool) -> None:
    made = message(id="m0")
    async with opened(tmp_path, clean=clean) as store:
        store.leases = lambda commit: {("alpha", NORMAL): 2**60}
        await keep(store, made)
    async with opened(tmp_path) as store:
        assert await states(store, made) == [(State.WAITING, not clean)]


@pytest.mark.parametrize(
    ("on_unknown", "state", "due", "repeated"),
    [(OnUnknown.RESEND, State.WAITING, NOW + 60, True), (OnUnknown.REPORT, State.UNKNOWN, UNTIL, False)],
)
async def test_what_was_being_sent_is_decided_by_policy(
    tmp_path: Path, on_unknown: OnUnknown, state: State, due: float, repeated: bool
) -> None:
    made = message(id="m0", on_unknown=on_unknown, expires_at=NOW + 60)
    async with opened(tmp_path) as store:
        await keep(store, made)
        made.parts = [Part(made, 1, P.ACCEPTED, "A1"), Part(made, 2, P.SENT)]
        made.state, made.carrier = State.SENDING, "alpha"
        store.save(made)
        await store.commit.wait()
    async with opened(tmp_path) as store:
        found = (await store.find_messages("bank", ["m0"]))["m0"]
        assert (found.state, found.due, found.repeated) == (state, due, repeated)
        assert [part.state for part in found.parts] == [P.ACCEPTED, P.WAITING if repeated else P.UNKNOWN]
        assert [each.key for each in await store.waiting("alpha", NORMAL, 0, 9)] == [made.key] * repeated
        assert [each.key for each in await store.due(UNTIL, (0.0, 0), 9)] == [made.key]


# Opening


async def test_the_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "deep" / "var"):
        pass
    assert (tmp_path / "deep" / "var").stat().st_mode & 0o777 == 0o700


async def test_two_gateways_never_use_one_folder(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(OSError, match="another gateway uses"):
            await SqliteStore(tmp_path, Clock(), 1000).open(NOW)
    async with opened(tmp_path):
        pass


async def test_a_newer_database_is_refused_in_words(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ValueError, match=r"is of version 99; this denpo reads version \d"):
        await SqliteStore(tmp_path, Clock(), 1000).open(NOW)


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        await SqliteStore(tmp_path, Clock(), 1000).open(NOW)


# Speed


async def use_all(store: SqliteStore) -> None:
    """Ask everything of a store that is asked while messages flow."""
    made = several(3)
    await keep(store, *made)
    store.save(made[0])
    store.name_part("alpha", "A1", made[0].key, 1)
    store.emit("bank", b"event")
    store.acknowledge("bank", 1)
    store.keep_early(1, "alpha", b"receipt", NOW)
    store.forget_early(1)
    place = ("bank", "alpha", b"8190", b"0005", 8, 1, 7, 2, 1)
    store.keep_fragment(place, b"one", NOW)
    await store.commit.wait()
    store.forget_fragments([place])
    store.home_hold = 100.0
    store.remember_home("81901", "alpha")
    await keep(store, *several(2, plan="alpha,beta"))
    await store.waiting("alpha", NORMAL, 0, 9)
    await store.due(NOW, (0.0, 0), 9)
    await store.find_parts("alpha", ["A1", "A2"])
    await store.find_messages("bank", ["m0", "m1"])
    await store.events("bank", 0, 9)
    await store.acknowledged("bank")
    await store.count(State.UNKNOWN)
    await store.count(State.QUIET)
    await store.quiet(0, 9)
    commit = store.add(several(1))
    commit.spent.append(("bank", 1, 1, commit.added[-1:]))
    await commit.wait()
    await store.forget(NOW, 0, 9)
    await store.forget_ids(NOW, ("", ""), 9)
    await store.commit.wait()


async def test_no_statement_on_the_way_of_a_message_reads_or_sorts_a_whole_table(tmp_path: Path) -> None:
    seen: set[str] = set()
    async with opened(tmp_path) as store:
        store.leases = lambda commit: {("alpha", NORMAL): 1}
        for connection in (store._connection, store._reader):
            connection.set_trace_callback(seen.add)
        await use_all(store)
        for connection in (store._connection, store._reader):
            connection.set_trace_callback(None)
    connection = sqlite3.connect(tmp_path / DATABASE)
    asked = [statement for statement in seen if statement[:5] not in ("BEGIN", "COMMI")]
    slow = {statement: steps for statement in asked if (steps := slow_steps(connection, statement))}
    by_index = {
        index: [plans(connection, statement)[0] for statement in asked if said in statement]
        for index, said in {
            "waiting": "state = 2 AND plan",
            "due": "(due, key) >",
            "quiet": "state = 1 AND key",
            "ids": "client = 'bank' AND id",
        }.items()
    }
    connection.close()
    assert len(asked) > 15
    assert slow == {}
    for index, steps in by_index.items():
        assert steps
        assert all(step.startswith(f"SEARCH messages USING INDEX {index} (") for step in steps), steps


async def test_a_start_reads_no_more_than_what_was_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()

    def traced(path: str) -> sqlite3.Connection:
        connection = open_database(path)
        connection.set_trace_callback(seen.add)
        return connection

    monkeypatch.setattr(schema, "open_database", traced)
    async with opened(tmp_path) as store:
        asked = [statement for statement in seen if statement[:6] in ("SELECT", "UPDATE", "DELETE")]
        slow = {statement: steps for statement in asked if (steps := slow_steps(store._connection, statement))}
    assert len(asked) > 4
    assert slow == {}
