"""What tests of the client library do again and again."""

from collections.abc import Awaitable, Callable
from itertools import count, islice
from time import time
from typing import Final, TypeAlias

from gateway.client import Client, Options
from tests.gateway.builders import message

Play: TypeAlias = Callable[[Callable[[], Awaitable[None]]], None]
IDS: Final = (f"m{n:04}" for n in count())  # in the order in which the store finds several
"""Every test takes new ones."""
ONCE: Final = Options(reconnect=False)
QUICK: Final = Options(reconnect_min=0.01, reconnect_max=0.05)


async def make_events(client: Client, number: int) -> list[str]:
    """Make an event for each of so many messages; returns their ids."""
    ids = [*islice(IDS, number)]
    later = time() + 1000.0
    results = await client.submit([message(id_, not_before=later) for id_ in ids])
    assert all(result["ok"] for result in results)
    assert all(result["ok"] for result in await client.cancel(ids))
    return ids


async def read(client: Client, number: int) -> list[str]:
    """The ids of the next events; the last one is not finished."""
    seen = []
    async for event in client.events():
        seen.append(event["id"])
        if len(seen) == number:
            break
    return seen
