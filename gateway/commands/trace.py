"""`denpo trace`: a message's whole life, from the store, read while the gateway runs.

What leaves the store is gone: a message is forgotten after `gateway.retention`, an event when it is acknowledged.
"""

import argparse
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.command import DONE, FAILED, WRONG_USE, Command, complain
from config.load import ConfigError, load
from gateway.commands.shown import clock, console, mask, plain
from gateway.message import Message, Part, PartState, describe
from gateway.numbers import NumberError, normalise_number
from protocol.constants import status_name

if TYPE_CHECKING:
    from gateway.store.inspection import Inspection

_DESCRIPTION: Final = """\
Say what has become of a message, step by step: by your id, by the id that the gateway or a carrier gave it, or by its
number. A number is looked for among the newest million messages. Nothing is written, the gateway may run meanwhile."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. at: Unix seconds; part: its number, 0 for the whole message."""

    at: float
    part: int
    what: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    add("what", metavar="ID-OR-NUMBER", help="an id, or a phone number")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", metavar="FILE", type=Path, help="the gateway's configuration")
    where.add_argument("--data-dir", metavar="FOLDER", type=Path, help="the gateway's data_dir")
    add("--client", metavar="NAME", help="only messages of this client")
    add("--last", metavar="N", type=int, default=5, help="so many messages at most, the newest (%(default)s)")
    add("--show-text", action="store_true", help="show the texts")
    add("--show-numbers", action="store_true", help="show whole phone numbers, not their last digits")
    add("--json", action="store_true", help="one JSON object a line for each message")


def run(arguments: argparse.Namespace) -> int:
    """Find messages and show their lives; returns the exit code."""
    from gateway.store.inspection import Inspection

    folder = arguments.data_dir
    try:
        if folder is None:
            folder = load(arguments.config).settings.gateway.data_dir
        store = Inspection(folder)
    except ConfigError as error:
        return complain("trace", f"{arguments.config} has errors\n{error}", WRONG_USE)
    except (OSError, ValueError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return complain("trace", f"the store in {folder}: {reason}", WRONG_USE)
    try:
        return _trace(store, arguments)
    finally:
        store.close()


def _trace(store: "Inspection", arguments: argparse.Namespace) -> int:
    messages = store.with_id(arguments.what, arguments.client)
    missing = "no message that the store remembers is called so"
    if not messages and (number := _number(arguments.what)):
        found = store.with_number(number, arguments.client, arguments.last)
        messages = found.messages
        since = "that the store remembers" if found.all else f"since {clock(found.back_to / 1e6)}"
        missing = f"none of the {found.looked:,} messages {since} went there"
    for message in messages[: arguments.last]:
        if arguments.json:
            print(json.dumps(_object(store, message, arguments), ensure_ascii=False, default=bytes.hex))
        else:
            _show(store, message, arguments)
    return DONE if messages else complain("trace", missing, FAILED)


def _number(written: str) -> str:
    try:
        return normalise_number(written)
    except NumberError:
        return ""


def life(message: Message, events: Sequence[tuple[int, dict[str, Any]]]) -> list[Step]:
    """What happened to a message, in order."""
    came = message.key / 1e6
    steps = [Step(came, 0, f"accepted: {message.coding}, {message.total} parts, for {message.plan}")]
    steps += [Step(came, 0, f"noted by the checks: {plain(warning)}") for warning in message.warnings or []]
    for part in message.parts:
        steps += _part_steps(part)
    for cursor, event in events:
        steps.append(Step(event["at"], 0, f'event "{event["type"]}" (cursor {cursor}), not acknowledged yet'))
    return sorted(steps, key=lambda step: step.at)


def _part_steps(part: Part) -> Iterator[Step]:
    for bind, sequence, sent, answered, status in part.tries or []:
        yield Step(sent, part.n, f"sent over {bind} with sequence number {sequence}")
        if answered and status:
            yield Step(answered, part.n, f"refused: {status_name(status)} ({status:#x})")
        elif answered:
            yield Step(answered, part.n, f"taken; the carrier calls it {plain(part.carrier_id) or 'nothing'}")
    if part.receipt:
        _, _, done, state, error = map(plain, part.receipt)
        yield Step(part.at, part.n, f"receipt: {state}, error {error}, done {done}")
    elif part.state is PartState.UNKNOWN:
        yield Step(part.at, part.n, "no answer came: it can't be known whether the carrier has it")


def _facts(message: Message, arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    state = describe(message)
    yield "id", f"{plain(message.id)} of {message.client}, {message.message_id}"
    yield "to", f"{message.to if arguments.show_numbers else mask(message.to)} from {plain(message.sender)}"
    yield "state", f"{state['state']}{'' if message.final else ' …'} {message.carrier}".rstrip()
    yield "lane", f"{message.lane.value}; when unknown: {message.on_unknown.value}"
    hidden = f"{len(message.text)} characters (--show-text shows them)"
    yield "text", plain(message.text) if arguments.show_text else hidden
    if message.repeated:
        yield "doubt", "it may have been sent twice"
    if message.attempts:
        yield "attempts", f"{message.attempts} rounds were refused for the moment"
    for name, at in (("not before", message.not_before), ("expires", message.expires_at), ("due", message.due)):
        if at:
            yield name, clock(at)
    if message.operator:
        yield "operator", plain(message.operator)
    if message.tags:
        yield "tags", plain(", ".join(message.tags))


def _show(store: "Inspection", message: Message, arguments: argparse.Namespace) -> None:
    from rich.table import Table  # here, since every `denpo` command reads this file

    facts = Table("", "", box=None, show_header=False)
    for name, value in _facts(message, arguments):
        facts.add_row(name, value)
    events, complete = store.events_of(message)
    steps = Table("time", "part", "", box=None)
    for step in life(message, events):
        steps.add_row(clock(step.at), str(step.part or ""), step.what)
    out = console()
    out.print(facts)
    out.print(steps)
    acknowledged = store.acknowledged(message.client)
    told = f"all events up to {clock(acknowledged / 1e6)}" if acknowledged else "no event yet"
    out.print(
        f"{message.client} has acknowledged {told}{'' if complete else '; not all later events were looked at'}\n"
    )


def _object(store: "Inspection", message: Message, arguments: argparse.Namespace) -> dict[str, Any]:
    events, complete = store.events_of(message)
    made = describe(message) | {
        "message_id": message.message_id,
        "client": message.client,
        "to": message.to if arguments.show_numbers else mask(message.to),
        "sender": message.sender,
        "lane": message.lane.value,
        "possible_duplicate": message.repeated,
        "attempts": message.attempts,
        "life": [asdict(step) for step in life(message, events)],
        "tries": {part.n: part.tries or [] for part in message.parts},
        "acknowledged": store.acknowledged(message.client),
        "events": [[cursor, event] for cursor, event in events],
        "events_complete": complete,
    }
    return made | ({"text": message.text} if arguments.show_text else {})


TRACE: Final = Command("trace", "tell a message's whole life, from the store", configure, run)
