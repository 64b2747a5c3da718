"""The scenario over HTTP: what it does now, and what is changed by hand."""

from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator.faults import FAULTS, LinkFault, check, choices
from simulator.live import Hub
from simulator.requests import Refusal, read_object
from simulator.smsc import Smsc

SLOW_OCTETS: Final = 100
"""What a slow link reads in a second when nothing else is asked for."""


class Switches:
    """Shows the scenario and its faults, and changes them while it is played."""

    def __init__(self, smsc: Smsc, hub: Hub) -> None:
        self._smsc = smsc
        self._behaviour = smsc.behaviour
        self._hub = hub

    async def get(self, _request: Request) -> Response:
        """All faults, what they are and what they mean."""
        now = trio.current_time()
        names = {
            name: {"says": fault.says, "default": fault.default, "choices": choices(name)}
            for name, fault in FAULTS.items()
        }
        return JSONResponse(
            {
                "values": self._behaviour.values(now),
                "defaults": {name: fault.default for name, fault in FAULTS.items()},
                "overrides": self._behaviour.overrides,
                "phase": self._behaviour.phase(now).name,
                "names": names,
            }
        )

    async def put(self, request: Request) -> Response:
        """Change some faults, all or none of them."""
        wanted = await read_object(request, set())
        try:
            for name, value in wanted.items():
                if value is not None or name not in FAULTS:
                    check(name, value)
        except ValueError as error:
            raise Refusal(400, "bad_fault", str(error)) from None
        for name, value in wanted.items():
            self._behaviour.override(name, value)
        return await self._changed(request)

    async def delete(self, request: Request) -> Response:
        """Take all changes back."""
        self._behaviour.clear()
        return await self._changed(request)

    async def strike(self, request: Request) -> Response:
        """Let a link fault strike at once."""
        fields = await read_object(request, {"fault"}, {"fault", "session", "seconds", "value"})
        try:
            fault = LinkFault(fields["fault"])
        except ValueError:
            names = ", ".join(LinkFault)
            raise Refusal(400, "bad_fault", f"fault must be one of {names}") from None
        session = fields.get("session")
        if session is not None and (type(session) is not int or session not in self._smsc.connections):
            raise Refusal(404, "no_session", "there is no such session")
        value = fields.get("value", fields.get("seconds"))
        if value is not None and (type(value) not in (int, float) or not 0 <= value <= 1e9):
            raise Refusal(400, "bad_request", "seconds and value must be numbers, 0 or more")
        if value is None and fault is LinkFault.SLOW:
            value = SLOW_OCTETS
        return JSONResponse({"struck": self._smsc.strike(fault, value, session)})

    async def get_scenario(self, _request: Request) -> Response:
        """What is played."""
        behaviour, now = self._smsc.behaviour, trio.current_time()
        left = behaviour.next_change(now) - now
        scenario = behaviour.scenario
        return JSONResponse(
            {
                "title": scenario.title,
                "phase": behaviour.phase(now).name,
                "next_in": left if left < 1e12 else None,
                "phases": [phase.model_dump(mode="json", exclude_defaults=True) for phase in scenario.phases],
            }
        )

    async def _changed(self, request: Request) -> Response:
        self._hub.publish("faults", {})
        return await self.get(request)
