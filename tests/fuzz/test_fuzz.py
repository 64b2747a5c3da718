"""The fuzz targets hold for their own seeds, and for a few mutations of them; and a bug would be noticed."""

from pathlib import Path
from random import Random
from typing import NoReturn

import pytest

from protocol.upstream import CLIENT_KINDS, Frames
from tests.fuzz.asked import frames_from
from tests.fuzz.attempts import Attempts, Target
from tests.fuzz.targets import TARGETS

MUTATIONS = 300
EACH = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def mutated(octets: bytes, dice: Random) -> bytes:
    """Some octets changed, lost, doubled or added."""
    changed = bytearray(octets or b"\0")
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(changed))
        changed[at : at + dice.randint(0, 2)] = dice.randbytes(dice.randint(0, 2))
        changed = changed or bytearray(1)
    return bytes(changed)


@EACH
def test_the_seeds_keep_the_promise(target: Target, tmp_path: Path) -> None:
    attempts = Attempts(target, tmp_path)
    assert all(attempts.attempt(octets) for octets in target.seeds())
    assert attempts.raised.total() < attempts.tried == len(target.seeds())


@EACH
def test_mutated_seeds_keep_the_promise(target: Target, tmp_path: Path) -> None:
    seeds, dice, attempts = target.seeds(), Random(1), Attempts(target, tmp_path)
    assert all(attempts.attempt(mutated(dice.choice(seeds), dice)) for _ in range(MUTATIONS))
    assert {cls.__name__ for cls in target.documented} == set(attempts.raised)


def test_an_undocumented_exception_is_told_and_its_input_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(octets: bytes) -> NoReturn:
        raise KeyError if octets == b"\xca\xfe" else ValueError

    attempts = Attempts(Target("broken", check, (ValueError,), list), tmp_path / "findings")
    assert [attempts.attempt(octets) for octets in (b"a", b"\xca\xfe", b"b")] == [True, False, True]
    [file] = (tmp_path / "findings").iterdir()
    assert bytes.fromhex(file.read_text(encoding="ascii")) == b"\xca\xfe"
    said = capsys.readouterr()
    assert str(file) in said.out
    assert "KeyError" in said.err
    assert attempts.summary().split() == ["broken", "3", "inputs,", "2", "ValueError"]


@pytest.mark.parametrize("start", range(0, 256, 16))
def test_drawn_frames_are_whole_and_of_a_known_kind(start: int) -> None:
    frames = Frames(CLIENT_KINDS, max_frame=1 << 20, max_depth=32)
    drawn = frames.feed(frames_from(bytes((start + n * 7) % 256 for n in range(200))))
    assert drawn
    assert frames.broken is None


def test_what_a_target_has_started_is_ended_and_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calm = Attempts(Target("calm", print, (), list, lambda: "all was well"), tmp_path)
    assert calm.close()
    assert capsys.readouterr().out.splitlines()[1:] == ["all was well"]

    def grown() -> str:
        raise AssertionError("it has grown")

    assert not Attempts(Target("broken", print, (), list, grown), tmp_path).close()
    assert "it has grown" in capsys.readouterr().err
