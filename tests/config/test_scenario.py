import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from config.addresses import TcpAddress
from config.faults import AnswerSettings, LinkSettings, ReceiptSettings, Uniform
from config.load import ConfigError
from config.scenario import (
    AccountSettings,
    PhaseSettings,
    RuleSettings,
    Scenario,
    find_scenario,
    load_scenario,
    shipped_scenarios,
)
from config.wording import Loc
from protocol.constants import BindType
from tests.config.documents import plant, toml

NAMES = [
    "au-like",
    "busy-evening",
    "calm",
    "carrier-maintenance",
    "docomo-like",
    "flaky-link",
    "nightmare",
    "rakuten-like",
    "softbank-like",
]
ANY_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS: tuple[type[BaseModel], ...] = (
    Scenario,
    PhaseSettings,
    RuleSettings,
    AccountSettings,
    AnswerSettings,
    ReceiptSettings,
    LinkSettings,
)


def right() -> dict[str, Any]:
    """A scenario that loads; yours to change."""
    rules: list[dict[str, Any]] = [{"prefix": "81"}, {"prefix": "81", "source": "0005"}, {"source": "0005"}]
    return {
        "phases": [{"name": "a", "lasts": 10.0, "rules": rules}, {"name": "b"}],
        "accounts": [{"system_id": "bank", "password": "sesame"}, {"system_id": "shop", "password": ""}],
    }


def load_tree(folder: Path, tree: dict[str, Any]) -> Scenario:
    path = folder / "scenario.toml"
    path.write_text(toml(tree), encoding="utf-8")
    return load_scenario(path)


