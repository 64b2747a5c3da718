"""The counters as Prometheus metrics, gathered when they are asked for. No label is ever a number or a text."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import trio
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.message import LANES
from gateway.metrics import OTHERS
from gateway.quotas import KEYS
from protocol.constants import status_name

if TYPE_CHECKING:
    from gateway.app import Gateway
    from gateway.metrics import CarrierCounts

_CARRIER_COUNTERS: Final = {
    "sent": ("parts_sent", "Parts written to the carrier"),
    "accepted": ("parts_accepted", "Parts that the carrier has accepted"),
    "undocumented": ("refusals_undocumented", "Parts refused with a status that nobody has explained"),
    "elsewhere": ("messages_elsewhere", "Messages whose number the carrier said is not of its own"),
    "unknown": ("parts_unknown", "Parts whose fate could not be known: no answer came"),
    "late": ("late_answers", "Answers that came after their part was given up as unknown"),
    "receipts": ("receipts", "Final delivery receipts"),
    "receipts_early": ("receipts_early", "Receipts whose message was not known when they came"),
    "receipts_unmatched": ("receipts_unmatched", "Receipts given up: no answer has named their message in time"),
    "receipts_unreadable": ("receipts_unreadable", "Receipts that name no message, or no state of SMPP"),
    "rule_changes": ("receipt_rule_changes", "How often receipts began to spell ids in another form"),
    "incoming": ("incoming_parts", "Parts of messages from handsets"),
    "incoming_unrouted": ("incoming_unrouted", "Parts of messages from handsets that no client takes: refused"),
    "deferred": ("deliveries_deferred", "Deliveries that there was no room for: they come again"),
    "malformed": ("pdus_refused", "PDUs of the carrier that broke the rules"),
    "binds": ("binds", "Successful binds"),
    "stalls": ("bind_stalls", "Connections closed because messages waited and nothing was sent"),
    "defects": ("defects", "Connections and messages that a defect of the gateway has ended"),
}


def make_registry(gateway: "Gateway") -> CollectorRegistry:
    """A registry of its own, with the process's figures."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gathering(gateway))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _Gathering(Collector):
    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        yield from self._messages()
        yield from self._quotas()
        yield from self._backlog()
        yield from self._quiet()
        yield from self._carriers()
        yield from self._binds()

    def _messages(self) -> Iterator[Metric]:
        counts = self._gateway.core.counts
        yield _counter("messages_accepted", "Messages accepted from clients", counts.accepted)
        yield _counter("messages_repeated", "Submits of an id that was there before", counts.duplicates)
        over = sum(self._gateway.core.quotas.refused.values())
        refused = counts.refused | ({"quota": over} if over else {})
        yield _counter_by("messages_refused", "Messages refused at the door", "reason", refused)
        yield _counter_by("events", "Events about messages", "type", counts.events)
        yield _counter("receipts_repeated", "Receipts for a part that had its final one", counts.receipts_repeated)
        yield _counter("bad_frames", "Client connections closed for breaking the protocol", counts.bad_frames)
        yield _counter(
            "connection_defects", "Client connections that a defect of the gateway has ended", counts.defects
        )
        yield _counter("task_defects", "Tasks and reloads that a defect of the gateway has ended", counts.task_defects)
        yield _counter("commits", "Commits of the store", self._gateway.store.commits)

    def _quotas(self) -> Iterator[Metric]:
        quotas, now = self._gateway.core.quotas, self._gateway.core.clock()
        over = CounterMetricFamily(
            "denpo_messages_over_limit", "Messages refused as over a limit of their client", labels=["client", "limit"]
        )
        for labels, number in quotas.refused.items():
            over.add_metric(labels, number)
        used = GaugeMetricFamily(
            "denpo_quota_used", "Parts accepted in the period that runs", labels=["client", "limit"]
        )
        most = GaugeMetricFamily("denpo_quota", "Parts that may be accepted in it", labels=["client", "limit"])
        for client, allowance in quotas.clients.items():
            for meter, limit in allowance.used(now):
                used.add_metric([client, KEYS[meter.kind]], meter.used)
                most.add_metric([client, KEYS[meter.kind]], limit)
        yield from (over, used, most)

    def _backlog(self) -> Iterator[Metric]:
        gateway = self._gateway
        waiting = GaugeMetricFamily("denpo_waiting", "Messages waiting to be sent, as counted last", labels=["lane"])
        for number, lane in enumerate(LANES):
            waiting.add_metric([lane.value], gateway.core.waiting.get(number, 0))
        yield waiting
        unacknowledged = gateway.store.unacknowledged
        events = GaugeMetricFamily("denpo_events_unacknowledged", "Events on disk for a client", labels=["client"])
        for client in gateway.core.settings.clients:
            events.add_metric([client], unacknowledged.get(client, 0))
        yield events
        room = gateway.core.bounds.room
        yield _gauge("store_room_bytes", "Octets that the store can still write, as looked at last", room)
        yield _gauge(
            "unknown", "Messages with a part whose fate is not known yet, as counted last", gateway.core.unknown
        )
        yield _gauge("outstanding", "Messages in memory that await a receipt", len(gateway.core.outstanding))
        yield _gauge("connections", "Connections of clients", len(gateway.door.connections))

    def _quiet(self) -> Iterator[Metric]:
        core = self._gateway.core
        yield _gauge("quiet", "Messages put aside till the end of quiet hours, as counted last", core.quiet)
        hours = GaugeMetricFamily("denpo_quiet_hours", "1 while it is quiet", labels=["client", "tag"])
        for client, tag, quiet in core.settler.quiet.all(core.clock()) if core.settler.quiet else ():
            hours.add_metric([client, tag], int(quiet))
        yield hours

    def _carriers(self) -> Iterator[Metric]:
        counts: Mapping[str, CarrierCounts] = self._gateway.core.counts.carriers
        for field, (name, text) in _CARRIER_COUNTERS.items():
            yield _counter_by(name, text, "carrier", {carrier: getattr(c, field) for carrier, c in counts.items()})
        refused = {name: {_name(status): n for status, n in each.refused.items()} for name, each in counts.items()}
        yield _counter_by_two("parts_refused", "Parts that the carrier refused", "status", refused)
        failures = {name: {cause.value: n for cause, n in each.bind_failures.items()} for name, each in counts.items()}
        yield _counter_by_two("bind_failures", "Binds that failed or were lost, by why", "cause", failures)
        matched = {name: each.matched for name, each in counts.items()}
        yield _counter_by_two(
            "receipts_matched", "Receipts whose part was found, by how the id differs", "rule", matched
        )

    def _binds(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("denpo_bind_up", "1 while the bind is bound", labels=["carrier", "bind"])
        paused = GaugeMetricFamily(
            "denpo_bind_paused", "1 while the bind is kept from sending, by people", labels=["carrier", "bind"]
        )
        used = GaugeMetricFamily("denpo_window_used", "submit_sm unanswered", labels=["carrier", "bind"])
        size = GaugeMetricFamily("denpo_window_size", "submit_sm that may be unanswered", labels=["carrier", "bind"])
        pace = GaugeMetricFamily(
            "denpo_bind_rate",
            "Parts a second that the bind may send: by its limit, the account's, and what the SMSC takes; +Inf: any",
            labels=["carrier", "bind"],
        )
        for bind in self._gateway.fleet.binds:
            labels = [bind.carrier.name, bind.name]
            up.add_metric(labels, 1 if bind.session else 0)
            paused.add_metric(labels, int(bind.pump.paused))
            used.add_metric(labels, bind.session.in_flight if bind.session else 0)
            size.add_metric(labels, bind.settings.window)
            pace.add_metric(labels, bind.pump.rate(trio.current_time()))
        yield from (up, paused, used, size, pace)


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"denpo_{name}", text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"denpo_{name}", text, value=value)


def _counter_by_two(name: str, text: str, label: str, values: Mapping[str, Mapping[str, int]]) -> Metric:
    family = CounterMetricFamily(f"denpo_{name}", text, labels=["carrier", label])
    for carrier, counts in values.items():
        for value, count in counts.items():
            family.add_metric([carrier, value], count)
    return family


def _counter_by(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"denpo_{name}", text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _name(status: int) -> str:
    return "others" if status == OTHERS else status_name(status)
