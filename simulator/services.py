"""The rarer operations: submit_multi, data_sm, query_sm, cancel_sm and replace_sm; broadcasts are refused."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protocol import times
from protocol.constants import MessageState, Status, Tag
from protocol.operations import (
    BroadcastSm,
    CancelBroadcastSm,
    CancelSm,
    DataSm,
    DataSmResp,
    QueryBroadcastSm,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    UnsuccessfulSme,
)
from protocol.pdu import RESPONSES, Pdu, SubmitSm
from protocol.tags import find_tlv

if TYPE_CHECKING:
    from simulator.connection import Connection

ADDRESS_OCTETS: Final = 20
"""The longest address in submit_sm and deliver_sm; in data_sm it could have 64 (5.2.8)."""
_SHARED: Final = [name for name, _ in SubmitSm.row if not name.startswith("dest")]
"""The fields of submit_multi that every one of its messages has."""


def serve(connection: "Connection", pdu: Pdu, sequence_number: int, now: float) -> tuple[Pdu, int]:
    """Do what a request other than bind and submit_sm asks; returns the response and its command_status."""
    return _SERVICES[type(pdu)](connection, pdu, sequence_number, now)


def _submit_multi(connection: "Connection", pdu: SubmitMulti, sequence: int, now: float) -> tuple[Pdu, int]:
    """One message for many: each destination is a message of its own, all under the id of the first that is taken."""
    shared = {name: getattr(pdu, name) for name in _SHARED}
    message_id, failed = b"", []
    for entry in pdu.dest_address:
        if isinstance(entry, SmeAddress):
            ends = {name: getattr(entry, name) for name, _ in SmeAddress.row}
            status, given = connection.submit(SubmitSm(**shared, **ends), sequence, now, message_id)
            message_id = message_id or given
            if status:
                failed.append(UnsuccessfulSme(**ends, error_status_code=status))
        else:
            failed.append(UnsuccessfulSme(destination_addr=entry.dl_name, error_status_code=Status.RINVDLNAME))
    if not message_id:
        return SubmitMultiResp(), failed[0].error_status_code if failed else Status.RINVNUMDESTS
    return SubmitMultiResp(message_id, tuple(failed)), Status.ROK


def _data_sm(connection: "Connection", pdu: DataSm, sequence: int, now: float) -> tuple[Pdu, int]:
    """A message whose body is a message_payload."""
    if find_tlv(pdu.tlvs, Tag.MESSAGE_PAYLOAD) is None:
        return DataSmResp(), Status.RMISSINGOPTPARAM
    for address, status in ((pdu.source_addr, Status.RINVSRCADR), (pdu.destination_addr, Status.RINVDSTADR)):
        if len(address) > ADDRESS_OCTETS:
            return DataSmResp(), status
    submit = SubmitSm(**{name: getattr(pdu, name) for name, _ in DataSm.row})
    refusal, message_id = connection.submit(submit, sequence, now)
    return DataSmResp(message_id), refusal


def _query_sm(connection: "Connection", pdu: QuerySm, _sequence: int, now: float) -> tuple[Pdu, int]:
    fate = connection.smsc.fates.find(pdu, connection.system_id)
    if fate is None:
        return QuerySmResp(), Status.RINVMSGID
    state = fate.state(now)
    ended = state is not MessageState.ENROUTE
    date = times.absolute(fate.done_at + connection.smsc.epoch).encode("ascii") if ended else b""
    return QuerySmResp(pdu.message_id, date, state), Status.ROK


def _cancel_sm(connection: "Connection", pdu: CancelSm, _sequence: int, now: float) -> tuple[Pdu, int]:
    return RESPONSES[pdu.id](), connection.smsc.fates.cancel(pdu, connection.system_id, now)


def _replace_sm(connection: "Connection", pdu: ReplaceSm, sequence: int, now: float) -> tuple[Pdu, int]:
    replaced = connection.smsc.fates.replace(pdu, connection.system_id, now)
    for submit in replaced:
        connection.record(submit, pdu.message_id, sequence, now)
    return RESPONSES[pdu.id](), Status.ROK if replaced else Status.RREPLACEFAIL


def _refuse(status: Status) -> Callable[..., tuple[Pdu, int]]:
    return lambda _connection, pdu, _sequence, _now: (RESPONSES[pdu.id](), status)


_SERVICES: Final[dict[type[Pdu], Callable[..., tuple[Pdu, int]]]] = {
    SubmitMulti: _submit_multi,
    DataSm: _data_sm,
    QuerySm: _query_sm,
    CancelSm: _cancel_sm,
    ReplaceSm: _replace_sm,
    BroadcastSm: _refuse(Status.RBCASTFAIL),
    QueryBroadcastSm: _refuse(Status.RBCASTQUERYFAIL),
    CancelBroadcastSm: _refuse(Status.RBCASTCANCELFAIL),
}
