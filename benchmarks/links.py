"""What becomes of the speed on a long line, and with an SMSC that says "too fast": real processes, loopback.

    python -m benchmarks.links

Long line: each answer takes 0.1 s, ten binds with a window of 10, so 1,000 parts a second are the limit. Too fast: the
SMSC refuses with ESME_RTHROTTLED what is above 200 parts a second, the gateway is told of no rate, and `max_attempts`
is 1, so a refusal that counted as an attempt would end its message. Both end when every message is delivered.
"""

import argparse
import json
import os
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, replace
from typing import Any, Final

from benchmarks import texts
from benchmarks.processes import Process, started
from benchmarks.rig import Rig, rig
from benchmarks.upstream import Line, closed_loop, pack_submits

_SCENARIO: Final = (
    'title = "links"\n[[phases]]\nname = "all"\n[phases.answers]\n{answers}\n[phases.receipts]\ndelay = 0.0\n'
)


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement: after `settle` seconds, for `measure` seconds; `least` parts a second are demanded."""

    name: str
    answers: str
    """Of the simulator's scenario."""
    settings: str
    """Of the gateway's carrier."""
    binds: int
    window: int
    messages: int
    settle: float
    measure: float
    least: float
    limit: float


CASES: Final = (
    Case("long line", "latency = 0.1", "", 10, 10, 16_000, 4.0, 10.0, 950.0, 1000.0),
    Case(
        "too fast",
        'parts_per_second = 200.0\nthrottle_per = "account"',
        "max_attempts = 1\n",
        2,
        50,
        7000,
        20.0,
        12.0,
        180.0,
        200.0,
    ),
)
BATCH: Final = 50
WAITING: Final = 5000
"""Messages that the client has handed over and not seen delivered: always enough for every window."""
QUICK_MESSAGES: Final = 500
THROTTLED: Final = 0.05
"""The largest share of refusals among all answers once it has settled."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """parts_per_second, throttled: while it was measured. lost: of all messages. passed: how many of those that were
    accepted later went before one of its lane, at most."""

    parts_per_second: float
    throttled: float
    lost: int
    passed: int

    def good(self, case: Case) -> bool:
        """Whether it is what is demanded: what was in flight together may change its order, and nothing else."""
        held = self.parts_per_second >= case.least and self.throttled < THROTTLED
        return held and not self.lost and self.passed <= case.binds * case.window


def run_once(case: Case) -> Outcome:
    """One run with fresh processes and a fresh store. Raises: ValueError: a message was not delivered."""
    with rig() as place:
        scenario = place.folder / "scenario.toml"
        scenario.write_text(_SCENARIO.format(answers=case.answers), encoding="utf-8")
        flags = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--scenario", str(scenario), "--window", "1000"]
        with started(["simulator", *flags], place.folder / "simulator.log") as simulator:
            port = simulator.ready["smpp"].rpartition(":")[2]
            place.configure(port, case.binds, case.window, case.settings)
            with place.gateway():
                return _measure(case, place, simulator)


def _measure(case: Case, place: Rig, simulator: Process) -> Outcome:
    frames = list(pack_submits(texts.amounts_in(texts.SHORT), 0, case.messages, BATCH))
    line = Line(place.socket)
    line.subscribe()
    failures: list[Exception] = []

    def work() -> None:
        try:
            closed_loop(line, frames, BATCH, WAITING)
        except (OSError, ValueError) as error:
            failures.append(error)

    loading = threading.Thread(target=work)
    loading.start()
    time.sleep(case.settle)
    before, begun = _counts(simulator), time.perf_counter()
    time.sleep(case.measure)
    after, took = _counts(simulator), time.perf_counter() - begun
    loading.join()
    line.close()
    if failures:
        raise ValueError(f"{case.name}: {failures[0]}")
    taken, refused = (now - then for then, now in zip(before, after, strict=True))
    order = [_place(part["destination"]) for part in _ledger(simulator)]
    return Outcome(taken / took, refused / max(taken + refused, 1), case.messages - len(set(order)), _passed(order))


def _counts(simulator: Process) -> tuple[int, int]:
    """Parts that were taken and refused so far."""
    refused = sum(session["refused"] for session in json.loads(_get(simulator, "/sessions")))
    return json.loads(_get(simulator, "/summary"))["parts"], refused


def _ledger(simulator: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _get(simulator, "/ledger").splitlines()]


def _get(simulator: Process, path: str) -> bytes:
    with urllib.request.urlopen(f"http://{simulator.ready['http']}{path}", timeout=30) as answer:
        octets: bytes = answer.read()
    return octets


def _place(number: str) -> int:
    """Which message of the load has this number."""
    return int(number.removeprefix("8190")) - 10_000_000


def _passed(order: list[int]) -> int:
    """By how many places a message was taken later than in the order in which it was accepted, at most."""
    first: dict[int, int] = {}
    for place, n in enumerate(order):
        first.setdefault(n, place)
    return max(place - n for n, place in first.items())


def main() -> int:
    """Measure, print a table; the exit code is 1 when less came out than is demanded."""
    parser = argparse.ArgumentParser("python -m benchmarks.links", description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=[case.name for case in CASES], help="only this one")
    parser.add_argument("--quick", action="store_true", help="a little of each, to show that it runs; demands nothing")
    asked = parser.parse_args()
    print("case        parts/s   of   limit   throttled   lost   passed by   load   ")
    good = True
    for case in CASES:
        if asked.case in (None, case.name):
            outcome = run_once(replace(case, messages=QUICK_MESSAGES, settle=0.2, measure=0.2) if asked.quick else case)
            good &= asked.quick or outcome.good(case)
            print(
                f"{case.name:10}  {outcome.parts_per_second:7,.0f}   of   {case.limit:5,.0f}   {outcome.throttled:8.1%}"
                f"   {outcome.lost:4}   {outcome.passed:9}   {os.getloadavg()[0]:4.1f}"
                f"   {'' if outcome.good(case) else f'less than {case.least:,.0f}/s, or throttled, lost or reordered'}",
                flush=True,
            )
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
