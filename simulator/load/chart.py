"""A chart of a load as SVG, alone or in a page of HTML: no script, readable on light and on dark.

Three panels: how the latencies are spread, their percentiles, and the throughput over time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final

from simulator.load.figures import PERCENTS, Figures, duration, loop, round_time

WIDTH: Final = 960
_LEFT, _RIGHT = 84, 24
_HEIGHT: Final = 190
_GAP: Final = 86
_TOP: Final = 96
_BINS_PER_DECADE: Final = 12
_HEADROOM: Final = 1.06
MAX_POINTS: Final = 400
"""Points of a line; more are drawn together."""
_PERCENT_TICKS: Final = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)

_SERIES: Final = {"answer": "to the answer", "end": "to the end"}
_RATES: Final = {"sent": "sent", "answered": "answered", "ended": "ended"}

_STYLE: Final = """\
svg { font: 13px system-ui, sans-serif; }
.paper { fill: #ffffff; } .ink { fill: #1f2328; } .dim { fill: #59636e; } .big { font-size: 17px; font-weight: 600; }
.grid { stroke: #d1d9e0; stroke-width: 1; } .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.answer, .answered { stroke: #0969da; } .end, .ended { stroke: #bc4c00; } .sent { stroke: #818b98; }
.area { stroke-width: 1.5; fill-opacity: 0.22; } .area.answer { fill: #0969da; } .area.end { fill: #bc4c00; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } .ink { fill: #f0f6fc; } .dim { fill: #9198a1; } .grid { stroke: #3d444d; }
.answer, .answered { stroke: #4493f8; } .end, .ended { stroke: #f0883e; } .sent { stroke: #9198a1; }
.area.answer { fill: #4493f8; } .area.end { fill: #f0883e; }
}
"""

_PAGE: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>
body {{ margin: 2em auto; max-width: 960px; font: 15px system-ui, sans-serif; }}
svg {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; }} td, th {{ padding: 0.2em 1em 0.2em 0; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}</style></head>
<body>
{svg}
<table><tr>{head}</tr>
{rows}
</table>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class _Panel:
    """One drawing area; x and y turn a value into a place."""

    top: float
    title: str
    x: Callable[[float], float]
    y: Callable[[float], float]

    @property
    def bottom(self) -> float:
        return self.top + _HEIGHT


def draw_svg(figures: Figures) -> str:
    """Draw the three panels."""
    panels = [*_spread(figures, _TOP), *_percentiles(figures, _TOP + _HEIGHT + _GAP)]
    panels += _throughput(figures, _TOP + 2 * (_HEIGHT + _GAP))
    height = _TOP + 3 * (_HEIGHT + _GAP) - 30
    rate = f"{figures['answers_per_second']:,.0f} answers/s"
    title = escape(f"{figures['target']}: {loop(figures['plan'])}")
    counts = f"{figures['sent']:,} {figures['unit']} sent, {figures['answered']:,} answered, {rate}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img"><title>{title}</title>',
        f"<style>\n{_STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        _text(_LEFT, 32, title, "ink big"),
        _text(_LEFT, 54, escape(counts), "dim"),
        *panels,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def draw_page(figures: Figures) -> str:
    """The chart in a page of its own, with the percentiles in a table."""
    columns = ("count", "mean", *PERCENTS, "max")
    rows = []
    for name, title in (*_SERIES.items(), ("lag", "our own lag")):
        latency = figures["latency"][name]
        if latency["count"]:
            cells = (f"{latency['count']:,}", *(duration(latency[column]) for column in columns[1:]))
            rows.append(f"<tr><td>{title}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "".join(f"<th>{column}</th>" for column in ("", *columns))
    return _PAGE.format(title=escape(figures["target"]), svg=draw_svg(figures), head=head, rows="\n".join(rows))


def _spread(figures: Figures, top: float) -> list[str]:
    shares = {name: _shares(figures, name) for name in _shown(figures)}
    places = [place for share in shares.values() for place in share]
    low, high = (min(places), max(places) + 1) if places else (0, _BINS_PER_DECADE)
    most = max((max(share.values()) for share in shares.values()), default=1.0)
    panel = _panel(top, "Spread: share of each latency", (low, high), (0.0, most * _HEADROOM))
    lines = _frame(panel, [(place, _tick(place)) for place in range(low, high + 1) if place % _BINS_PER_DECADE == 0])
    lines += _levels(panel, _steps(most), lambda value: f"{value:.3g} %" if value else "0")
    for name, share in shares.items():
        path = f"M{panel.x(low):.1f} {panel.bottom}"
        for place in range(low, high):
            path += f"V{panel.y(share.get(place, 0.0)):.1f}H{panel.x(place + 1):.1f}"
        lines.append(f'<path class="area {name}" d="{path}V{panel.bottom}Z"/>')
    return lines + _legend(panel, {name: _SERIES[name] for name in shares})


def _percentiles(figures: Figures, top: float) -> list[str]:
    shown = _shown(figures)
    most = max((figures["latency"][name]["count"] for name in shown), default=1)
    curves = {name: _curve(figures, name) for name in shown}
    values = [log10(value) for curve in curves.values() for _, value in curve]
    low, high = (floor(min(values)), ceil(max(values) + 1e-9)) if values else (-3, 0)
    end = max(log10(most), 1.0)
    panel = _panel(
        top, "Percentiles: latency that this share of all does not exceed", (0.0, end), (low, max(high, low + 1))
    )
    ticks = [(_nines(percent), f"{percent:g} %") for percent in _PERCENT_TICKS if _nines(percent) <= end]
    lines = _frame(panel, ticks)
    lines += _levels(panel, range(low, max(high, low + 1) + 1), lambda value: round_time(10.0**value))
    for name, curve in curves.items():
        points = [(panel.x(place), panel.y(log10(value))) for place, value in curve]
        lines.append(_line(name, points))
    return lines + _legend(panel, {name: _SERIES[name] for name in shown})


def _throughput(figures: Figures, top: float) -> list[str]:
    by_second = figures["by_second"]
    shown = [name for name in _RATES if by_second[name]]
    length = max((len(by_second[name]) for name in shown), default=1)
    width = ceil(length / MAX_POINTS)
    averages = {name: _averages(by_second[name], width) for name in shown}
    most = max((max(each) for each in averages.values()), default=1.0)
    panel = _panel(
        top, f"Throughput: {figures['unit']} in each second", (0.0, length), (0.0, (most or 1.0) * _HEADROOM)
    )
    lines = _frame(panel, [(value, f"{value:g} s") for value in _steps(length)])
    lines += _levels(panel, _steps(most or 1.0), lambda value: f"{value:,g}")
    for name, average in averages.items():
        points = []
        for n, value in enumerate(average):
            points += [(panel.x(n * width), panel.y(value)), (panel.x(min((n + 1) * width, length)), panel.y(value))]
        lines.append(_line(name, points))
    return lines + _legend(panel, {name: _RATES[name] for name in shown})


def _shown(figures: Figures) -> list[str]:
    return [name for name in _SERIES if figures["latency"][name]["count"]]


def _shares(figures: Figures, name: str) -> dict[int, float]:
    """Percent of all in each bin of a logarithmic scale."""
    latency = figures["latency"][name]
    shares: dict[int, float] = {}
    for low, high, held in latency["buckets"]:
        place = floor(log10((low + high) / 2) * _BINS_PER_DECADE)
        shares[place] = shares.get(place, 0.0) + held / latency["count"] * 100
    return shares


def _curve(figures: Figures, name: str) -> list[tuple[float, float]]:
    """(place on the axis of percentiles, latency), growing; the last of each place, MAX_POINTS of them."""
    latency = figures["latency"][name]
    points: dict[int, tuple[float, float]] = {}
    passed = 0
    end = log10(latency["count"]) or 1.0
    for low, high, held in latency["buckets"]:
        share = passed / latency["count"] * 100
        place = _nines(share)
        points[int(place / end * MAX_POINTS)] = place, (low + high) / 2
        passed += held
    points[MAX_POINTS + 1] = end, max(latency["max"], 1e-9)
    return list(points.values())


def _nines(percent: float) -> float:
    """0 for 0 %, 1 for 90 %, 2 for 99 %, 3 for 99.9 %."""
    return -log10(1 - percent / 100) if percent < 100 else 9.0


def _averages(counts: Sequence[int], width: int) -> list[float]:
    groups = [counts[start : start + width] for start in range(0, len(counts), width)]
    return [sum(group) / len(group) for group in groups]


def _panel(top: float, title: str, across: tuple[float, float], up: tuple[float, float]) -> _Panel:
    room = WIDTH - _LEFT - _RIGHT
    return _Panel(
        top,
        title,
        lambda value: _LEFT + (value - across[0]) / (across[1] - across[0]) * room,
        lambda value: top + _HEIGHT - (value - up[0]) / (up[1] - up[0]) * _HEIGHT,
    )


def _frame(panel: _Panel, ticks: Sequence[tuple[float, str]]) -> list[str]:
    lines = [_text(_LEFT, panel.top - 14, panel.title, "ink")]
    for value, label in ticks:
        place = panel.x(value)
        lines.append(_rule(place, panel.top, place, panel.bottom))
        lines.append(_text(place, panel.bottom + 18, label, "dim", "middle"))
    return lines


def _levels(panel: _Panel, values: Sequence[float], label: Callable[[float], str]) -> list[str]:
    lines = []
    for value in values:
        place = panel.y(value)
        lines.append(_rule(_LEFT, place, WIDTH - _RIGHT, place))
        lines.append(_text(_LEFT - 8, place + 4, label(value), "dim", "end"))
    return lines


def _legend(panel: _Panel, titles: dict[str, str]) -> list[str]:
    lines = []
    for n, (name, title) in enumerate(reversed(titles.items())):
        place = WIDTH - _RIGHT - 130 * (n + 1)
        lines.append(_line(name, [(place, panel.top - 18), (place + 22, panel.top - 18)]))
        lines.append(_text(place + 28, panel.top - 14, title, "dim"))
    return lines


def _steps(most: float) -> list[float]:
    """Round numbers from 0 to `most`, three to six of them."""
    size = 10.0 ** floor(log10(most))
    step = next(size * part for part in (0.2, 0.5, 1.0, 2.0) if most / (size * part) <= 5.0)
    return [n * step for n in range(floor(most / step) + 1)]


def _tick(place: int) -> str:
    return round_time(10.0 ** (place // _BINS_PER_DECADE))


def _line(name: str, points: Sequence[tuple[float, float]]) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path class="line {name}" d="M{path}"/>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, classes: str, anchor: str = "start") -> str:
    """Args: text: escaped."""
    return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
