"""The promises, one function each: what must hold of the record of any story. See docs/promises.md."""

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from math import inf
from typing import Any, Final

from protocol.constants import MAX_SEQUENCE
from tests.gateway.builders import EPOCH
from tests.promises.lives import BURST, Record
from tests.promises.smsc import MOMENT, SLACK, Entry
from tests.promises.stories import RESPONSE_TIMEOUT

SPEED: Final = ("throttle", "full")
"""Refusals that come in time."""
_PLAIN: Final = ("accept", "slow", "slower", "double", "double other")
_AFTER_SENDING: Final = ("submitted", "delivered")


def keeps_all(record: Record) -> None:
    """Check every promise. Raises: AssertionError: one is broken."""
    for promise in PROMISES:
        promise(record)


def loses_nothing(record: Record) -> None:
    """What was accepted comes to an end, and the carrier has it if the client was told so."""
    assert record.settled, "what was accepted has come to no end"
    for n in record.bank.accepted:
        told = record.bank.told(n)
        assert told, f"message {n} was accepted, and nothing was ever told of it"
        entries = _entries(record, n)
        if told[-1]["type"] in _AFTER_SENDING:
            there = [entry for entry in entries if entry.carrier == told[-1]["carrier"]]
            assert _whole(there), f"message {n} is {told[-1]['type']}, and the carrier never had all of it"
        if not told[-1]["final"]:
            _check_open_end(record, n, told[-1]["type"], entries)


def has_no_defect(record: Record) -> None:
    """Whatever happens, nothing in the gateway fails that was not meant to."""
    assert not record.defects


def sends_reported_once(record: Record) -> None:
    """A part whose repetition would be worse than its loss is never taken twice."""
    for n, wanted in enumerate(record.story.wanted):
        if wanted.on_unknown == "report":
            times = Counter(entry.part for entry in _entries(record, n) if entry.taken)
            assert not times or max(times.values()) == 1, f"parts of message {n} were taken so often: {times}"


def flags_what_may_be_double(record: Record) -> None:
    """Whatever is told after a part was taken twice says that it may be double."""
    for n in range(len(record.story.wanted)):
        seen: set[int] = set()
        doubled = inf
        for entry in _entries(record, n):
            if entry.taken and entry.part in seen:
                doubled = min(doubled, entry.at)
            seen.update([entry.part] if entry.taken else [])
        for event in record.bank.told(n):
            if event["at"] - EPOCH > doubled:
                assert event.get("possible_duplicate") is True, f"message {n} was taken twice, and {event} hides it"


def flags_nothing_else(record: Record) -> None:
    """Where every answer came, and nothing broke, nothing is said to be double or unknown."""
    for n in range(len(record.story.wanted)):
        if not _excused(record, n):
            for event in record.bank.told(n):
                assert "possible_duplicate" not in event, f"nothing befell message {n}, and {event} doubts it"
                assert event["type"] != "unknown", f"nothing befell message {n}, and {event} doubts it"


def keeps_the_window(record: Record) -> None:
    """Never more requests are unanswered on a connection than its window has."""
    for entry in record.ledger.entries:
        window = record.story.window(entry.carrier, entry.bind)
        assert entry.waiting <= window, f"{entry.waiting} requests unanswered with a window of {window}"


def keeps_the_rate(record: Record) -> None:
    """No second has more parts than the account's rate and its burst."""
    rate = record.story.rate
    by_account = defaultdict[tuple[str, int], list[float]](list)
    for entry in record.ledger.entries:
        by_account[entry.carrier, entry.life].append(entry.at)
    for times in by_account.values():
        for n, begun in enumerate(times):
            within = sum(1 for at in times[n:] if at <= begun + 1.0 - SLACK)
            assert not rate or within <= rate + BURST, f"{within} parts in a second with a rate of {rate} and {BURST}"


def keeps_parts_together(record: Record) -> None:
    """The parts of a message follow each other on one bind, unless something befell it between them."""
    by_line = defaultdict[int, list[Entry]](list)
    for entry in record.ledger.entries:
        by_line[entry.line].append(entry)
    for n in range(len(record.story.wanted)):
        entries = _entries(record, n)
        for earlier, later in pairwise(entries):
            line = by_line[later.line]
            place = line.index(later)
            follows = place > 0 and line[place - 1] is earlier and later.part > earlier.part
            begun = record.story.wanted[n].at
            assert follows or _befell(record, entries, begun, later), f"{earlier} and {later} are apart for no reason"


def keeps_to_one_carrier(record: Record) -> None:
    """Nothing of a message goes to a second carrier once the first has, or may have, a part of it.

    The first may say that the number is another's. And a crash may leave no trace of where a message went that may be
    repeated: then it goes whole to whichever is up.
    """
    for n, wanted in enumerate(record.story.wanted):
        entries = _entries(record, n)
        for earlier, later in pairwise(entries):
            crashed = wanted.on_unknown == "resend" and any(earlier.at <= at <= later.at for at in record.deaths)
            if earlier.carrier != later.carrier and not crashed:
                there = [each for each in entries if each.carrier == earlier.carrier and each.at <= later.at]
                newest = {each.part: each for each in there}.values()
                given_up = all(not each.taken and each.answered <= later.at for each in newest)
                if any(each.taken for each in there):
                    given_up &= any(each.deed == "elsewhere" for each in newest)
                assert given_up, f"{later}, though another carrier has, or may have, {there}"


