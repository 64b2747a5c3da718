"""What is demanded of each figure, and the table that says how far it is met."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

BEGIN: Final = "<!-- figures: written by python -m benchmarks --markdown -->"
END: Final = "<!-- end of figures -->"
QUIET: Final = 1.0
"""A load average above which other work took part in what was measured."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One demand on the figure `key`. Exactly one of `least` and `most` is given."""

    name: str
    key: str
    unit: str
    least: float | None = None
    most: float | None = None

    @property
    def demand(self) -> str:
        """As the table says it."""
        return f"≥ {_say(self.least)}" if self.least is not None else f"≤ {_say(self.most or 0.0)}"

    def met(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value >= self.least if self.least is not None else value <= (self.most or 0.0)

    def verdict(self, value: float) -> str:
        """Met, or what share of it, or how many times it."""
        if self.met(value):
            return "met"
        if self.least is not None:
            return f"{value / self.least:.0%} of it"
        return f"{value / (self.most or 1.0):.1f} times it"


BARS: Final = (
    Bar("submit → `delivered` event, closed loop", "delivered_per_second", "messages/s", least=38_000),
    Bar("submit → `delivered` event, where we want to get", "delivered_per_second", "messages/s", least=50_000),
    Bar("submit → `delivered` event, texts of two parts", "long_parts_per_second", "parts/s", least=30_000),
    Bar("submit → submit_sm on the wire, single submits, median", "wire_single_p50_ms", "ms", most=2),
    Bar("submit → submit_sm on the wire, single submits, 99 %", "wire_single_p99_ms", "ms", most=5),
    Bar("submit → submit_sm on the wire, submits of ten, median", "wire_batch_p50_ms", "ms", most=2),
    Bar("submit → submit_sm on the wire, submits of ten, 99 %", "wire_batch_p99_ms", "ms", most=5),
    Bar("one bind, session and link alone", "session_submits_per_second", "submit_sm/s", least=80_000),
    Bar("an OTP while 1,000,000 of lane bulk drain, 99 %", "otp_p99_ms", "ms", most=50),
    Bar("1,000,000 wait, carrier down: memory", "backlog_mb", "MB", most=250),
    Bar("1,000,000 wait, carrier down: memory after a start", "backlog_start_mb", "MB", most=250),
    Bar("1,000,000 wait: submits at the end, of those at the start", "backlog_rate_kept_percent", "%", least=90),
    Bar("1,000,000 wait: the same, with ids in no order", "scattered_rate_kept_percent", "%", least=90),
    Bar("1,000,000 wait: from the command to the ready line", "backlog_start_seconds", "s", most=3),
    Bar("200 idle binds: share of a core", "idle_percent", "%", most=2),
    Bar("200 idle binds: memory", "idle_mb", "MB", most=100),
    Bar("events to a client that was away", "replay_events_per_second", "events/s", least=50_000),
    Bar("growth of memory while they are sent", "replay_growth_mb", "MB", most=10),
)


def table(found: Mapping[str, Any]) -> str:
    """The bars as Markdown. Args: found: what `python -m benchmarks` writes as JSON."""
    machine, figures = found["machine"], found["figures"]
    lines = [
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']:.0f} GB of memory,"
        f" Linux {machine['kernel']}, Python {machine['python']}, SQLite {machine['sqlite']}; commit"
        f" `{found['commit']}`; " + (f"medians of {found['runs']} runs." if found["runs"] > 1 else "one run."),
        "",
        *_warnings(found),
        "| what | demanded | measured | |",
        "| --- | ---: | ---: | --- |",
    ]
    for bar in BARS:
        if bar.key in figures:
            value = figures[bar.key]["median"]
            lines.append(f"| {bar.name} | {bar.demand} {bar.unit} | {_say(value)} {bar.unit} | {bar.verdict(value)} |")
    return "\n".join(lines)


def _warnings(found: Mapping[str, Any]) -> list[str]:
    warnings = []
    if found["quick"]:
        warnings.append("**Not to be quoted**: a quick run, which shows only that everything runs.")
    if found["load_before"] > QUIET:
        warnings.append(
            f"**Not the final figures**: other work ran on the machine (load average {found['load_before']:.1f} before"
            " it began), so each is worse than what a quiet machine gives."
        )
    if found["changed"]:
        warnings.append("Measured with changes on top of that commit.")
    return [part for warning in warnings for part in (warning, "")]


def refresh(page: str, text: str, begin: str = BEGIN) -> str:
    """A page with another text between its marks. Raises: ValueError: it has none."""
    before, found, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError(f"the page lacks the line {END if found else begin}")
    return f"{before}{begin}\n{text}\n{END}{after}"


def _say(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"
