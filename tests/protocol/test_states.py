"""The tables of the session's life, against the operation matrix of the specification, typed again."""

import pytest

from protocol.constants import RESPONSE_BIT, CommandId
from protocol.pdu import NOTICES, RESPONSES
from protocol.states import BOUND, MAY_SEND, MOVES, SENDERS, Role, State

BINDS = {CommandId.BIND_TRANSMITTER, CommandId.BIND_RECEIVER, CommandId.BIND_TRANSCEIVER}
LINK = {CommandId.ENQUIRE_LINK}
ENDS = {CommandId.UNBIND, *LINK}
SUBMIT = {
    *(CommandId.SUBMIT_SM, CommandId.SUBMIT_MULTI, CommandId.DATA_SM),
    *(CommandId.QUERY_SM, CommandId.CANCEL_SM, CommandId.REPLACE_SM),
    *(CommandId.BROADCAST_SM, CommandId.QUERY_BROADCAST_SM, CommandId.CANCEL_BROADCAST_SM),
}
DELIVER = {CommandId.DELIVER_SM, CommandId.DATA_SM, CommandId.ALERT_NOTIFICATION}
ALLOWED = {
    (Role.ESME, State.OPEN): BINDS | LINK,
    (Role.ESME, State.BOUND_TX): SUBMIT | ENDS,
    (Role.ESME, State.BOUND_RX): ENDS,
    (Role.ESME, State.BOUND_TRX): SUBMIT | ENDS,
    (Role.ESME, State.DRAINING): LINK,
    (Role.ESME, State.UNBINDING): LINK,
    (Role.ESME, State.CLOSED): set(),
    (Role.SMSC, State.OPEN): {CommandId.OUTBIND} | LINK,
    (Role.SMSC, State.BOUND_TX): ENDS,
    (Role.SMSC, State.BOUND_RX): DELIVER | ENDS,
    (Role.SMSC, State.BOUND_TRX): DELIVER | ENDS,
    (Role.SMSC, State.DRAINING): LINK,
    (Role.SMSC, State.UNBINDING): LINK,
    (Role.SMSC, State.CLOSED): set(),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
def test_each_role_may_send_in_each_state_what_the_matrix_says(role: Role, state: State) -> None:
    assert {id_ for who, when, id_ in MAY_SEND if (who, when) == (role, state)} == ALLOWED[role, state]


def test_every_request_we_read_has_its_row() -> None:
    assert set(SENDERS) == set(RESPONSES) | NOTICES


def test_each_bind_leads_to_the_state_of_its_name() -> None:
    assert {(state, id_): new for (state, id_), new in MOVES.items()} == {
        (State.OPEN, CommandId.BIND_TRANSMITTER | RESPONSE_BIT): State.BOUND_TX,
        (State.OPEN, CommandId.BIND_RECEIVER | RESPONSE_BIT): State.BOUND_RX,
        (State.OPEN, CommandId.BIND_TRANSCEIVER | RESPONSE_BIT): State.BOUND_TRX,
    }
    assert set(MOVES.values()) == BOUND
