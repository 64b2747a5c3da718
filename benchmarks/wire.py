"""How long a message takes from submit to submit_sm on the wire: at a steady rate, and past a backlog that drains.

An open loop: every latency counts from when the message was due, not from when it could be written, up to the SMSC's
read that brought it; both processes look at the same clock. The load client's own lag is part of it, and told, too.

    python -m benchmarks.wire --seconds 20
    python -m benchmarks.wire --otp --backlog 1000000

`single`: 1,000 messages/s, each in a submit of its own. `batch`: the same in submits of 10. `otp`: 100 messages/s in
lane otp, while so many of lane bulk go out as fast as they can, and another process takes the events of all.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import texts
from benchmarks.latencies import Latencies
from benchmarks.rig import QUICKLY_AGAIN, free_port, rig
from benchmarks.smsc import RunningSmsc, running_smsc
from benchmarks.upstream import Line, fill, pack_submits

RATE: Final = 1000.0
SECONDS: Final = 20.0
WARM_UP_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = 3.0
OTP_RATE: Final = 100.0
OTP_SECONDS: Final = 30.0
BACKLOG: Final = 1_000_000
DRAINED: Final = 0.8
"""How much of what is left of the backlog is to go out while OTPs are sent."""
FILL_BATCH: Final = 100
ARRIVE_SECONDS: Final = 60.0
QUICK_SECONDS: Final = 0.3
QUICK_BACKLOG: Final = 5000


@dataclass(frozen=True, slots=True)
class Offer:
    """What is sent at a rate. prefix: of the numbers, as people write them."""

    rate: float
    batch: int
    seconds: float
    prefix: str = "090"
    lane: str = "normal"


@dataclass(slots=True)
class Sent:
    """When each number was due, on `time.monotonic`, and how much later each submit was written, in seconds."""

    due: dict[str, float] = field(default_factory=dict)
    lags: list[float] = field(default_factory=list)


def send(line: Line, offer: Offer, first: int) -> Sent:
    """Submit on schedule, whatever became of those before. Args: first: the number of the first message."""
    count = max(int(offer.rate * offer.seconds / offer.batch), 2) * offer.batch
    frames = pack_submits(texts.amounts_in(texts.SHORT), first, count, offer.batch, lane=offer.lane, to=offer.prefix)
    packed, sent, begun = list(frames), Sent(), time.monotonic()
    for n, frame in enumerate(packed):
        due = begun + n * offer.batch / offer.rate
        line.receive_until(due)
        line.send_packed(frame)
        sent.lags.append(time.monotonic() - due)
        numbers = range(first + n * offer.batch, first + (n + 1) * offer.batch)
        sent.due.update(dict.fromkeys((international(each, offer.prefix) for each in numbers), due))
    return sent


def international(n: int, prefix: str) -> str:
    """The number of a message as the SMSC gets it."""
    return "81" + texts.number_of(n, prefix)[1:]


def sum_up(line: Line, smsc: RunningSmsc, sent: Sent) -> Latencies:
    """Wait until all have arrived; from due to arrival. Raises: TimeoutError: they have not."""
    seen: dict[str, float] = {}
    deadline = time.monotonic() + ARRIVE_SECONDS
    while sent.due.keys() - seen.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(sent.due.keys() & seen.keys())} of {len(sent.due)} messages arrived")
        line.receive_until(time.monotonic() + 0.1)
        seen |= smsc.arrivals()
    return Latencies.of([seen[number] - due for number, due in sent.due.items()])


def measure_steady(batch: int, seconds: float) -> tuple[Latencies, Latencies, float]:
    """One client that reads its events, in submits of so many.

    Returns: to the wire, our own lag, and the gateway's share of a core meanwhile in percent.
    """
    with rig() as place, running_smsc(note="8190") as smsc:
        place.configure(smsc.port)
        with place.gateway() as gateway:
            line = Line(place.socket)
            line.subscribe()
            line.receive_until(time.monotonic() + min(seconds, SETTLE_SECONDS))
            warm = send(line, Offer(RATE, batch, min(seconds, WARM_UP_SECONDS)), 0)
            sum_up(line, smsc, warm)
            spent = gateway.cpu_seconds
            sent = send(line, Offer(RATE, batch, seconds), len(warm.due))
            share = (gateway.cpu_seconds - spent) / (len(sent.due) / RATE) * 100
            found = sum_up(line, smsc, sent)
            line.close()
            return found, Latencies.of(sent.lags), share


def measure_otp(backlog: int, seconds: float) -> dict[str, float]:
    """OTPs while a backlog goes out: times in milliseconds, how fast it went, and how much of it was left."""
    port = free_port()
    with rig() as place:
        place.configure(port, settings=QUICKLY_AGAIN)
        with place.gateway():
            line = Line(place.socket)
            fill(line, pack_submits(texts.amounts_in(texts.SHORT), 0, backlog, FILL_BATCH, lane="bulk"), FILL_BATCH)
            with running_smsc(note="8180", port=port) as smsc, _events_taken(place.socket):
                rate = _drain_speed(smsc, min(seconds, WARM_UP_SECONDS))
                before, begun = smsc.counts["taken"], time.monotonic()
                seconds = min(seconds, DRAINED * max(backlog - before, 0) / rate)
                sent = send(line, Offer(OTP_RATE, 1, seconds, "080", "otp"), backlog)
                taken, took = smsc.counts["taken"], time.monotonic() - begun
                late, lag = sum_up(line, smsc, sent), Latencies.of(sent.lags)
            line.close()
    found = {"otp_p50_ms": late.median, "otp_p99_ms": late.ninety_ninth, "otp_max_ms": late.longest}
    bulk = max(taken - before - len(sent.due), 0)  # the backlog may have ended before the last OTP was taken
    left = backlog + len(sent.due) - taken
    return {**found, "otp_lag_p99_ms": lag.ninety_ninth, "otp_bulk_per_second": bulk / took, "otp_bulk_left": left}


def _drain_speed(smsc: RunningSmsc, seconds: float) -> float:
    """Wait until the backlog begins to go out; messages per second for a while from then on."""
    deadline = time.monotonic() + ARRIVE_SECONDS
    while not (before := smsc.counts["taken"]):
        if time.monotonic() > deadline:
            raise TimeoutError("nothing of the backlog went out")
        time.sleep(0.01)
    time.sleep(seconds)
    return max((smsc.counts["taken"] - before) / seconds, 1.0)


@contextmanager
def _events_taken(path: Path) -> Iterator[None]:
    """Have another process take all events until the block ends."""
    process = multiprocessing.get_context("spawn").Process(target=_take_events, args=(path,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _take_events(path: Path) -> None:
    line = Line(path)
    line.subscribe()
    while True:
        line.receive()


def figures(quick: bool) -> dict[str, float]:
    """One run at a steady rate, in submits of one and of ten; times in milliseconds."""
    found: dict[str, float] = {}
    for name, batch in (("single", 1), ("batch", 10)):
        late, lag, share = measure_steady(batch, QUICK_SECONDS if quick else SECONDS)
        found |= {f"wire_{name}_p50_ms": late.median, f"wire_{name}_p99_ms": late.ninety_ninth}
        found |= {f"wire_{name}_max_ms": late.longest, f"wire_{name}_lag_p99_ms": lag.ninety_ninth}
        found[f"wire_{name}_gateway_percent"] = share
    return found


def otp_figures(quick: bool) -> dict[str, float]:
    """One run of OTPs past a backlog."""
    return measure_otp(QUICK_BACKLOG, QUICK_SECONDS) if quick else measure_otp(BACKLOG, OTP_SECONDS)


def main() -> None:
    """Run either and print it."""
    parser = argparse.ArgumentParser("python -m benchmarks.wire", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement (%(default)g)")
    parser.add_argument("--otp", action="store_true", help="OTPs while a backlog drains, instead of a steady rate")
    parser.add_argument("--backlog", type=int, default=BACKLOG, help="bulk messages that wait for it (%(default)s)")
    asked = parser.parse_args()
    if asked.otp:
        for name, value in measure_otp(asked.backlog, asked.seconds).items():
            print(f"{name:24} {value:12,.2f}")
        return
    print(f"{'ms':16} {'messages':>8} {'median':>10} {'99 %':>10} {'longest':>10}")
    for batch in (1, 10):
        late, lag, share = measure_steady(batch, asked.seconds)
        print(
            f"submits of {batch:5} {late}\n{'  our own lag':16} {lag}\n  gateway: {share:.0f} % of a core", flush=True
        )


if __name__ == "__main__":
    main()
