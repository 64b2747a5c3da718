"""The metrics: as Prometheus reads them, with the right figures, and nothing personal in their labels."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from gateway.exposition import make_registry
from gateway.metrics import MAX_STATUSES
from protocol.constants import Status
from tests.gateway.builders import LONG, House, message, opened, settle
from tests.gateway.carriers import receipt

PROCESS = ("process_", "python_")


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The gateway's own samples: (name, labels) -> value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.startswith(PROCESS)
    }


class Figures:
    """What is exposed at one moment."""

    def __init__(self, house: House) -> None:
        self.text = generate_latest(make_registry(house.gateway)).decode()
        self.samples = samples(self.text)

    def __call__(self, name: str, **labels: str) -> float:
        return self.samples[f"denpo_{name}", frozenset(labels.items())]


async def busy(house: House) -> None:
    """Something of everything: accepted, refused, repeated, sent, late, delivered, cancelled, waiting."""
    house.smsc.reply = lambda taken: (Status.RINVDSTADR, b"") if taken.part == 2 else house.smsc.number(taken)
    caller = await house.greet()
    house.start_binds()
    line = await house.smsc.wait_bound(0)
    await caller.submit(
        message("1"), message("1"), message("2", LONG), message("3", "", to="x"), message("4", lane="x")
    )
    await house.wait(lambda: len(house.events) == 2)
    await line.answered(line.deliver(receipt(b"1")))
    await line.answered(line.deliver(receipt(b"1")))
    await line.answered(line.deliver(receipt(b"99")))
    await caller.submit(message("5", not_before=house.core.clock() + 900.0))
    await caller.look("cancel", "5")
    await line.answered(line.deliver_body(b"\xff"))
    bad = await house.greet()
    await bad.send(["ping", None])
    await bad.read_end()
    await trio.sleep(11.0)
    await settle()


@pytest.fixture
def text(tmp_path: Path) -> str:
    """What a busy gateway exposes."""

    async def run() -> str:
        async with opened(tmp_path) as house:
            await busy(house)
            return Figures(house).text

    return trio.run(run, clock=MockClock(autojump_threshold=0))


async def test_every_figure_is_what_happened(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path) as house:
        await busy(house)
        figure = Figures(house)
    assert figure("messages_accepted_total") == 4
    assert figure("messages_repeated_total") == 1
    assert figure("messages_refused_total", reason="bad_message") == 1
    assert figure("parts_sent_total", carrier="alpha") >= 3
    assert figure("parts_refused_total", carrier="alpha", status="ESME_RINVDSTADR") == 1
    assert figure("events_total", type="delivered") == 1
    assert figure("events_total", type="rejected") == 1
    assert figure("events_total", type="canceled") == 1
    assert figure("receipts_total", carrier="alpha") == 3
    assert figure("receipts_repeated_total") == 1
    assert figure("receipts_early_total", carrier="alpha") == 1
    assert figure("pdus_refused_total", carrier="alpha") == 1
    assert figure("bad_frames_total") == 1
    assert figure("binds_total", carrier="alpha") == 1
    assert figure("bind_up", carrier="alpha", bind="alpha.0") == 1
    assert figure("window_size", carrier="alpha", bind="alpha.0") == 10
    assert figure("window_used", carrier="alpha", bind="alpha.0") == 0
    assert figure("connections") == 1
    assert figure("waiting", lane="normal") == 0
    assert figure("commits_total") > 5


async def test_a_gateway_that_has_done_nothing_exposes_every_carrier_bind_and_lane(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        figure = Figures(house)
    assert figure("bind_up", carrier="alpha", bind="alpha.0") == 0
    assert figure("parts_sent_total", carrier="alpha") == 0
    assert {figure("waiting", lane=lane) for lane in ("otp", "urgent", "normal", "bulk")} == {0}


async def test_the_window_and_the_backlog_are_seen_while_they_are_there(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, {"carriers.alpha.binds.0.window": 2}) as house:
        house.smsc.reply = lambda taken: None
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n), lane="bulk") for n in range(5)))
        await house.smsc.wait_taken(2)
        await trio.sleep(11.0)
        figure = Figures(house)
    assert figure("window_used", carrier="alpha", bind="alpha.0") == 2
    assert figure("waiting", lane="bulk") == 3


async def test_what_is_unknown_is_counted_and_so_is_what_nobody_can_explain(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    changes = {"carriers.alpha.response_timeout": 5.0, "carriers.alpha.statuses": {"0x401": "elsewhere"}}
    async with opened(tmp_path, changes) as house:
        replies = iter([None, (0x400, b""), (0x401, b"")])
        house.smsc.reply = lambda taken: next(replies, (0, b"1"))
        caller = await house.greet()
        house.start_binds()
        await caller.submit(*(message(str(n)) for n in range(3)))
        await trio.sleep(21.0)
        figure = Figures(house)
        [status] = await caller.look("status", "0")
    assert (status["state"], status["parts"][0]["state"]) == ("unknown", "unknown")
    assert figure("unknown") == 1
    assert figure("parts_unknown_total", carrier="alpha") == 1
    assert figure("refusals_undocumented_total", carrier="alpha") == 1
    assert figure("messages_elsewhere_total", carrier="alpha") == 1


def labels(text: str) -> Iterator[str]:
    return (value for _, pairs in samples(text) for _, value in pairs)


def test_no_label_is_a_number_or_a_text(text: str) -> None:
    known = {"alpha", "alpha.0", "bank", "otp", "urgent", "normal", "bulk"}
    for value in set(labels(text)) - known:
        assert value.replace("_", "").isalpha(), value
    assert not any(word in text for word in ("1234", "こんにちは", "電"))


def test_every_counter_and_gauge_is_named_and_explained_as_prometheus_wants_it(text: str) -> None:
    families = [family for family in text_string_to_metric_families(text) if not family.name.startswith(PROCESS)]
    assert len(families) > 20
    for family in families:
        assert family.name.startswith("denpo_")
        assert family.type in ("counter", "gauge")
        assert family.documentation
        assert all(sample.name.endswith("_total") == (family.type == "counter") for sample in family.samples)


def test_promtool_has_nothing_to_say(text: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert os.environ.get("CI") != "true", "the metrics are checked with promtool, which is not there"
        pytest.skip("no promtool to check the metrics with")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=20.0, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_carrier_that_invents_statuses_does_not_make_the_metrics_grow(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path) as house:
        counts = house.core.counts.carriers["alpha"]
        for status in range(0x10000, 0x10000 + 2 * MAX_STATUSES):
            counts.refuse(status)
        figure = Figures(house)
    assert len(counts.refused) == MAX_STATUSES + 1
    assert figure("parts_refused_total", carrier="alpha", status="0x00010000") == 1
    assert figure("parts_refused_total", carrier="alpha", status="others") == MAX_STATUSES