def keeps_the_order(record: Record) -> None:
    """What is of one lane is begun in the order of its acceptance, where one bind sends it and nothing befalls it."""
    firsts = {n: entries[0] for n in range(len(record.story.wanted)) if (entries := _entries(record, n))}
    for n, later in firsts.items():
        for m, earlier in firsts.items():
            if m < n and earlier.carrier == later.carrier and _in_order(record, m, n):
                alone = later.carrier == "beta" or record.story.sending == 1
                broken = _broken(record, record.story.wanted[m].at, max(earlier.at, later.at))
                before = _place(record, earlier) < _place(record, later)
                assert before or broken or not alone, f"message {n} was begun before message {m}"


def lets_nothing_pass_by(record: Record) -> None:
    """What was refused for its speed goes before all of its lane that was behind it, and not begun when it was refused.

    Over all binds of the account.
    """
    for refused in record.ledger.entries:
        m = record.bank.place(refused.number)
        again = [each for each in _entries(record, m) if each.at > refused.answered]
        others = [each for each in _entries(record, m) if each not in again]
        if refused.deed in SPEED and again and again[0].carrier == refused.carrier and _only_slowed(others):
            for later in record.ledger.entries:
                n = record.bank.place(later.number)
                new = refused.answered < later.at and not any(
                    each.at <= refused.answered for each in _entries(record, n)
                )
                if new and m < n and later.carrier == refused.carrier and _in_order(record, m, n):
                    first = _place(record, again[0]) < _place(record, later)
                    broken = _broken(record, record.story.wanted[m].at, max(later.at, again[0].at))
                    assert first or broken, f"message {n} passed by message {m}, which was refused"


def keeps_the_reference(record: Record) -> None:
    """All parts of a message have one reference; only a crash that left no trace of it on disk may change it."""
    for n, wanted in enumerate(record.story.wanted):
        entries, lives = _entries(record, n), defaultdict[int, set[int | None]](set)
        for entry in entries:
            lives[entry.life].add(entry.reference)
        assert all(len(references) == 1 for references in lives.values()), f"message {n}: references {dict(lives)}"
        told = record.bank.told(n)
        if wanted.long and told and told[-1]["type"] in _AFTER_SENDING:
            wholes = [
                [each for each in entries if each.reference == reference] for reference in set().union(*lives.values())
            ]
            assert any(map(_whole, wholes)), f"no handset can join message {n}: {dict(lives)}"


def tells_each_end_once(record: Record) -> None:
    """A message ends once, and nothing is told of it afterwards; each event comes until it is acknowledged."""
    assert not record.bank.changed, "an event came again, and was another one"
    missing = record.events.keys() - record.bank.events.keys()
    assert not missing, f"never came: {[record.events[cursor] for cursor in missing]}"
    for n in range(len(record.story.wanted)):
        told = record.bank.told(n)
        assert not any(event["final"] for event in told[:-1]), f"message {n} ended, and went on: {told}"
        kinds = [event["type"] for event in told]
        assert len(set(kinds)) == len(kinds), f"message {n} was told twice of: {kinds}"


def credits_the_right_message(record: Record) -> None:
    """What a receipt says is told of the message that it was about, and of no other."""
    for n in range(len(record.story.wanted)):
        entries = _entries(record, n)
        for event in record.bank.told(n):
            if event["type"] == "delivered":
                good = {entry.part for entry in entries if entry.state == b"DELIVRD"}
                assert good >= _parts(entries), f"message {n} is delivered, and its receipts do not say so"
            if receipt := event.get("receipt"):
                says = {(_plain(entry.id), entry.state.decode()) for entry in entries if entry.state}
                assert (_plain(receipt["message_id"].encode()), receipt["state"]) in says, (
                    f"{event} is not of message {n}"
                )


def tells_the_truth_of_refusals(record: Record) -> None:
    """Rejected is what the carrier refused, canceled and expired what it was never handed, or says so itself."""
    for n, wanted in enumerate(record.story.wanted):
        entries = _entries(record, n)
        kinds = {event["type"]: event for event in record.bank.told(n)}
        if "rejected" in kinds:
            assert not all(entry.taken for entry in entries), f"message {n} is rejected, and nobody refused it"
        if "canceled" in kinds or n in record.bank.canceled:
            assert wanted.cancel, f"message {n} was not to be canceled"
            assert not any(entry.taken for entry in entries), f"message {n} is canceled, and the carrier has it"
        if "expired" in kinds and "receipt" not in kinds["expired"]:
            assert wanted.ttl, f"message {n} has no time to run out of"
            assert not any(entry.taken for entry in entries), f"message {n} is expired, and the carrier has it"
        if wanted.ttl:
            begun = min((entry.at for entry in entries if entry.taken), default=inf)  # the rest of it follows
            late = [entry.at for entry in entries if begun >= entry.at > wanted.at + wanted.ttl + MOMENT]
            assert not late or _excused(record, n), f"message {n} was handed over after its time: {late}"


