"""A text is checked against every carrier of its plan: who cannot carry it is left out, and none is cut for twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wording import Loc
from gateway.core import text_profile
from gateway.guard import Guard, Refusal
from gateway.message import Message
from gateway.routing import Router
from protocol.text import Cut, Profile, cut
from tests.gateway.fakes import NOW, settings

BOTH: tuple[Loc, object] = (("routes",), [{"carriers": ["alpha", "beta"]}])
PROFILES: dict[str, dict[str, Any]] = {
    "latin": {"coding": "gsm7"},
    "short": {"max_parts": 1},
    "tight": {"part_units": 60},
    "alike": {"max_parts": 10},
}


def guard(alpha: str, beta: str, route: tuple[Loc, object] = BOTH) -> Guard:
    """One of a gateway with two carriers of these profiles."""
    plants: list[tuple[Loc, object]] = [(("profiles", name), keys) for name, keys in PROFILES.items()]
    plants += [(("carriers", "alpha", "profile"), alpha), (("carriers", "beta", "profile"), beta), route]
    made = settings(*plants)
    return Guard(made, Router(made.routes), {name: text_profile(made, name) for name in made.carriers})


def check(by: Guard, text: str, **more: object) -> Message | Refusal:
    return by.check("bank", {"id": "1", "to": "090-1234-5678", "text": text, **more}, NOW)


def accept(by: Guard, text: str, **more: object) -> Message:
    made = check(by, text, **more)
    assert isinstance(made, Message), made
    return made


@pytest.mark.parametrize(
    ("alpha", "beta", "text", "plan", "coding", "parts"),
    [
        ("generic", "latin", "hello", "alpha,beta", "gsm7", 1),
        ("generic", "latin", "電報", "alpha", "ucs2", 1),
        ("latin", "generic", "電報", "beta", "ucs2", 1),
        ("short", "generic", "電" * 71, "beta", "ucs2", 2),
        ("tight", "generic", "電" * 121, "alpha,beta", "ucs2", 3),
        ("generic", "tight", "電" * 121, "alpha,beta", "ucs2", 2),
        ("generic", "alike", "電" * 121, "alpha,beta", "ucs2", 2),
    ],
)
def test_the_plan_keeps_who_can_carry_the_text_and_the_first_of_them_says_how(
    alpha: str, beta: str, text: str, plan: str, coding: str, parts: int
) -> None:
    made = accept(guard(alpha, beta), text)
    assert (made.plan, made.coding, made.total) == (plan, coding, parts)
    assert made.cut is not None
    assert len(made.cut.pieces) == parts


@pytest.mark.parametrize(("alpha", "beta", "code"), [("latin", "short", "charset"), ("short", "latin", "too_long")])
def test_when_none_can_the_error_is_the_first_carriers(alpha: str, beta: str, code: str) -> None:
    refused = check(guard(alpha, beta), "電" * 71)
    assert isinstance(refused, Refusal)
    assert refused.error == code


def test_weights_are_kept_for_those_that_are_left() -> None:
    weighted: tuple[Loc, object] = (("routes",), [{"weights": {"alpha": 3, "beta": 1}}])
    by = guard("latin", "generic", weighted)
    assert [accept(by, text).plan for text in ("hello", "電")] == ["alpha:3,beta:1", "beta:1"]


def test_a_hinted_carrier_that_cannot_carry_the_text_leaves_it_to_the_others() -> None:
    by = guard("generic", "short")
    assert accept(by, "電" * 70, carrier="beta").plan == "=beta,alpha"
    assert accept(by, "電" * 71, carrier="beta").plan == "alpha"


@pytest.mark.parametrize(("most", "plan"), [(3, "alpha,beta"), (2, "beta")])
def test_what_the_client_allows_counts_for_each_carrier(most: int, plan: str) -> None:
    assert accept(guard("tight", "generic"), "電" * 121, max_parts=most).plan == plan


@pytest.mark.parametrize(
    ("alpha", "beta", "times"), [("generic", "generic", 1), ("generic", "alike", 1), ("generic", "tight", 2)]
)
def test_a_text_is_cut_once_for_all_profiles_that_are_alike(
    monkeypatch: pytest.MonkeyPatch, alpha: str, beta: str, times: int
) -> None:
    profiles: list[Profile] = []

    def counted(text: str, profile: Profile) -> Cut:
        profiles.append(profile)
        return cut(text, profile)

    monkeypatch.setattr("gateway.guard.cut", counted)
    accept(guard(alpha, beta), "電" * 121)
    assert len(profiles) == times


CHOICES = st.sampled_from(("generic", *PROFILES))


@given(CHOICES, CHOICES, st.text("ab電報[", min_size=1, max_size=200), st.none() | st.integers(1, 4))
def test_a_plan_keeps_exactly_those_that_would_take_the_text_alone(
    alpha: str, beta: str, text: str, most: int | None
) -> None:
    more = {} if most is None else {"max_parts": most}
    alone = {
        name: check(guard(alpha, beta, (("routes",), [{"carriers": [name]}])), text, **more)
        for name in ("alpha", "beta")
    }
    together = check(guard(alpha, beta), text, **more)
    able = [name for name, made in alone.items() if isinstance(made, Message)]
    if able:
        first = alone[able[0]]
        assert isinstance(together, Message)
        assert isinstance(first, Message)
        assert together.plan.split(",") == able
        assert (together.coding, together.units, together.total) == (first.coding, first.units, first.total)
    else:
        assert together == alone["alpha"]
