"""What differs between two configurations, told by paths and never by values."""

from pathlib import Path

import pytest

from config.settings import Settings
from gateway.changes import FIXED, compare, keep_fixed
from tests.gateway.builders import bind_table, settings

TWO = {"carriers.alpha.binds": [bind_table(), bind_table()]}


def test_the_same_is_no_change(tmp_path: Path) -> None:
    changes = compare(settings(tmp_path), settings(tmp_path))
    assert (changes.added, changes.changed, changes.removed, changes.restart) == ([], [], [], [])


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"carriers.alpha.binds.0.window": 11}, "carriers.alpha.binds.0.window"),
        ({"carriers.alpha.binds.0.password": "another"}, "carriers.alpha.binds.0.password"),
        ({"carriers.alpha.statuses": {"RSYSERR": "throttle"}}, "carriers.alpha.statuses.RSYSERR"),
        ({"clients.bank.secret": "another"}, "clients.bank.secret"),
        ({"clients.shop": {"secret": "another"}}, "clients.shop"),
        ({"gateway.lane_shares": {"bulk": 3}}, "gateway.lane_shares.bulk"),
        ({"profiles.mine": {"max_parts": 3}}, "profiles.mine"),
        ({"routes": [{"carriers": ["alpha"], "prefixes": ["81"]}]}, "routes.0.prefixes"),
        ({"routes": [{"carriers": ["alpha"]}, {"carriers": ["alpha"]}]}, "routes.1"),
        (TWO, "carriers.alpha.binds.1"),
    ],
)
def test_a_change_is_told_by_the_path_of_what_is_other(tmp_path: Path, changes: dict[str, object], path: str) -> None:
    plain, other = settings(tmp_path), settings(tmp_path, changes)
    there, back = compare(plain, other), compare(other, plain)
    assert (*there.added, *there.changed, *there.removed, *there.restart) == (path,)
    assert (*back.added, *back.changed, *back.removed, *back.restart) == (path,)
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"gateway.data_dir": "elsewhere"}, "gateway.data_dir"),
        ({"upstream.listen": ["unix:other.sock"]}, "upstream.listen"),
        ({"web.listen": "127.0.0.1:1"}, "web.listen"),
    ],
)
def test_what_is_read_at_the_start_only_is_kept_and_said(tmp_path: Path, changes: dict[str, object], path: str) -> None:
    plain, other = settings(tmp_path), settings(tmp_path, changes | {"gateway.max_waiting": 5})
    found = compare(plain, other)
    assert (found.restart, found.changed) == ([path], ["gateway.max_waiting"])
    kept = keep_fixed(plain, other)
    assert kept.gateway.max_waiting == 5
    assert compare(plain, kept).restart == []


@pytest.mark.parametrize("path", FIXED)
def test_every_key_that_is_read_at_the_start_only_is_there(path: str) -> None:
    table, key = path.split(".")
    kind = Settings.model_fields[table].annotation
    assert kind is not None
    assert key in kind.model_fields
