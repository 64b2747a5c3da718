"""Bar charts as SVG: one file each, no dependency, readable in light and dark, with a title and a description.

A chart draws its own ground, so that its text can be read whichever theme the page around it has; the values stand
beside the bars, so nothing is said by colour or length alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 760
_MARGIN: Final = 20
_HEAD: Final = 62
"""Pixels above the first bar: the title, and the unit below it."""
_ROW: Final = 34
_BAR: Final = 20
_FOOT: Final = 20
_NOTE: Final = 22
"""More below the bars for a line that says how it was measured."""
_GLYPH: Final = 8.0
"""Pixels that a character of a label takes at most, at 14 pixels of height."""

_STYLE: Final = """\
text{font:14px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.ground{fill:#ffffff;stroke:#d1d9e0}
.title{font-size:17px;font-weight:600}
.small{font-size:12px;fill:#59636e}
.bar{fill:#818b98}
.ours{fill:#0969da}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}
.ground{fill:#0d1117;stroke:#3d444d}
.small{fill:#9198a1}
.bar{fill:#656c76}
.ours{fill:#4493f8}
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. value: at least 0. shown: what stands beside it. ours: whether it is drawn to be seen first."""

    label: str
    value: float
    shown: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn, from the top down. unit: what the values are; note: how they were measured, on one line."""

    title: str
    unit: str
    bars: Sequence[Bar]
    note: str = ""

    @property
    def description(self) -> str:
        """The chart in words, for those who do not see it."""
        return f"{self.unit}. " + "; ".join(f"{bar.label}: {bar.shown}" for bar in self.bars) + "."


def draw(chart: Chart) -> str:
    """The chart as an SVG document. The longest bar fills its column; all are in proportion, from 0."""
    height = _HEAD + _ROW * len(chart.bars) + _FOOT + (_NOTE if chart.note else 0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(chart.title)}</title>',
        f'<desc id="desc">{escape(chart.description)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>',
        f'<text class="title" x="{_MARGIN}" y="30">{escape(chart.title)}</text>',
        f'<text class="small" x="{_MARGIN}" y="49">{escape(chart.unit)}</text>',
        *_rows(chart.bars),
    ]
    if chart.note:
        lines.append(f'<text class="small" x="{_MARGIN}" y="{height - _FOOT + 4}">{escape(chart.note)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _rows(bars: Sequence[Bar]) -> Iterator[str]:
    start = _MARGIN + max((len(bar.label) for bar in bars), default=0) * _GLYPH + 10
    room = WIDTH - _MARGIN - start - max((len(bar.shown) for bar in bars), default=0) * _GLYPH - 10
    longest = max((bar.value for bar in bars), default=0) or 1
    for row, bar in enumerate(bars):
        top = _HEAD + _ROW * row + (_ROW - _BAR) / 2
        length, line = bar.value / longest * room, top + 15
        kind = "bar ours" if bar.ours else "bar"
        yield f'<text x="{start - 10:.1f}" y="{line:.1f}" text-anchor="end">{escape(bar.label)}</text>'
        yield f'<rect class="{kind}" x="{start:.1f}" y="{top:.1f}" width="{length:.2f}" height="{_BAR}" rx="2"/>'
        yield f'<text x="{start + length + 8:.1f}" y="{line:.1f}">{escape(bar.shown)}</text>'
