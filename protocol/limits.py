"""What a session waits for and how long: its timers and limits, as data."""

from dataclasses import dataclass
from enum import Enum
from math import inf

from protocol.constants import MAX_PDU_OCTETS


class Timer(Enum):
    """What a session waits for, each with its own deadline."""

    INIT = "session was not bound in time"
    ENQUIRE = "the line has been silent; time to enquire"
    PROBE = "enquire_link was not answered"
    PARTIAL = "a PDU was begun and not finished"
    INACTIVITY = "no transaction for too long"
    UNBIND = "unbind was not answered"
    DRAIN = "the peer unbound, and not everything was answered in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds (7.2), sizes in octets."""

    init_timeout: float = 10.0
    """From the connection to the bind's answer (session_init_timer)."""
    response_timeout: float = 60.0
    """From a request to its answer (response_timer)."""
    enquire_link_interval: float = 30.0
    """Silence from the peer before we enquire (enquire_link_timer); inf: never."""
    enquire_link_timeout: float = 10.0
    """From our enquire_link to a PDU from the peer, or to its next octets while it is sending one."""
    inactivity_timeout: float = inf
    """Without any transaction but enquire_link, until we unbind (inactivity_timer); inf: never."""
    partial_timeout: float = 30.0
    """From the first octet of a PDU to its last."""
    unbind_timeout: float = 5.0
    """From our unbind to its answer."""
    drain_timeout: float = 5.0
    """From the peer's unbind to our answer, for what is unanswered on either side."""
    window: int = 10
    """Requests unanswered at once; bind, unbind and enquire_link do not count."""
    late_answers: int = 10_000
    """Unanswered requests remembered, so that an answer that comes late still finds its tag."""
    max_pdu: int = MAX_PDU_OCTETS
