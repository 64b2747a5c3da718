"""The error tree: whoever catches SmppError catches all of it."""

import pytest

from protocol import errors
from protocol.errors import (
    EncodingError,
    FrameError,
    LocalProtocolError,
    RemoteProtocolError,
    SmppError,
    TextError,
    WindowFull,
)

TREE = {
    SmppError: Exception,
    LocalProtocolError: SmppError,
    WindowFull: LocalProtocolError,
    EncodingError: SmppError,
    RemoteProtocolError: SmppError,
    TextError: SmppError,
    FrameError: SmppError,
}


def test_the_tree_is_the_one_drawn() -> None:
    found = {error: error.__bases__[0] for error in vars(errors).values() if isinstance(error, type)}
    assert found == TREE


def test_errors_carry_what_is_owed_beside_their_reason() -> None:
    remote = RemoteProtocolError("too short", 2, fatal=True)
    assert (str(remote), remote.status, remote.fatal) == ("too short", 2, True)
    assert RemoteProtocolError("too short", 2).fatal is False


@pytest.mark.parametrize("cls", [TextError, FrameError])
def test_errors_of_texts_and_frames_carry_their_code(cls: type[TextError] | type[FrameError]) -> None:
    error = cls("bad_text", "a lone surrogate at 3")
    assert (error.code, str(error)) == ("bad_text", "a lone surrogate at 3")
