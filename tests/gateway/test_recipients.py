"""Who takes a message from a handset: the first table that fits, else whoever sends from the number, else nobody."""

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.recipients import Recipients
from protocol.constants import Status
from tests.gateway.builders import opened
from tests.gateway.fakes import settings
from tests.gateway.handsets import TEXT, handset

CLIENTS: Final = {
    "bank": {"secret": "s", "sender": "0005123456"},
    "shop": {"secret": "s", "senders": ["+81501111", "20"]},
    "relay": {"secret": "s"},
}
HANDSET: Final = "819012345678"


def find(tables: list[dict[str, Any]], destination: str, source: str = HANDSET, carrier: str = "alpha") -> str | None:
    made = settings((("clients",), CLIENTS), (("incoming",), tables))
    return Recipients(made).find(carrier, source, destination)


@pytest.mark.parametrize(("destination", "client"), [("0005123456", "bank"), ("81501111", "shop"), ("999", None)])
def test_without_a_table_whoever_sends_from_the_number_takes_it(destination: str, client: str | None) -> None:
    assert find([], destination) == client


def test_the_first_table_that_fits_is_taken_before_whoever_sends_from_the_number() -> None:
    tables = [
        {"client": "shop", "destinations": ["00051234", "77"]},
        {"client": "relay", "destinations": ["0005"]},
    ]
    assert find(tables, "0005123456") == "shop"
    assert find(tables, "00059") == "relay"
    assert find(tables, "77") == find(tables, "+771") == "shop"
    assert find(tables, "20") == "shop"
    assert find(tables, "999") is None


def test_all_that_a_table_says_must_fit() -> None:
    tables = [{"client": "relay", "destinations": ["20"], "senders": ["8170", "8180"], "carriers": ["beta"]}]
    assert find(tables, "20", "818011112222", "beta") == find(tables, "20", "+817011112222", "beta") == "relay"
    assert find(tables, "20", "818011112222", "alpha") == "shop"
    assert find(tables, "20", "819011112222", "beta") == "shop"
    assert find(tables, "21", "818011112222", "beta") is None


@given(
    st.lists(st.tuples(st.sampled_from(sorted(CLIENTS)), st.sampled_from(["2", "20", "0005", "8"])), max_size=4),
    st.sampled_from(["20", "0005123456", "81501111", "999"]),
)
def test_the_tables_are_asked_in_their_order(tables: list[tuple[str, str]], destination: str) -> None:
    fitting = [client for client, beginning in tables if destination.startswith(beginning)]
    found = find([{"client": client, "destinations": [beginning]} for client, beginning in tables], destination)
    assert found == (fitting[0] if fitting else find([], destination))


async def test_each_client_is_told_what_is_for_it_and_what_is_for_nobody_is_refused(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    changes = {
        "clients.shop": {"secret": {"env": "SECRET"}},
        "incoming": [{"client": "shop", "destinations": ["77"], "carriers": ["alpha"]}],
    }
    async with opened(tmp_path, changes) as house:
        callers = {name: await house.greet(name) for name in ("bank", "shop")}
        for caller in callers.values():
            await caller.subscribe()
        house.start_binds()
        line = await house.smsc.wait_bound(0)
        for part in reversed(handset(TEXT, destination_addr=b"771")):
            assert await line.answered(line.deliver(part)) == 0
        assert await line.answered(line.deliver(*handset("はい"))) == 0
        assert await line.answered(line.deliver(*handset("?", destination_addr=b"9"))) == Status.RX_R_APPN
        told = {name: [event["text"] for _, event in await caller.read_events(1)] for name, caller in callers.items()}
    assert told == {"bank": ["はい"], "shop": [TEXT]}
