"""The first route that fits, the carrier a plan chooses, and how a plan is spelled on disk."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import RouteSettings
from gateway.routing import Plan, Router
from protocol.constants import Lane
from tests.gateway.fakes import message

NAMES = st.text("abcXYZ019_-", min_size=1, max_size=8)
WEIGHTS = st.integers(1, 1000)
KEYS = st.integers(1, 2**53)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    carriers = tuple(draw(st.lists(NAMES, min_size=1, max_size=6, unique=True)))
    weighted = draw(st.booleans())
    return Plan(carriers, tuple(draw(WEIGHTS) for _ in carriers) if weighted else ())


@given(plans())
def test_a_plan_is_read_as_it_was_spelled(plan: Plan) -> None:
    assert Plan.parse(plan.spelled) == plan


@pytest.mark.parametrize(
    ("plan", "spelled"),
    [(Plan(("alpha", "beta")), "alpha,beta"), (Plan(("alpha", "beta"), (3, 1)), "alpha:3,beta:1")],
)
def test_the_spelling_on_disk_does_not_change(plan: Plan, spelled: str) -> None:
    assert plan.spelled == spelled


@given(plans(), KEYS, st.sets(NAMES))
def test_a_carrier_that_is_down_is_chosen_only_when_all_are(plan: Plan, key: int, up: set[str]) -> None:
    chosen = plan.choose(key, up)
    assert chosen in plan.carriers
    assert chosen in up or up.isdisjoint(plan.carriers)


@given(plans(), KEYS)
def test_the_same_message_always_gets_the_same_carrier(plan: Plan, key: int) -> None:
    up = set(plan.carriers)
    assert len({Plan.parse(plan.spelled).choose(key, up) for _ in range(3)}) == 1


@given(plans(), KEYS, st.sets(NAMES))
def test_without_weights_the_first_that_is_up_is_chosen(plan: Plan, key: int, up: set[str]) -> None:
    ordered = Plan(plan.carriers)
    assert ordered.choose(key, up) == next((name for name in plan.carriers if name in up), plan.carriers[0])


@pytest.mark.parametrize("stride", [1, 2, 7, 10, 100, 1000, 1024, 1597, 1_000_000])
@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (7, 2, 1), (5, 3), (1000, 1, 999), (90, 10)])
def test_weights_are_kept_whatever_the_rhythm_of_the_keys(weights: tuple[int, ...], stride: int) -> None:
    plan = Plan(tuple("abc"[: len(weights)]), weights)
    start, count = 1_800_000_000_000_000, 4000
    chosen = Counter(plan.choose(start + n * stride, plan.carriers) for n in range(count))
    for carrier, weight in zip(plan.carriers, weights, strict=True):
        assert chosen[carrier] == pytest.approx(count * weight / sum(weights), abs=0.04 * count)


@given(st.lists(WEIGHTS, min_size=2, max_size=4), st.integers(0, 2**32))
def test_weights_are_kept_for_messages_that_come_at_random(weights: list[int], seed: int) -> None:
    plan, random, key = Plan(tuple("abcd"[: len(weights)]), tuple(weights)), Random(seed), 1_800_000_000_000_000
    chosen: Counter[str] = Counter()
    for _ in range(2000):
        key += random.randint(1, 5000)
        chosen[plan.choose(key, plan.carriers)] += 1
    for carrier, weight in zip(plan.carriers, weights, strict=True):
        assert chosen[carrier] == pytest.approx(2000 * weight / sum(weights), abs=150)


def test_the_others_share_what_a_carrier_that_is_down_would_get() -> None:
    plan = Plan(("a", "b", "c"), (2, 1, 1))
    chosen = Counter(plan.choose(key, {"b", "c"}) for key in range(4000))
    assert chosen["a"] == 0
    assert chosen["b"] == pytest.approx(2000, abs=80)


def test_only_where_a_choice_is_left_to_us_it_matters_who_has_a_number() -> None:
    chosen = Plan(("alpha", "beta"))
    assert Plan.is_open(chosen.spelled)
    assert Plan.is_open(Plan(("alpha", "beta"), (3, 1)).spelled)
    assert not Plan.is_open(chosen.prefer("beta").spelled)
    assert not Plan.is_open("alpha")


@given(plans(), KEYS, st.sets(NAMES), st.data())
def test_a_message_of_which_more_is_known_goes_where_it_may_be_taken(
    plan: Plan, key: int, up: set[str], data: st.DataObject
) -> None:
    gone = tuple(data.draw(st.lists(st.sampled_from(plan.carriers), max_size=len(plan.carriers) - 1, unique=True)))
    home = data.draw(st.sampled_from(("", *plan.carriers)))
    left = [name for name in plan.carriers if name not in gone]
    usable = [name for name in left if name in up] or left
    made = message(key, disowned_by=gone, home=home)
    turns = []
    for made.attempts in range(len(usable)):
        turns.append(plan.choose_again(made, up))
    assert sorted(turns) == sorted(usable), "each that may be asked has its turn"
    if home in usable:
        assert turns[0] == home
    elif not plan.weights:
        assert turns[0] == usable[0]


def test_when_all_have_disowned_a_number_it_still_has_a_carrier() -> None:
    assert Plan(("a", "b")).choose_again(message(1, disowned_by=("a", "b")), {"b"}) == "b"


@given(plans(), NAMES)
def test_a_hint_puts_a_carrier_first_and_loses_none(plan: Plan, hint: str) -> None:
    preferred = plan.prefer(hint)
    assert set(preferred.carriers) == set(plan.carriers)
    assert preferred == plan if hint not in plan.carriers else preferred.carriers[0] == hint
    assert Plan.parse(preferred.spelled) == preferred
    assert preferred.hinted == (hint in plan.carriers and len(plan.carriers) > 1)
    rest = [name for name in plan.carriers if name != hint]
    assert [name for name in preferred.carriers if name != hint] == rest


ROUTES = (
    RouteSettings(carriers=("otp",), lanes=(Lane.OTP,)),
    RouteSettings(carriers=("eighty",), prefixes=("8180", "8170")),
    RouteSettings(carriers=("sender",), senders=("0005123456",)),
    RouteSettings(carriers=("shop",), clients=("shop",)),
    RouteSettings(weights={"alpha": 3, "beta": 1}, prefixes=("81",)),
)


@pytest.mark.parametrize(
    ("to", "sender", "client", "lane", "carrier"),
    [
        ("818012345678", "0005123456", "shop", Lane.OTP, "otp"),
        ("818012345678", "0005123456", "shop", Lane.BULK, "eighty"),
        ("817012345678", "X", "bank", Lane.NORMAL, "eighty"),
        ("819012345678", "0005123456", "shop", Lane.NORMAL, "sender"),
        ("819012345678", "X", "shop", Lane.NORMAL, "shop"),
        ("819012345678", "X", "bank", Lane.URGENT, "alpha"),
        ("12025550123", "X", "bank", Lane.NORMAL, None),
    ],
)
def test_the_first_route_that_fits_is_taken(to: str, sender: str, client: str, lane: Lane, carrier: str | None) -> None:
    plan = Router(ROUTES).find(to, sender, client, lane)
    assert (plan and plan.carriers[0]) == carrier


def test_all_that_a_route_asks_for_must_fit() -> None:
    route = RouteSettings(carriers=("a",), prefixes=("8190",), senders=("S",), clients=("c",), lanes=(Lane.OTP,))
    right = ("819012345678", "S", "c", Lane.OTP)
    router = Router([route])
    assert router.find(*right) == Plan(("a",))
    assert router.find("818012345678", *right[1:]) is None
    assert router.find(right[0], "T", *right[2:]) is None
    assert router.find(*right[:2], "d", Lane.OTP) is None
    assert router.find(*right[:3], Lane.BULK) is None


def test_a_route_with_weights_gives_a_plan_with_weights() -> None:
    assert Router(ROUTES).find("819012345678", "X", "bank", Lane.BULK) == Plan(("alpha", "beta"), (3, 1))