def sends_only_when_bound(record: Record) -> None:
    """Nothing is sent on a session that is not bound; sequence numbers are valid, and not in use already."""
    assert not record.ledger.unbound, f"{record.ledger.unbound} submit_sm came on sessions that were not bound"
    for entry in record.ledger.entries:
        assert 1 <= entry.sequence <= MAX_SEQUENCE
        assert not entry.doubled, f"sequence number {entry.sequence} was given again while it was unanswered"


PROMISES: Final[tuple[Callable[[Record], None], ...]] = (
    has_no_defect,  # first, for it may be why another is broken
    loses_nothing,
    sends_reported_once,
    flags_what_may_be_double,
    flags_nothing_else,
    keeps_the_window,
    keeps_the_rate,
    keeps_parts_together,
    keeps_to_one_carrier,
    keeps_the_order,
    lets_nothing_pass_by,
    keeps_the_reference,
    tells_each_end_once,
    credits_the_right_message,
    tells_the_truth_of_refusals,
    sends_only_when_bound,
)


def _entries(record: Record, n: int) -> list[Entry]:
    number = record.bank.number(n)
    return [entry for entry in record.ledger.entries if entry.number == number]


def _place(record: Record, entry: Entry) -> int:
    return record.ledger.entries.index(entry)


def _in_order(record: Record, m: int, n: int) -> bool:
    """Whether a message was accepted before another of its lane."""
    first, second = record.story.wanted[m], record.story.wanted[n]
    return first.lane == second.lane and first.at <= second.at


def _only_slowed(entries: list[Entry]) -> bool:
    """Whether a message was refused for its speed only, and nothing is unknown of it."""
    return all(entry.deed in SPEED or (entry.taken and entry.deed in _PLAIN) for entry in entries)


def _broken(record: Record, since: float, until: float) -> bool:
    """Whether a connection or the gateway broke, or a connection was about to, in a time."""
    ends = (*record.ledger.ends, *record.deaths, *record.stops)
    return bool(record.story.faults) or any(since <= at <= until for at in ends)


def _parts(entries: list[Entry]) -> set[int]:
    return set(range(1, entries[0].total + 1)) if entries else set()


def _whole(entries: list[Entry]) -> bool:
    return bool(entries) and {entry.part for entry in entries if entry.taken} == _parts(entries)


def _plain(id_: bytes) -> int:
    """An id however it is spelled: all of them begin as one number."""
    text = id_.decode()
    return int(text, 16) if any(letter in "abcdefABCDEF" for letter in text) else int(text)


def _check_open_end(record: Record, n: int, kind: str, entries: list[Entry]) -> None:
    if kind == "submitted":
        missing = [entry for entry in entries if entry.taken and not entry.told]
        assert missing, f"message {n} awaits receipts, and all have come"
    else:
        assert kind == "unknown", f"message {n} was told of {kind} and nothing after it"
        wanted = record.story.wanted[n]
        assert wanted.on_unknown == "report" or wanted.ttl, f"message {n} was to be sent again"


def _excused(record: Record, n: int) -> bool:
    """Whether something happened that makes it impossible to know what became of a message."""
    entries = _entries(record, n)
    late = any(min(entry.answered, inf) - entry.at >= RESPONSE_TIMEOUT - SLACK for entry in entries)
    ends = [end for end in record.ledger.ends if end < inf]
    return late or bool(record.deaths) or bool(ends[: -record.story.lines]) or bool(record.story.faults)


def _befell(record: Record, entries: list[Entry], begun: float, later: Entry) -> bool:
    """Whether something parted two parts: a connection ended, the gateway died, or a part was not simply accepted."""
    broken = any(begun <= at <= later.at for at in (*record.ledger.ends, *record.deaths, *record.stops))
    before = [entry for entry in entries if entry.at <= later.at and entry is not later]
    return broken or any(not entry.taken or entry.answered > entry.at + RESPONSE_TIMEOUT - SLACK for entry in before)


def summarise(record: Record) -> dict[str, Any]:
    """What happened in a story, in numbers, so that it is seen that something did."""
    times = Counter((entry.number, entry.part) for entry in record.ledger.entries if entry.taken)
    kinds = Counter(event["type"] for event in record.bank.events.values())
    return {
        "stories": 1,
        "messages": len(record.bank.accepted),
        "parts taken": sum(times.values()),
        "parts refused": sum(not entry.taken for entry in record.ledger.entries),
        "parts taken again": sum(count - 1 for count in times.values()),
        "parts over beta": sum(entry.carrier == "beta" for entry in record.ledger.entries),
        "connections": len(record.ledger.ends),
        "crashes": len(record.deaths),
        **kinds,
    }
