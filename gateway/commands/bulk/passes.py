"""The passes over a file: check every row, send those that are good, ask what has become of them.

Each takes the file in batches, so memory does not grow with it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import anyio

from gateway.client import Client, ClientError
from gateway.commands.account import Account
from gateway.commands.bulk.recipe import Made, Recipe
from gateway.commands.bulk.record import Record
from gateway.commands.bulk.sheet import RowError, Sheet
from protocol.upstream import pack

BATCH: Final = 500
"""Messages in one request, at most."""
STATUS_IDS: Final = 100
MAX_KINDS: Final = 20
"""Kinds of warnings that are told apart."""
PATIENCE: Final = 120.0
"""Seconds without any progress after which it ends, to be resumed."""
RETRY_SECONDS: Final = 1.0
"""Before what the gateway did not take is submitted again."""
TEMPORARY: Final = {"queue_full", "quota"}
"""Refusals that pass."""
LOST: Final = {"connection", "answer_timeout"}
"""Errors after which another attempt may succeed."""

Progress = Callable[[int], None]
"""Called with how many rows have been dealt with since the last time."""


class FileChanged(Exception):
    """The file is not what was checked."""


@dataclass(slots=True)
class Summary:
    """What the rows that can be sent would be."""

    encodings: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    """Parts by carrier, if all carriers are up."""
    warnings: Counter[str] = field(default_factory=Counter)

    def warn(self, warning: str) -> None:
        """Count a warning, wherever in the text it is about."""
        warning = warning.partition(" (")[0]
        known = warning in self.warnings or len(self.warnings) < MAX_KINDS
        self.warnings[warning if known else "other warnings"] += 1


@dataclass(frozen=True, slots=True)
class Job:
    """A file and what is made of it. rate: messages per second, 0 for no limit."""

    sheet: Sheet
    recipe: Recipe
    record: Record
    rate: float = 0.0

    def batches(self, client: Client) -> Iterator[list[Made | tuple[int, RowError]]]:
        """All rows, as many at a time as the gateway takes in one frame."""
        most = min(client.welcome["max_batch"], client.welcome["credit"], BATCH)
        if self.rate:
            most = max(1, min(most, round(self.rate / 4)))
        room = client.welcome["max_frame"] // 2
        batch: list[Made | tuple[int, RowError]] = []
        octets = 0
        for row in self.sheet.rows():
            try:
                made: Made | tuple[int, RowError] = self.recipe.make(row)
            except RowError as error:
                made = row.number, error
            size = len(pack(made.message)) if isinstance(made, Made) else 0
            if batch and (len(batch) == most or octets + size > room):
                yield batch
                batch, octets = [], 0
            batch.append(made)
            octets += size
        if batch:
            yield batch


async def check(account: Account, job: Job, progress: Progress) -> Summary:
    """Have the gateway look at every row, and note which are good. Nothing is sent."""
    summary = Summary()
    async with account.connect() as client:
        for batch in job.batches(client):
            await _check_batch(client, job.record, batch, summary)
            progress(len(batch))
    return summary


async def _check_batch(
    client: Client, record: Record, batch: list[Made | tuple[int, RowError]], summary: Summary
) -> None:
    good: list[Made] = []
    record.begin_batch()
    for made in batch:
        if not isinstance(made, Made):
            row, error = made
            record.note_bad(row, error.code, str(error))
        elif (earlier := record.claim(made)) is not None:
            record.note_bad(made.row, "duplicate_row", f"it is the same as row {earlier}")
        else:
            good.append(made)
    results = await client.preview([made.message for made in good]) if good else []
    for made, result in zip(good, results, strict=True):
        if not result["ok"]:
            record.disclaim(made, result["error"], result["detail"])
            continue
        record.note_good(made, result["parts"])
        summary.encodings[result["encoding"]] += 1
        summary.parts[result.get("carrier", "")] += result["parts"]
        for warning in filter(None, (made.repaired, *result["warnings"])):
            summary.warn(warning)
    record.end_batch()


class Sender:
    """Submits what was found good, each row once, whatever goes away meanwhile."""

    def __init__(self, account: Account, job: Job, progress: Progress) -> None:
        self._account = account
        self._job = job
        self._progress = progress
        self._progressed = time.monotonic()
        self._next = 0.0
        """When the next messages may go."""

    async def run(self) -> None:
        """Submit all rows that are left.

        Raises: ClientError: the gateway is gone, or takes nothing, for PATIENCE seconds. FileChanged.
        """
        batches: Iterator[list[Made | tuple[int, RowError]]] | None = None
        left: list[Made] = []
        wait = 0.1
        while True:
            try:
                async with self._account.connect() as client:
                    batches = batches or self._job.batches(client)
                    while True:
                        while left:
                            left = await self._submit(client, left)
                            wait = 0.1
                        batch = next(batches, None)
                        if batch is None:
                            return
                        left = self._choose(batch)
            except ClientError as error:
                if error.code not in LOST or time.monotonic() - self._progressed > PATIENCE:
                    raise
            await anyio.sleep(wait)
            wait = min(2 * wait, 5.0)

    def _choose(self, batch: list[Made | tuple[int, RowError]]) -> list[Made]:
        """Those of a batch that were found good and have no answer yet. Raises: FileChanged."""
        made = [each for each in batch if isinstance(each, Made)]
        if not made:
            return []
        wanted = self._job.record.sendable(made[0].row, made[-1].row)
        chosen = [each for each in made if each.row in wanted]
        if [(each.message["id"], each.mark) for each in chosen] != [wanted[each.row] for each in chosen]:
            raise FileChanged
        return chosen

    async def _submit(self, client: Client, made: list[Made]) -> list[Made]:
        """Submit messages; returns those that the gateway does not take for the moment."""
        await self._pace(len(made))
        self._job.record.note_asked(made[0].row, made[-1].row, time.time())
        results = await client.submit([each.message for each in made])
        passing = {result["id"]: result for result in results if not result["ok"] and result["error"] in TEMPORARY}
        settled = [result for result in results if result["id"] not in passing]
        self._job.record.note_results(settled)
        self._progress(len(settled))
        if settled:
            self._progressed = time.monotonic()
        elif time.monotonic() - self._progressed > PATIENCE:
            raise ClientError(results[0]["error"], results[0]["detail"])
        if passing:
            await anyio.sleep(RETRY_SECONDS)
        return [each for each in made if each.message["id"] in passing]

    async def _pace(self, number: int) -> None:
        if self._job.rate:
            now = time.monotonic()
            await anyio.sleep(max(self._next - now, 0.0))
            self._next = max(self._next, now) + number / self._job.rate


async def look(account: Account, record: Record, progress: Progress) -> None:
    """Ask what has become of all that was sent, and note it."""
    async with account.connect() as client:
        for ids in record.unsettled(STATUS_IDS):
            results = await client.status(ids)
            record.note_states({result["id"]: result["state"] for result in results if result["ok"]})
            progress(len(ids))
