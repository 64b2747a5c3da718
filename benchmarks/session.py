"""submit_sm per second over one bind, by the session and the link alone: no store, no door, no receipts.

The SMSC is a process of its own (`benchmarks/smsc.py`). The PDUs are made beforehand; each is encoded when it is asked
for, written, answered, decoded, and told to the owner, who asks for the next.

    python -m benchmarks.session
"""

import argparse
import time
from statistics import median
from typing import Final

import trio

from benchmarks import texts
from benchmarks.smsc import running_smsc
from protocol.constants import DataCoding
from protocol.events import Answered, Bound, Closed, Event
from protocol.limits import Limits
from protocol.link import Link, connect
from protocol.pdu import BindTransceiver, SubmitSm
from protocol.session import Session
from protocol.states import Role

MESSAGES: Final = 400_000
QUICK_MESSAGES: Final = 5000
DIFFERENT: Final = 1000
"""PDUs that are made, and sent in turn."""
WINDOW: Final = 100
WRITE_TIMEOUT: Final = 30.0
DEADLINE_SECONDS: Final = 300.0


class Client:
    """Keeps the window of one session full until so many requests are answered."""

    def __init__(self, session: Session, messages: int) -> None:
        self.link: Link | None = None
        self.begun = self.ended = 0.0
        self._session = session
        self._wanted = messages
        self._asked = self._answered = 0
        self._pdus = [_submit(n) for n in range(DIFFERENT)]

    async def handle(self, events: list[Event]) -> None:
        """Count the answers and ask for as many. Raises: ValueError: a request was not taken."""
        assert self.link
        for event in events:
            if type(event) is Answered:
                if event.status:
                    raise ValueError(f"the SMSC answered {event.status:#x}")
                self._answered += 1
            elif type(event) is Bound:
                self.begun = time.perf_counter()
            elif type(event) is Closed and self._answered < self._wanted:
                raise ValueError(f"the session ended: {event.reason}")
        if self._answered < self._wanted:
            self._fill()
        elif not self.ended:
            self.ended = time.perf_counter()
            self._session.unbind(trio.current_time())
        self.link.flush()

    def _fill(self) -> None:
        session, pdus, now, asked = self._session, self._pdus, trio.current_time(), self._asked
        for n in range(asked, min(asked + session.room, self._wanted)):
            session.request(pdus[n % DIFFERENT], now, n)
            self._asked += 1


def _submit(n: int) -> SubmitSm:
    return SubmitSm(
        source_addr=b"0005123456",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=texts.number_of(n, "8190").encode(),
        data_coding=DataCoding.UCS2,
        short_message=texts.amounts_in(texts.SHORT)(n).encode("utf-16-be"),
    )


async def send_all(port: int, messages: int) -> float:
    """Bind, send and unbind; submit_sm per second. Raises: trio.TooSlowError."""
    with trio.fail_after(DEADLINE_SECONDS):
        session = Session(Role.ESME, Limits(window=WINDOW), trio.current_time())
        client = Client(session, messages)
        client.link = Link(await connect("127.0.0.1", port), session, write_timeout=WRITE_TIMEOUT)
        session.request(BindTransceiver(system_id=b"load", password=b"load"), trio.current_time())
        await client.link.run(client.handle)
    return messages / (client.ended - client.begun)


def figures(quick: bool) -> dict[str, float]:
    """One run."""
    messages = QUICK_MESSAGES if quick else MESSAGES
    with running_smsc() as smsc:
        before, others = time.process_time(), smsc.cpu_seconds
        speed = trio.run(send_all, smsc.port, messages)
        spent = time.process_time() - before
        return {
            "session_submits_per_second": speed,
            "session_us_per_submit": spent / messages * 1e6,
            "session_smsc_us_per_submit": (smsc.cpu_seconds - others) / messages * 1e6,
        }


def main() -> None:
    """Run it as often as asked and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.session", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--quick", action="store_true", help="small runs, to show that it runs")
    asked = parser.parse_args()
    print("submit_sm/s   us/submit_sm: ours   SMSC")
    speeds = []
    for _ in range(asked.runs):
        speed, ours, theirs = figures(asked.quick).values()
        speeds.append(speed)
        print(f"{speed:11,.0f}   {ours:18.1f} {theirs:6.1f}", flush=True)
    print(f"median {median(speeds):,.0f} submit_sm/s, one bind of window {WINDOW}")


if __name__ == "__main__":
    main()
