"""What `denpo bulk` shows to people: before, what would be sent; after, what has become of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.commands.bulk.passes import Summary
from gateway.commands.bulk.recipe import Recipe
from gateway.commands.bulk.record import GOOD, Record
from gateway.commands.shown import console, plain

if TYPE_CHECKING:
    from rich.table import Table

    from gateway.commands.bulk.sheet import Sheet


def show_summary(sheet: "Sheet", record: Record, summary: Summary, recipe: Recipe) -> None:
    """Print what checking every row has found; rows by their number, never what is in them."""
    good, refused, out = record.count(GOOD), record.refused(), console()
    bad = sum(each.count for each in refused)
    out.print(
        f"{sheet.path}: {sheet.encoding}; {good:,} texts in {sum(summary.parts.values()):,} parts; {bad:,} rows refused"
    )
    used = {"to", "text", "id", "sender", "lane", "not_before", "expires_at", "tags"}
    used = used | recipe.template.columns if recipe.template else used
    unused = [plain(name) for name in sheet.columns if name and name not in used]
    if unused:
        out.print(f"columns that are not used: {', '.join(unused)}")
    for title, counts in (("encoding", summary.encodings), ("parts by carrier", summary.parts)):
        if counts:
            out.print(_table(title, "texts" if title == "encoding" else "parts", counts))
    if summary.warnings:
        out.print(_table("warning", "texts", summary.warnings))
    if refused:
        table = _table("refused", "rows", {})
        table.add_column("the first of them", overflow="fold")
        for each in refused:
            details: dict[str, list[str]] = {}
            for row, detail in each.rows:
                details.setdefault(plain(detail), []).append(str(row))
            shown = "; ".join(f"row {', '.join(rows)}: {detail}" for detail, rows in details.items())
            table.add_row(each.error, f"{each.count:,}", shown)
        out.print(table)


def show_outcomes(outcomes: Mapping[str, int], results: Path) -> None:
    """Print what has become of the rows so far."""
    out = console()
    out.print(_table("outcome so far", "rows", outcomes))
    out.print(f"each row is in {results}")


def _table(title: str, unit: str, counts: Mapping[str, int]) -> "Table":
    from rich.table import Table  # here, since every `denpo` command reads this file

    table = Table(title, unit, box=None)
    table.columns[1].justify = "right"
    for name, count in counts.items():
        table.add_row(plain(name) or "-", f"{count:,}")
    return table
