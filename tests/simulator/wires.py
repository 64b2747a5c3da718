"""A wire of memory for tests, with a tap on it: both ends, and what passed."""

from typing import Final, TypeAlias

import pytest
import trio
from hypothesis import strategies as st
from trio.testing import lockstep_stream_pair, memory_stream_pair

from protocol.codec import encode
from protocol.pdu import SubmitSm, SubmitSmResp, Unbind
from simulator.wire import Direction, Wire

PDU: Final = encode(SubmitSm(short_message=b"hello"), 1)
ANSWER: Final = encode(SubmitSmResp(b"1"), 1)
JUNK: Final = b"\xff" * 20
SENT, RECEIVED = Direction.SENT, Direction.RECEIVED
_SUBMITS: Final = st.builds(SubmitSm, short_message=st.binary(max_size=100))
A_PDU: Final = st.builds(encode, st.one_of(_SUBMITS, st.just(Unbind())), st.integers(1, 99))
MOST_SECONDS: Final = 3600.0
"""Of the virtual clock: no test takes so long."""

Seen: TypeAlias = list[tuple[Direction, bytes, float]]


class Pair:
    """A wire that runs, the far end of it, and what its tap saw."""

    def __init__(self, nursery: trio.Nursery, *, lockstep: bool = False) -> None:
        self.far: trio.abc.Stream
        near, self.far = lockstep_stream_pair() if lockstep else memory_stream_pair()
        self.nursery = nursery
        self.seen: Seen = []
        self.wire = Wire(near, taps=[lambda *chunk: self.seen.append(chunk)])
        self.began = trio.current_time()
        nursery.start_soon(self.wire.run)
        nursery.start_soon(self._give_up)

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return trio.current_time() - self.began

    def passed(self, direction: Direction) -> bytes:
        """All that the tap saw go this way."""
        return b"".join(octets for way, octets, _ in self.seen if way is direction)

    async def read_all(self) -> bytes:
        """Everything the far end gets until the wire closes."""
        return b"".join([bytes(octets) async for octets in self.far])

    async def _give_up(self) -> None:
        await trio.sleep(MOST_SECONDS)
        raise AssertionError("the test waits for what never comes")


async def fails_to_read(wire: Wire) -> None:
    """Read from a wire that is closed, or will be."""
    with pytest.raises(trio.ClosedResourceError):
        await wire.receive_some(100)


async def fails_to_write(wire: Wire) -> None:
    """Write to a wire that is closed, or will be."""
    with pytest.raises(trio.ClosedResourceError):
        await wire.send_all(PDU)
