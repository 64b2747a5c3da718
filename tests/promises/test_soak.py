"""What is printed of stories from seeds that nobody chose: enough to tell each of them again."""

import threading

import pytest

from tests.promises import __main__ as soak
from tests.promises.stories import Story


def test_the_command_of_a_round_tells_the_same_stories_again() -> None:
    told = soak.Round(77, "disk=0.3,lazy=True")
    assert told.command == "python -m tests.promises --seed 77 --shape disk=0.3,lazy=True"
    assert soak.read_shape(told.shape) == {"disk": 0.3, "lazy": True}


def test_a_story_that_comes_to_no_end_is_printed_with_its_seed_and_the_place(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(soak, "HANGS", 0.0)
    monkeypatch.setattr("os._exit", lambda code: ended.set())
    with soak.Round(77)._watched(Story(disk=0.3)):
        assert ended.wait(30.0)
    told = capfd.readouterr().err
    assert "--seed 77" in told
    assert "disk=0.3" in told
    assert "test_a_story_that_comes_to_no_end" in told
