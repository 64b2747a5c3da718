"""The blocking client, used from threads, against a real gateway."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from time import time

import pytest

from gateway.client import BlockingClient, ClientError, connect_blocking
from tests.config.documents import SECRET
from tests.gateway.builders import message
from tests.gateway.client.scenes import IDS, QUICK
from tests.gateway.servers import SECONDS, Server, serving


def make_events(client: BlockingClient, number: int) -> list[str]:
    """Make an event for each of so many messages; returns their ids."""
    ids = [*islice(IDS, number)]
    later = time() + 1000.0
    assert all(result["ok"] for result in client.submit([message(id_, not_before=later) for id_ in ids]))
    assert all(result["ok"] for result in client.cancel(ids))
    return ids


def test_messages_are_submitted_looked_at_and_cancelled(server: Server) -> None:
    with connect_blocking(server.address, "bank", SECRET) as client:
        assert client.welcome["client"] == "bank"
        assert client.connected
        id_ = next(IDS)
        [preview] = client.preview([message(id_)])
        result = client.submit(message(id_))
        assert (preview["parts"], result["id"], result["duplicate"]) == (1, id_, False)
        assert client.submit([message(id_), message(id_, to="x")])[1]["duplicate"]
        assert client.submit(message(next(IDS), to="x"))["error"] == "bad_number"
        assert client.status([id_])[0]["state"] == "waiting"
        assert client.cancel([id_])[0]["state"] == "canceled"
        assert client.ping() >= 0


def test_the_iterable_is_read_in_the_callers_thread(server: Server) -> None:
    threads = set()

    def make() -> object:
        threads.add(threading.current_thread())
        return message(next(IDS))

    with connect_blocking(server.tcp, "bank", SECRET) as client:
        results = [*client.submit_many(make() for _ in range(1500))]  # type: ignore[misc]  # any mapping is a message
    assert len(results) == 1500
    assert all(result["ok"] for result in results)
    assert threads == {threading.current_thread()}


def test_each_of_many_threads_gets_its_own_answer(server: Server) -> None:
    with connect_blocking(server.address, "bank", SECRET) as client, ThreadPoolExecutor(20) as pool:
        ids = [*islice(IDS, 200)]
        results = [*pool.map(lambda id_: client.submit(message(id_)), ids)]
    assert [result["id"] for result in results] == ids


def test_an_event_is_acknowledged_when_the_loop_comes_back(own: Server) -> None:
    with connect_blocking(own.address, "bank", SECRET) as client:
        ids = make_events(client, 5)
        seen = []
        for event in client.events():
            seen.append(event["id"])
            if len(seen) == 3:
                break
        assert seen == ids[:3]
    with connect_blocking(own.address, "bank", SECRET) as client:
        assert [event["id"] for event in client.events(wait=0.2)] == ids[2:]


def test_a_gateway_that_comes_back_is_not_noticed(tmp_path: Path) -> None:
    with serving(tmp_path) as first, connect_blocking(first.address, "bank", SECRET, options=QUICK) as client:
        ids = make_events(client, 2)
        events = client.events()
        assert next(events)["id"] == ids[0]
        first.stop()
        with serving(tmp_path):
            ids += make_events(client, 1)
            assert [next(events)["id"], next(events)["id"]] == ids[1:]


def test_a_refused_greeting_is_one_plain_error(server: Server) -> None:
    with pytest.raises(ClientError, match=r"^unknown client or wrong secret \(denied\)$"):
        connect_blocking(server.address, "bank", "wrong")


def test_a_closed_client_says_so_to_whoever_waits(own: Server) -> None:
    client = connect_blocking(own.address, "bank", SECRET)
    waiting = threading.Event()
    errors: list[ClientError] = []

    def wait() -> None:
        events = client.events()
        waiting.set()
        try:
            next(events)
        except ClientError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(SECONDS)
    client.close()
    client.close()
    thread.join(SECONDS)
    assert [str(error) for error in errors] == ["the client is closed"]
    with pytest.raises(ClientError, match="the client is closed"):
        client.ping()


def ask(client: BlockingClient) -> None:
    try:
        client.ping()
    except ClientError as error:
        raise SystemExit(7 if "forked" in str(error) else 1) from None


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_client_from_before_a_fork_says_so_instead_of_waiting(server: Server) -> None:
    with connect_blocking(server.address, "bank", SECRET) as client:
        child = multiprocessing.get_context("fork").Process(target=ask, args=(client,))
        child.start()
        child.join(SECONDS)
        assert child.exitcode == 7
        assert client.ping() >= 0
