"""`python -m protocol`: the tables of this room as a page of Markdown, which is docs/protocol.md."""

from collections.abc import Iterable, Iterator
from typing import Final

from protocol.constants import DATA_CODINGS, RESPONSE_BIT, ROOM, Coding, CommandId, MessageState, Tag
from protocol.fields import FIELD_SECTIONS, Kind
from protocol.operations import DistributionList, SmeAddress, UnsuccessfulSme
from protocol.pdu import NOTICES, PDUS
from protocol.receipt import FINAL_STATES, STATE_NAMES
from protocol.states import SENDERS, Role, State
from protocol.statuses import Status, StatusClass, status_class, status_name, status_text
from protocol.tags import FORMS

_HEAD: Final = """# SMPP as Denpo speaks it

Drawn from the tables in `protocol/` by `make docs`; a test keeps it true, so change the tables, not this page.
Sections are those of SMPP 3.4 Issue 1.2, or of SMPP 5.0 where it says so. A C-octet string's width counts its NUL.
"""
_STATES: Final = [state for state in State if state is not State.CLOSED]
_INITIALS: Final = {Role.ESME: "E", Role.SMSC: "S"}


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            _HEAD,
            *_chapter("PDUs", _pdus()),
            *_chapter("Operation matrix", _matrix()),
            *_chapter("Fields", _fields()),
            *_chapter("Optional parameters", _parameters()),
            *_chapter("Statuses", _statuses()),
            *_chapter("Message states", _message_states()),
            *_chapter("Codings", _codings()),
            *_chapter("Room for a body", _room()),
        ]
    )


def _chapter(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield from (f"## {title}", "", *lines, "")


def _table(heads: str, rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = heads.split(", ")
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    yield from (f"| {' | '.join(map(str, row))} |" for row in rows)


def _pdus() -> Iterator[str]:
    ids = sorted(PDUS, key=lambda id_: (id_ & ~RESPONSE_BIT, id_))
    rows = ((_name(id_), f"0x{id_:08X}", _sort(id_), PDUS[id_].section, PDUS[id_].__doc__) for id_ in ids)
    return _table("PDU, command_id, sort, section, what it does", rows)


def _matrix() -> Iterator[str]:
    yield "Who may send what in which state (2.3): E the ESME, S the SMSC. What one may send, the other may be sent."
    yield "A response may be sent to whatever was taken; what comes out of place is answered with `ESME_RINVBNDSTS`."
    yield ""
    rows = ((_name(id_), *(_senders(id_, state) for state in _STATES)) for id_ in SENDERS)
    yield from _table(f"PDU, {', '.join(state.name for state in _STATES)}", rows)


def _fields() -> Iterator[str]:
    shown: dict[tuple[tuple[str, Kind], ...], list[str]] = {}
    for id_, pdu in PDUS.items():
        shown.setdefault(pdu.row, []).append(_name(id_))
    for entry in (SmeAddress, DistributionList, UnsuccessfulSme):
        shown[entry.row] = [f"an entry of the list: {entry.__name__}"]
    yield f"{', '.join(shown.pop(()))} have none."
    for row, names in shown.items():
        yield from ("", f"### {', '.join(names)}", "")
        yield from _table("field, width, section", ((f"`{n}`", kind.width, FIELD_SECTIONS[n]) for n, kind in row))


def _parameters() -> Iterator[str]:
    rows = ((f"`{tag.name.lower()}`", f"0x{tag:04X}", FORMS[tag].width, FORMS[tag].section) for tag in Tag)
    return _table("parameter, tag, value, section", rows)


_UNLISTED: Final = {
    StatusClass.ELSEWHERE: "None, unless a carrier is known to mean this by one.",
    StatusClass.VENDOR: "Any status that is not in this list.",
}


def _statuses() -> Iterator[str]:
    yield "What to do about an error is not SMPP's to say; this is the default, which a carrier may need otherwise."
    for kind in StatusClass:
        known = [status for status in Status if status and status_class(status) is kind]
        yield from ("", f"### {kind.name.lower()}: {kind.value}", "")
        if known:
            rows = ((f"`{status_name(each)}`", f"0x{each:08X}", status_text(each)) for each in known)
            yield from _table("status, value, meaning", rows)
        else:
            yield _UNLISTED[kind]


def _message_states() -> Iterator[str]:
    rows = ((int(state), state.name, STATE_NAMES[state], _mark(state in FINAL_STATES)) for state in MessageState)
    return _table("message_state, name, in a receipt's text, final", rows)


def _codings() -> Iterator[str]:
    rows = ((f"0x{number:02X}", coding.value) for number, coding in sorted(DATA_CODINGS.items()))
    return _table("data_coding, coding unless a carrier says otherwise", rows)


def _room() -> Iterator[str]:
    rows = ((form.value, *room) for form, room in ROOM.items())
    return _table(f"concatenation, {Coding.UCS2.value} units, septets, octets", rows)


def _name(id_: int) -> str:
    return f"`{CommandId(id_).name.lower()}`"


def _sort(id_: int) -> str:
    if id_ & RESPONSE_BIT:
        return "response"
    return "notice" if id_ in NOTICES else "request"


def _senders(id_: int, state: State) -> str:
    return " ".join(_INITIALS[role] for role in Role if state in SENDERS[id_].get(role, ()))


def _mark(yes: bool) -> str:
    return "yes" if yes else ""


if __name__ == "__main__":
    print(page(), end="")
