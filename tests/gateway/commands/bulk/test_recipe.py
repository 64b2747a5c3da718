"""What is made of a row: the message, its id, and why there is none."""

from typing import Any

import pytest

from gateway.commands.bulk.recipe import LEADING_ZERO, MAX_TEXT, Recipe, Template, TemplateError
from gateway.commands.bulk.sheet import Row, RowError

RECIPE = Recipe("customers.csv", None, None, "bulk")


def message(recipe: Recipe = RECIPE, **cells: str) -> dict[str, Any]:
    """The message of a row."""
    return recipe.make(Row(2, {"to": "090-1234-5678", "text": "本文"} | cells)).message


def refusal(recipe: Recipe = RECIPE, **cells: str) -> RowError:
    with pytest.raises(RowError) as caught:
        message(recipe, **cells)
    return caught.value


def test_a_row_becomes_a_message() -> None:
    made = message()
    assert made.pop("id").startswith("bulk-")
    assert made == {"to": "090-1234-5678", "text": "本文", "lane": "bulk"}


def test_columns_go_before_what_holds_for_all_rows() -> None:
    recipe = Recipe("job", None, "0005123456", "bulk")
    made = message(recipe, sender="0120444444", lane="normal", tags="spring; 2026、sale", id="order-7")
    assert (made["sender"], made["lane"], made["id"]) == ("0120444444", "normal", "order-7")
    assert made["tags"] == ["spring", "2026", "sale"]
    assert message(recipe, sender=" ")["sender"] == "0005123456"


@pytest.mark.parametrize(
    "written", ["2026-11-22 10:00", "2026-11-22T10:00:00+09:00", "2026/11/22 10:00", "2026-11-22T01:00:00Z"]
)
def test_times_are_japans_when_no_zone_is_named(written: str) -> None:
    assert message(expires_at=written)["expires_at"] == 1_795_309_200.0


def test_times_as_spreadsheets_write_them() -> None:
    assert message(not_before="2026/1/2 9:05")["not_before"] == message(not_before="2026-01-02 09:05")["not_before"]
    assert message(not_before="2026/1/2")["not_before"] == message(not_before="2026-01-02 00:00")["not_before"]


@pytest.mark.parametrize("eaten", ["9012345678", "90-1234-5678", "９０１２３４５６７８"])
def test_a_leading_zero_is_put_back_and_told(eaten: str) -> None:
    made = RECIPE.make(Row(2, {"to": eaten, "text": "本文"}))
    assert made.message["to"].replace("-", "") == "09012345678"
    assert made.repaired == LEADING_ZERO
    assert made.message["id"] == message()["id"]


@pytest.mark.parametrize("number", ["312345678", "0312345678", "819012345678", "9012345"])
def test_other_numbers_are_left_to_the_gateway(number: str) -> None:
    made = RECIPE.make(Row(2, {"to": number, "text": "本文"}))
    assert (made.message["to"], made.repaired) == (number, "")


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"to": " "}, "empty_number"),
        ({"to": "9.01E+10"}, "bad_number"),
        ({"text": " \n"}, "empty_text"),
        ({"text": "あ" * (MAX_TEXT + 1)}, "too_long"),
        ({"expires_at": "tomorrow"}, "bad_time"),
        ({"not_before": "2026/13/1"}, "bad_time"),
    ],
)
def test_what_can_not_be_sent_says_why_in_a_word(cells: dict[str, str], code: str) -> None:
    error = refusal(RECIPE, **cells)
    assert error.code == code
    assert not any(value.strip() and value in str(error) for value in cells.values())


def test_the_id_is_of_the_job_the_number_and_the_text() -> None:
    same = message()["id"]
    assert message(to="０９０１２３４５６７８")["id"] == message(to="+819012345678")["id"] == same
    assert message(lane="otp")["id"] == same
    others = [
        message(to="090-1234-5679")["id"],
        message(text="別")["id"],
        message(Recipe("again", None, None, "bulk"))["id"],
        message(sender="0120444444")["id"],
    ]
    assert len({same, *others}) == 5


def test_the_mark_is_of_all_that_is_in_the_message() -> None:
    rows = [{}, {"lane": "otp"}, {"id": "x"}, {"tags": "a"}, {"text": "別"}]
    assert len({RECIPE.make(Row(2, {"to": "090-1234-5678", "text": "本文"} | row)).mark for row in rows}) == len(rows)


def test_a_template_is_filled_in_from_the_columns() -> None:
    template = Template("{氏名}様、{Amount}円{{税込}}です。")
    assert template.columns == {"氏名", "amount"}
    made = message(Recipe("job", template, None, "bulk"), 氏名="青葉", amount="1,000")
    assert made["text"] == "青葉様、1,000円{税込}です。"


def test_a_template_looks_at_nothing_but_columns() -> None:
    template = Template("{to.__class__}")
    assert template.columns == {"to.__class__"}


def test_an_empty_column_refuses_the_row_that_would_greet_nobody() -> None:
    assert refusal(Recipe("job", Template("{氏名}様"), None, "bulk"), 氏名=" ").code == "empty_value"


@pytest.mark.parametrize("text", ["{", "a}b", "{}", "{a{b}"])
def test_a_brace_alone_is_no_template(text: str) -> None:
    with pytest.raises(TemplateError):
        Template(text)


def test_whatever_changes_messages_changes_the_digest() -> None:
    recipes = [
        RECIPE,
        Recipe("job", None, None, "bulk"),
        Recipe("customers.csv", Template("a"), None, "bulk"),
        Recipe("customers.csv", None, "1", "bulk"),
        Recipe("customers.csv", None, None, "otp"),
    ]
    assert len({recipe.digest for recipe in recipes}) == len(recipes)
