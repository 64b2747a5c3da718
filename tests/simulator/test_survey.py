import json
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import DataCoding
from simulator.ledger import Ledger
from simulator.survey import EXAMPLES, MAX_STEPS, survey
from simulator.verdicts import VERDICTS
from tests.simulator.taken import TIME, part, parts, single, take


async def survey_of(*taken: Any, now: float = TIME) -> dict[str, Any]:  # noqa: ANN401  # parts
    ledger = Ledger(1000)
    take(ledger, taken)
    return await survey(ledger, now)


async def test_an_empty_ledger_has_figures_too() -> None:
    assert await survey_of() == {
        "parts": 0,
        "messages": 0,
        "accounts": {},
        "codings": {},
        "parts_per_message": {},
        "verdicts": {name: {"parts": 0, "examples": []} for name in VERDICTS},
        "rate": {"seconds": 1, "parts": []},
        "forgotten": 0,
        "messages_waiting": 0,
    }


async def test_parts_and_messages_are_counted_by_account_coding_and_length() -> None:
    begun = parts("い" * 100, reference=8)[0]
    hello = part(single(b"Hello", data_coding=DataCoding.LATIN1), system_id=b"other")
    found = await survey_of(*parts("あ" * 200), *parts("短い"), hello, begun)
    assert (found["parts"], found["messages"], found["messages_waiting"]) == (6, 3, 1)
    assert found["accounts"] == {"denpo": 5, "other": 1}
    assert found["codings"] == {"ucs2": 5, "latin1": 1}
    assert found["parts_per_message"] == {"1": 2, "3": 1}


async def test_the_first_parts_with_a_verdict_are_named_and_no_body_is() -> None:
    taken = [part(single(b"secret \xff"), time=TIME + n * 1000) for n in range(EXAMPLES + 2)]
    found = await survey_of(*taken)
    assert found["verdicts"]["undecodable"]["parts"] == EXAMPLES + 2
    examples = found["verdicts"]["undecodable"]["examples"]
    assert [example["index"] for example in examples] == list(range(EXAMPLES))
    assert examples[0] == {
        "index": 0,
        "time": TIME,
        "message_id": taken[0].message_id.decode(),
        "session": 1,
        "system_id": "denpo",
        "source": "0005123456",
        "destination": "819012345678",
    }
    assert "secret" not in json.dumps(found)
    assert b"secret ".hex() not in json.dumps(found)


@pytest.mark.parametrize(("now", "count"), [(TIME, 0), (inf, 1)])
async def test_what_is_not_complete_is_never_completed_where_nothing_more_will_come(now: float, count: int) -> None:
    found = await survey_of(parts("あ" * 100)[0], now=now)
    assert (found["verdicts"]["never_completed"]["parts"], found["messages_waiting"]) == (count, 1 - count)


@given(st.lists(st.floats(0, 1e8), max_size=30))
async def test_the_rate_counts_every_part_in_few_steps(times: list[float]) -> None:
    rate = (await survey_of(*[part(single(b""), time=TIME + time) for time in times]))["rate"]
    assert sum(count for _, count in rate["parts"]) == len(times)
    assert len(rate["parts"]) <= MAX_STEPS + 1
    for start, count in rate["parts"]:
        assert start % rate["seconds"] == 0
        assert count == sum(start <= int(TIME + time) < start + rate["seconds"] for time in times)


async def test_parts_that_were_forgotten_are_told_of() -> None:
    ledger = Ledger(5)
    take(ledger, [part(single(b"%d" % n)) for n in range(12)])
    found = await survey(ledger, TIME)
    assert (found["parts"], found["forgotten"]) == (5, 7)
