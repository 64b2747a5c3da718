"""The SMSC over HTTP: its ledger, sessions and phones, and what handsets send."""

import json
from dataclasses import asdict
from typing import Any, Final, Self

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from protocol.constants import Coding, Concatenation
from protocol.errors import TextError
from simulator.ledger import Ledger
from simulator.live import EventStream, Hub
from simulator.messages import Incoming
from simulator.parts import describe
from simulator.phones import Phones
from simulator.query import Query, read_number, read_query
from simulator.requests import Refusal, choice_of, read_object, text_of, truth_of
from simulator.smsc import NoReceiver, OutboxFull, Smsc
from simulator.survey import survey

MANY: Final = 10**18
MAX_LIMIT: Final = 1_000
"""Phones, or messages of a conversation, in one answer."""

_NEEDED: Final = {"from", "to", "text"}
_FIELDS: Final = {*_NEEDED, "coding", "concatenation", "shuffle", "system_id"}


class Control:
    """Looks into an SMSC and hands in what handsets send."""

    def __init__(self, smsc: Smsc, hub: Hub) -> None:
        self._smsc = smsc
        self._hub = hub
        self._phones = Phones(smsc.ledger, smsc.fates, smsc.epoch)

    async def get_ledger(self, request: Request) -> Response:
        """JSON lines, one per part, oldest first."""
        asked = request.query_params
        try:
            query = read_query(asked)
            since = read_number(asked.get("since", "0"), "since")
            limit = read_number(asked["limit"], "limit") if "limit" in asked else MANY
        except ValueError as error:
            raise Refusal(400, "bad_request", str(error)) from None
        stop = await self._smsc.ledger.examine(self._now())
        lines = _Lines(self._smsc.ledger, query, since, stop, limit)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def delete_ledger(self, _request: Request) -> Response:
        """Forget all parts, and what handsets sent."""
        self._smsc.ledger.clear()
        self._phones.clear()
        return Response(status_code=204)

    async def get_summary(self, _request: Request) -> Response:
        """Counters."""
        ledger, outbox = self._smsc.ledger, self._smsc.outbox
        return JSONResponse(
            {
                "parts": ledger.parts,
                "messages": ledger.messages,
                "forgotten": ledger.forgotten,
                "sessions": len(self._smsc.connections),
                "receipts": asdict(outbox.receipts),
                "incoming": asdict(outbox.incoming),
            }
        )

    async def get_report(self, _request: Request) -> Response:
        """All figures of the ledger, see `survey.py`."""
        return JSONResponse(await survey(self._smsc.ledger, self._now()))

    async def get_sessions(self, _request: Request) -> Response:
        """One object per connection."""
        return JSONResponse([connection.describe() for connection in self._smsc.connections.values()])

    async def get_phones(self, request: Request) -> Response:
        """The handsets heard of last."""
        return JSONResponse(await self._phones.newest(_limit(request, 50), self._now()))

    async def get_conversation(self, request: Request) -> Response:
        """What one handset received and sent."""
        number = request.path_params["number"]
        return JSONResponse(await self._phones.conversation(number, _limit(request, 200), self._now()))

    async def get_events(self, request: Request) -> Response:
        """Server-sent events, until the client leaves."""
        if self._hub.full:
            raise Refusal(503, "full", "as many watch as may")
        return EventStream(self._hub, pdus=request.query_params.get("pdus") == "1")

    async def post_mo(self, request: Request) -> Response:
        """Hand in what a handset sends."""
        fields = await read_object(request, _NEEDED, _FIELDS)
        incoming = _read_incoming(fields)
        system_id = None if fields.get("system_id") is None else text_of(fields, "system_id")
        if system_id is not None and not system_id.isascii():
            raise Refusal(400, "bad_request", "system_id must be ASCII")
        try:
            parts = self._smsc.inject(incoming, None if system_id is None else system_id.encode("ascii"))
        except TextError as error:
            raise Refusal(400, error.code, str(error)) from None
        except NoReceiver as error:
            raise Refusal(409, "no_receiver", str(error)) from None
        except OutboxFull as error:
            raise Refusal(503, "full", str(error)) from None
        self._phones.note(incoming, parts, self._now())
        ends = {"number": incoming.source.removeprefix("+"), "other": incoming.destination.removeprefix("+")}
        self._hub.publish("mo", {**ends, "parts": parts})
        return JSONResponse({"parts": parts}, status_code=202)

    def _now(self) -> float:
        return trio.current_time() + self._smsc.epoch


class _Lines:
    """The lines of the parts that are there now, a few at a time: parts keep coming meanwhile.

    No generator: a client that leaves early would leave one behind, which Trio warns of.
    """

    def __init__(self, ledger: Ledger, query: Query, since: int, stop: int, limit: int) -> None:
        self._ledger = ledger
        self._query = query
        self._next = since
        self._stop = stop
        self._left = limit

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while self._next < self._stop and self._left > 0:
            entries, self._next = await self._ledger.read(self._query, self._next, self._stop)
            entries = entries[: self._left]
            self._left -= len(entries)
            await trio.lowlevel.checkpoint()
            if entries:
                return "".join([json.dumps(describe(entry), ensure_ascii=False) + "\n" for entry in entries]).encode()
        raise StopAsyncIteration


def _read_incoming(fields: dict[str, Any]) -> Incoming:
    coding = choice_of(Coding, fields, "coding", Coding.AUTO)
    concatenation = choice_of(Concatenation, fields, "concatenation", Concatenation.UDH8)
    source, destination, text = (text_of(fields, name) for name in ("from", "to", "text"))
    try:
        return Incoming(source, destination, text, coding, concatenation, truth_of(fields, "shuffle"))
    except ValueError:
        raise Refusal(400, "bad_request", "from and to must be 1 to 20 digits, perhaps after a plus") from None


def _limit(request: Request, default: int) -> int:
    try:
        return max(1, min(read_number(request.query_params.get("limit", str(default)), "limit"), MAX_LIMIT))
    except ValueError as error:
        raise Refusal(400, "bad_request", str(error)) from None