def wrong(folder: Path, tree: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_tree(folder, tree)
    return list(caught.value.lines)


def test_what_is_shipped_is_found_by_name_and_loads() -> None:
    assert list(shipped_scenarios()) == NAMES
    for name in NAMES:
        assert load_scenario(find_scenario(name)).title


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shipped_says_of_every_number_in_words_what_it_is(name: str) -> None:
    lines = find_scenario(name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-like")])
def test_what_is_like_a_carrier_says_that_it_is_no_specification(name: str) -> None:
    head = find_scenario(name).read_text(encoding="utf-8").partition("title")[0]
    assert "approximation" in head
    assert "public" in head
    assert "Guessed" in head


def test_calm_shows_every_key_with_the_value_it_has_when_left_out(tmp_path: Path) -> None:
    text = find_scenario("calm").read_text(encoding="utf-8")
    shown = load_scenario(find_scenario("calm"))
    assert shown.model_copy(update={"title": ""}) == Scenario()
    everything = re.sub(r"^# (\w+(\.\w+)? = |\[\[)", r"\1", text, flags=re.MULTILINE).replace(
        '{ env = "BANK_PASSWORD" }', '"sesame"'
    )
    tree = tomllib.loads(everything)
    phase, account = tree["phases"][0], tree["accounts"][0]
    tables = (tree, phase, phase["rules"][0], account, phase["answers"], phase["receipts"], phase["link"])
    for kind, table in zip(KINDS, tables, strict=True):
        assert set(table) == set(kind.model_fields), kind
    assert load_tree(tmp_path, plant(tree, ("repeat",), True)).accounts == (
        AccountSettings.model_validate(
            {"system_id": "bank", "password": "sesame", "window": 100, "outbind": "127.0.0.1:2776"}
        ),
    )


def test_every_key_says_what_it_is() -> None:
    for kind in KINDS:
        assert all(field.description for field in kind.model_fields.values()), kind


def test_an_empty_scenario_is_calm_for_ever(tmp_path: Path) -> None:
    assert load_tree(tmp_path, {}) == Scenario()
    assert Scenario().phases == (PhaseSettings(name="calm"),)
    assert (Scenario().repeat, Scenario().accounts, Scenario().phases[0].lasts) == (False, (), None)


def test_a_scenario_is_read_with_all_it_says(tmp_path: Path) -> None:
    tree = plant(right(), ("phases", 0, "answers"), {"latency": {"min": 1, "max": 2.5}, "id_form": "HEX"})
    account = {"max_binds": 2, "types": ["receiver"], "sources": ["0005"], "window": 5, "outbind": "[::1]:2776"}
    tree["accounts"][1] |= account
    found = load_tree(tmp_path, tree)
    assert found.phases[0].answers.latency == Uniform(min=1.0, max=2.5)
    assert found.phases[0].answers.id_form == "HEX"
    assert [(rule.prefix, rule.source) for rule in found.phases[0].rules] == [
        ("81", None),
        ("81", "0005"),
        (None, "0005"),
    ]
    bank, shop = found.accounts
    assert (bank.max_binds, bank.types, bank.sources, bank.window, bank.outbind) == (0, tuple(BindType), (), None, None)
    assert (shop.max_binds, shop.types, shop.sources) == (2, (BindType.RECEIVER,), ("0005",))
    assert (shop.window, shop.outbind) == (5, TcpAddress("::1", 2776))


def test_a_password_may_stand_elsewhere_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("sesame\n")
    found = load_tree(tmp_path, plant(right(), ("accounts", 0, "password"), {"file": "word"}))
    assert found.accounts[0].password.get_secret_value() == "sesame"
    assert "sesame" not in repr(found)
    (line,) = wrong(tmp_path, plant(right(), ("accounts", 0, "password"), "open-sesame"))
    assert "sesame" not in line


def test_a_rule_knows_which_keys_it_named() -> None:
    rule = RuleSettings.model_validate({"prefix": "81", "answers": {"lose_rate": 0.0}})
    scenario = Scenario(phases=(PhaseSettings(name="a", rules=(rule, RuleSettings(source="x"))),))
    named = [(each.answers.model_fields_set, each.receipts.model_fields_set) for each in scenario.phases[0].rules]
    assert named == [({"lose_rate"}, set()), (set(), set())]


PLANTS: list[tuple[Loc, object, str]] = [
    (("phases",), [], "phases: must not be empty"),
    (("phases", 0), 5, "phases.0: must be a table, is an integer"),
    (("title",), "a\nb", "title: must be one line of at most 200 characters, is 'a\\nb'"),
    (("phases", 0, "name"), "a b", "phases.0.name: must be 1..64 of A-Z a-z 0-9 _ -, is 'a b'"),
    (("phases", 1, "name"), "a", "phases.1.name: is the same as in phases.0"),
    (("phases", 0, "lasts"), 0, "phases.0.lasts: must be 0.01..31536000, is 0"),
    (
        ("phases", 1, "lasts"),
        5.0,
        "phases.1.lasts: has no effect: after the last phase nothing comes without repeat = true",
    ),
    (("repeat",), True, "phases.1.lasts: is missing: with repeat = true every phase needs it"),
    (("phases", 0, "answer"), {}, "phases.0.answer: is not a known key (did you mean answers?)"),
    (
        ("phases", 0, "answers"),
        {"lose_rat": 1},
        "phases.0.answers.lose_rat: is not a known key (did you mean lose_rate?)",
    ),
    (("phases", 0, "rules", 0, "prefix"), "+81", "phases.0.rules.0.prefix: must be 1..20 digits, as destination_addr"),
    (("phases", 0, "rules", 0, "source"), "0005", "phases.0.rules.1.prefix: is the same as in phases.0.rules.0"),
    (("phases", 0, "rules", 0), {}, "phases.0.rules.0.source: give prefix or source, or both"),
    (
        ("phases", 0, "rules", 2, "receipts"),
        {"error": "1"},
        "phases.0.rules.2.receipts.error: must be three digits, is '1'",
    ),
    (("accounts", 1, "system_id"), "bank", "accounts.1.system_id: is the same as in accounts.0"),
    (("accounts", 0, "types"), [], "accounts.0.types: must not be empty"),
    (("accounts", 0, "types"), ["sender"], "accounts.0.types.0: must be 'transmitter', 'receiver' or 'transceiver'"),
    (("accounts", 0, "outbind"), "host", 'accounts.0.outbind: must be "HOST:PORT", with a host and a port'),
    (("accounts", 0, "window"), 0, "accounts.0.window: must be 1..10000, is 0"),
]


@pytest.mark.parametrize(("loc", "value", "line"), PLANTS)
def test_what_is_wrong_is_told_with_its_place_and_what_is_allowed(
    tmp_path: Path, loc: Loc, value: object, line: str
) -> None:
    (found,) = wrong(tmp_path, plant(right(), loc, value))
    assert found.startswith(line)


def test_a_phase_that_never_ends_before_another_is_told(tmp_path: Path) -> None:
    tree = right()
    del tree["phases"][0]["lasts"]
    assert wrong(tmp_path, tree) == ["phases.0.lasts: is missing: only the last phase may be without"]


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_places(tmp_path: Path) -> None:
    tree = plant(right(), ("repeat",), True)
    plant(tree, ("phases", 1, "name"), "a")
    plant(tree, ("phases", 0, "link"), {"refuse_bind": "NO"})
    plant(tree, ("accounts", 0, "password"), "much too long")
    places = [line.partition(":")[0] for line in wrong(tmp_path, tree)]
    assert places == ["accounts.0.password", "phases.0.link.refuse_bind", "phases.1.lasts", "phases.1.name"]


KEYS = st.sampled_from([key for kind in KINDS for key in kind.model_fields]) | st.text("ab\0é", max_size=2)
SCALARS = st.text(max_size=3).filter(str.isprintable) | st.integers() | st.floats() | st.booleans()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@ANY_FOLDER
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_a_file_holds_it_loads_or_is_refused_in_lines(tmp_path: Path, tree: dict[str, Any]) -> None:
    lines: tuple[str, ...] = ("fine",)
    try:
        load_tree(tmp_path, tree)
    except ConfigError as error:
        lines = error.lines
    assert lines
    assert all(line.isprintable() for line in lines)


def test_a_scenario_is_found_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    assert find_scenario("mine.toml") == Path("mine.toml")
    assert find_scenario(str(tmp_path / "mine.toml")) == tmp_path / "mine.toml"
    (tmp_path / "calm").touch()
    assert find_scenario("calm") != Path("calm")
    assert find_scenario("./calm") == Path("calm")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clam", "'clam': is neither a scenario (did you mean calm?) nor a file"),
        ("no/such.toml", "'no/such.toml': is neither a scenario (there are: au-like, busy-evening, calm"),
        ("a\0b", "'a\\x00b': is neither a scenario"),
        ("n" * 5000, "'nnn"),
    ],
)
def test_a_scenario_that_is_nowhere_is_told_with_those_there_are(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match="^" + re.escape(said)):
        find_scenario(name)


def test_a_file_that_is_no_scenario_is_told_as_any_configuration_is(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("phases = 1\nphases = 2\n")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_scenario(tmp_path / "broken.toml")
