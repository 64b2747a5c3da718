import re
from typing import Any

import pytest

from config.faults import AnswerSettings, LinkSettings, ReceiptSettings, Uniform
from simulator.faults import FAULTS, GROUPS, check, dump

RIGHT: dict[str, Any] = {
    "answers.latency": {"min": 0.5, "max": 1},
    "answers.statuses": {"RTHROTTLED": 0.5, "0x400": 0.5},
    "answers.throttle_per": "account",
    "answers.throttle_status": "0x00000400",
    "answers.id_form": "uuid",
    "answers.short_charset": "cp932",
    "answers.short_status": "RSUBMITFAIL",
    "receipts.delay": {"median": 1, "p99": 9.5},
    "receipts.states": {"UNDELIV": 1},
    "receipts.error": "042",
    "receipts.id_form": "stripped",
    "receipts.text": "utf16",
    "receipts.data_coding": 8,
    "link.refuse_bind": "RBINDFAIL",
}
WRONG: dict[type, Any] = {float: -1, int: -1, bool: "yes", str: "no such", dict: {"no such": 1}}


def test_every_key_of_every_group_is_in_the_table_with_its_default_and_what_it_does() -> None:
    keys = [f"{group}.{key}" for group, kind in GROUPS.items() for key in kind.model_fields]
    assert list(FAULTS) == keys
    assert {name: fault.default for name, fault in FAULTS.items()} == {
        name: value for group, kind in GROUPS.items() for name, value in dump(group, kind()).items()
    }
    assert all(f"{fault.group}.{fault.key}" == name and fault.says.endswith(".") for name, fault in FAULTS.items())


def test_the_groups_are_those_of_a_phase() -> None:
    assert dict(GROUPS) == {"answers": AnswerSettings, "receipts": ReceiptSettings, "link": LinkSettings}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_takes_its_default_and_another_value_and_refuses_a_wrong_one(name: str) -> None:
    fault = FAULTS[name]
    kind = GROUPS[fault.group]
    assert check(name, fault.default) == getattr(kind(), fault.key)
    other = RIGHT.get(name, not fault.default if isinstance(fault.default, bool) else 1)
    assert check(name, other) != check(name, fault.default)
    with pytest.raises(ValueError, match=f"^{name}[.:]") as caught:
        check(name, WRONG[type(fault.default)])
    assert "must be" in str(caught.value)


def test_a_distribution_is_read() -> None:
    assert check("answers.latency", {"min": 0.5, "max": 1}) == Uniform(min=0.5, max=1.0)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("answers.lose", 1, "'answers.lose': is not a known fault (did you mean 'answers.lose_rate'?)"),
        ("lose_rate" * 99, 1, "is not a known fault"),
        ("answers.lose_rate", 2, "answers.lose_rate: must be 0..1, is 2"),
        ("answers.lose_rate", None, "answers.lose_rate: must be a number, is a NoneType"),
        ("answers.latency", {"min": 2, "max": 1}, "answers.latency.max: must be at least min (2.0), is 1"),
        ("answers.statuses", {"RX": 1}, "answers.statuses.RX: must be a command_status like RTHROTTLED"),
        (
            "answers.statuses",
            {"RSYSERR": 3, "RMSGQFUL": -1},
            "answers.statuses.RSYSERR: must be 0..1, is 3; answers.statuses.RMSGQFUL: must be 0..1, is -1",
        ),
        ("receipts.text", "x", "receipts.text: must be 'standard', 'capital_text'"),
        ("link.ignore_enquire_link", 1, "link.ignore_enquire_link: must be true or false, is an integer"),
    ],
)
def test_what_is_wrong_is_refused_in_words(name: str, value: object, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        check(name, value)
