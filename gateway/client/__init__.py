"""Client library for upstream applications: for asyncio, for Trio, and blocking.

    async with connect("unix:var/upstream.sock", "bank", secret) as client:
        result = await client.submit({"id": "1", "to": "090-1234-5678", "text": "こんにちは"})
        async for event in client.events():
            ...

    with connect_blocking("unix:var/upstream.sock", "bank", secret) as client:
        result = client.submit({"id": "1", "to": "090-1234-5678", "text": "こんにちは"})

Messages, results and events are the maps of the upstream protocol, version 1 (docs/upstream-protocol.md). A lost
connection is opened again and what was not answered is asked again, which is safe because a message's id is never
sent twice. Warnings about it go to the logger "gateway.client"; they hold neither text nor number nor secret.
"""

from gateway.client.asynchronous import Client, Events, Results, connect
from gateway.client.blocking import BlockingClient, BlockingEvents, connect_blocking
from gateway.client.errors import AnswerTimeout, ClientError
from gateway.client.shapes import AnyMessage, Event, Message, Options, PartStatus, Result, Status, Welcome

__all__ = [
    "AnswerTimeout",
    "AnyMessage",
    "BlockingClient",
    "BlockingEvents",
    "Client",
    "ClientError",
    "Event",
    "Events",
    "Message",
    "Options",
    "PartStatus",
    "Result",
    "Results",
    "Status",
    "Welcome",
    "connect",
    "connect_blocking",
]
