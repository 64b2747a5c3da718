"""Invariant: `Frames` raises nothing, whatever comes over the upstream socket; `broken` holds a FrameError.

The frames, and whether the stream is broken, do not depend on how it is cut into reads; each frame can be packed again.
"""

from typing import Final

import msgpack

from protocol.errors import FrameError
from protocol.upstream import CLIENT_KINDS, GATEWAY_KINDS, Frame, Frames, pack
from tests.fuzz.attempts import Target

KINDS: Final = CLIENT_KINDS | GATEWAY_KINDS
MAX_FRAME: Final = 256
MAX_DEPTH: Final = 6
ROOMY: Final = 16 * MAX_FRAME
"""Packed again, a frame may be longer: numbers of 32 bits come back in 64."""


def check(octets: bytes) -> None:
    whole, cut = (Frames(KINDS, max_frame=MAX_FRAME, max_depth=MAX_DEPTH) for _ in range(2))
    frames = whole.feed(octets)
    pieces = [frame for at in range(len(octets)) for frame in cut.feed(octets[at : at + 1])]
    assert repr(pieces) == repr(frames)  # by their repr, for a NaN is not equal to itself
    assert (cut.broken is None) == (whole.broken is None)
    for frame in frames:
        again = Frames(KINDS, max_frame=ROOMY, max_depth=MAX_DEPTH)
        assert repr(again.feed(pack(frame))) == repr([frame])
    if whole.broken:
        raise whole.broken


def seeds() -> list[bytes]:
    """A frame of each kind, and values that msgpack has and we refuse."""
    frames: list[Frame] = [[kind, *range(1, items)] for kind, items in KINDS.items()]
    frames += [
        ["hello", {"version": 1, "client": "bank", "secret": "s3cret", "agent": "fuzz/1"}],
        [
            "submit",
            1,
            [{"id": "1", "to": "090-1234-5678", "text": "電報🙏", "lane": "otp", "ttl": 1.5, "receipt": True}],
        ],
        ["events", [[7, {"type": "delivered", "id": "1", "at": 1.5e9, "parts": 1}]]],
        ["ping", [[[[[[1]]]]]]],
    ]
    odd = [{1: 2}, [b"ping", 1], msgpack.ExtType(5, b"x"), msgpack.Timestamp(1), "ping", [], ["ping", {b"k": 1}]]
    packed = [pack(each) for each in frames]
    return [
        *packed,
        *(msgpack.packb(each) for each in odd),
        b"".join(packed),
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 1000,
        b"\xc1",
    ]


TARGET: Final = Target("frames", check, (FrameError,), seeds)
