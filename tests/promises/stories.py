"""What happens to a gateway in one run: drawn by hypothesis, small enough to be read, and told by `lives.tell`.

A story that breaks a promise is printed whole and shrunk; put into a test as it is printed, it happens again.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from hypothesis import strategies as st

from protocol.constants import Status

RESPONSE_TIMEOUT: Final = 2.0
GRACE: Final = 3.0
"""Seconds an unknown part waits before on_unknown decides."""
SHORT: Final = "短い"
LONG: Final = "電" * 71
"""One unit too long for a single short message."""

ELSEWHERE: Final = 0x400
"""What both carriers mean by it: the number is another's."""
REFUSALS: Final[dict[str, int]] = {
    "throttle": Status.RTHROTTLED,
    "full": Status.RMSGQFUL,
    "fail": Status.RSYSERR,
    "forget": Status.RINVBNDSTS,
    "reject": Status.RINVDSTADR,
    "nack": Status.RSYSERR,
    "late reject": Status.RINVDSTADR,
    "late throttle": Status.RTHROTTLED,
    "elsewhere": ELSEWHERE,
}
"""What the SMSC does with a part that it does not take."""
ANSWERS: Final = ("accept", "slow", "slower", "late", "silent", "double", "double other", "late double other", "cut")
"""What it does with one that it takes: silent and cut are lost answers, other: the second one has another id."""
RECEIPTS: Final = (
    "ok",
    "early",
    "slow",
    "lost",
    "double",
    "other",
    "failed",
    "failed twice",
    "expired",
    "enroute first",
)
REFUSED_BINDS: Final = (Status.RALYBND, Status.RBINDFAIL, Status.RSYSERR)
UNREACHABLE: Final = -1
MUTE: Final = -2
"""In the place of a bind's status: no connection; no answer."""


@dataclass(frozen=True)
class Wanted:
    """A message: when it is submitted (seconds), how, and after which time cancelled."""

    at: float = 0.0
    long: bool = False
    on_unknown: str = "resend"
    lane: str = "normal"
    receipt: bool = True
    ttl: float = 0.0
    cancel: float = 0.0


@dataclass(frozen=True)
class Fault:
    """What is wrong with one connection to the SMSC: after so many octets one way or the other it is cut.

    A silent one is not closed: nothing more comes through, and nobody is told. `chunk`: octets in a read, at most.
    """

    sent: float = inf
    received: float = inf
    silent: bool = False
    chunk: int = 65_536


@dataclass(frozen=True)
class Death:
    """How a life of the gateway ends: after so many things that it does, or a time; `stop`: as it should.

    What it was writing when it died was written up to the octet `torn`.
    """

    deeds: float = inf
    seconds: float = inf
    torn: int = 0
    stop: bool = False


@dataclass(frozen=True)
class Story:
    """All that happens; when the lists have been used up, everything is well."""

    wanted: tuple[Wanted, ...] = (Wanted(),)
    windows: tuple[int, ...] = (2,)
    """Of each bind of the carrier alpha."""
    beta: int = 0
    """Of the one bind of beta, which is next in the plan; 0: there is no such carrier."""
    rate: float = 0.0
    """Parts a second; 0: no limit."""
    piece: int = 36
    """Units in a part: 36 makes two of LONG, 24 three."""
    answers: tuple[str, ...] = ()
    """One for each part that comes, in order."""
    receipts: tuple[str, ...] = ()
    """One for each part that is taken."""
    binds: tuple[int, ...] = ()
    """One status for each try to bind."""
    faults: tuple[Fault, ...] = ()
    """One for each connection."""
    deaths: tuple[Death, ...] = ()
    """One for each life but the last."""
    memory: int = 50
    """Messages in memory: waiting in a lane, or for a receipt."""
    ids: str = "same"
    """How receipts spell ids: same, decimal for hexadecimal, upper for lower case; reused: few ids, again and again."""
    apart: bool = False
    """Whether the first bind is a transmitter, and another one a receiver."""
    disk: float = 0.0
    """Seconds that a commit takes."""
    lazy: bool = False
    """Whether the client acknowledges only now and then, and what it got no result for is not submitted again."""

    @property
    def sending(self) -> int:
        """Binds of alpha that may submit."""
        return 1 if self.apart else len(self.windows)

    @property
    def lines(self) -> int:
        """Binds of all carriers."""
        return self.sending + self.apart + bool(self.beta)

    def window(self, carrier: str, bind: int) -> int:
        """Of a bind that may submit."""
        return self.windows[bind] if carrier == "alpha" else self.beta


def _lists(values: st.SearchStrategy[object], most: int) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, max_size=most).map(tuple)


WANTED: Final = st.builds(
    Wanted,
    at=st.sampled_from((0.0, 0.0, 0.0, 0.7, 2.5)),
    long=st.booleans(),
    on_unknown=st.sampled_from(("resend", "report")),
    lane=st.sampled_from(("normal", "normal", "otp", "bulk")),
    receipt=st.sampled_from((True, True, True, False)),
    ttl=st.sampled_from((0.0, 0.0, 0.0, 3.0, 6.0)),
    cancel=st.sampled_from((0.0, 0.0, 0.0, 0.001, 1.0)),
)
PLAIN: Final = st.builds(
    Wanted,
    at=st.sampled_from((0.0, 0.0, 0.4, 1.02)),
    long=st.booleans(),
    on_unknown=st.sampled_from(("resend", "report")),
)
"""Messages that are simply to be sent."""
ANY_ANSWERS: Final = _lists(st.sampled_from((*ANSWERS, *REFUSALS, "accept", "accept")), 12)
ANY_RECEIPTS: Final = _lists(st.sampled_from(RECEIPTS), 8)
ANY_BINDS: Final = _lists(st.sampled_from((0, 0, 0, UNREACHABLE, MUTE, *REFUSED_BINDS)), 4)
OCTETS: Final = st.one_of(st.just(inf), st.integers(0, 700))
FAULTS: Final = _lists(st.builds(Fault, OCTETS, OCTETS, st.booleans(), st.sampled_from((1, 7, 65_536, 65_536))), 3)
DEATHS: Final = _lists(
    st.one_of(
        st.builds(Death, deeds=st.integers(0, 80), torn=st.integers(0, 200)),
        st.builds(Death, seconds=st.floats(0.0, 8.0)),
        st.builds(Death, seconds=st.floats(0.0, 8.0), stop=st.just(True)),
    ),
    3,
)
WINDOWS: Final = st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple)
PIECES: Final = st.sampled_from((36, 24))
BETA: Final = st.sampled_from((0, 1, 2))
IDS: Final = st.sampled_from(("same", "decimal", "upper", "reused"))
ANYTHING: Final = st.builds(
    Story,
    wanted=st.lists(WANTED, min_size=1, max_size=5).map(tuple),
    windows=WINDOWS,
    beta=BETA,
    rate=st.sampled_from((0.0, 0.0, 2.0, 7.0)),
    piece=PIECES,
    answers=ANY_ANSWERS,
    receipts=ANY_RECEIPTS,
    binds=ANY_BINDS,
    faults=FAULTS,
    deaths=DEATHS,
    memory=st.sampled_from((2, 50)),
    ids=IDS,
    apart=st.booleans(),
    disk=st.sampled_from((0.0, 0.0, 0.02, 0.3)),
    lazy=st.booleans(),
)
