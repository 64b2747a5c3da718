"""Spreadsheets as they come: encodings, headers, quotes, and rows that are wrong without stopping the rest."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.bulk import sheet as module
from gateway.commands.bulk.sheet import Sheet, SheetError, file_digest

HEADER = "電話番号,本文\n"


def made(folder: Path, octets: bytes | str, encoding: str | None = None) -> Sheet:
    path = folder / "rows.csv"
    path.write_bytes(octets if isinstance(octets, bytes) else octets.encode())
    return Sheet(path, encoding)


def faults(sheet: Sheet) -> list[tuple[int, str]]:
    """The rows of a sheet: their numbers, and what is wrong with them."""
    return [(row.number, row.fault.code if row.fault else "") for row in sheet.rows()]


@pytest.mark.parametrize(
    ("written", "encoding"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp932", "cp932"), ("ascii", "utf-8")]
)
def test_the_encoding_is_found_out(tmp_path: Path, written: str, encoding: str) -> None:
    header = "to,text\n" if written == "ascii" else HEADER
    sheet = made(tmp_path, f"{header}090,abc\n".encode(written))
    assert (sheet.encoding, sheet.columns) == (encoding, ("to", "text"))
    assert [row.cells for row in sheet.rows()] == [{"to": "090", "text": "abc"}]


def test_of_two_encodings_with_wrong_octets_the_one_with_fewer_wrong_lines_is_taken(tmp_path: Path) -> None:
    sheet = made(tmp_path, f"{HEADER}1,あ\n2,い\n".encode("cp932") + b"3,\x81 \n" + "4,う\n".encode("cp932"))
    assert sheet.encoding == "cp932"
    assert faults(sheet) == [(2, ""), (3, ""), (4, "undecodable"), (5, "")]


def test_the_encoding_may_be_said(tmp_path: Path) -> None:
    sheet = made(tmp_path, f"{HEADER}1,あ\n".encode("euc-jp"), "euc_jp")
    assert [row.cells["text"] for row in sheet.rows()] == ["あ"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("TO", "to"),
        (" Ｐｈｏｎｅ ", "to"),
        ("携帯電話番号", "to"),
        ("メッセージ", "text"),
        ("Customer", "customer"),
        ("氏名", "氏名"),
    ],
)
def test_columns_are_known_in_any_case_and_width_and_in_japanese(name: str, key: str) -> None:
    assert module.column_key(name) == key


def test_tabs_and_semicolons_separate_as_well(tmp_path: Path) -> None:
    for delimiter in "\t;":
        sheet = made(tmp_path, f"to{delimiter}text\n1{delimiter}a,b\n")
        assert [row.cells for row in sheet.rows()] == [{"to": "1", "text": "a,b"}]


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    """Blank rows count and are passed over; a text of two lines is one row."""
    sheet = made(tmp_path, 'to,text\n1,"a\nb"\n\n,,\n2,c\n')
    assert [(row.number, row.cells["text"]) for row in sheet.rows()] == [(2, "a\nb"), (5, "c")]


def test_a_wrong_row_does_not_stop_the_rest(tmp_path: Path) -> None:
    sheet = made(tmp_path, 'to,text\n1\n2,b,c\n3,c,,\n4,"d"e\n5,f\n')
    assert faults(sheet) == [(2, "wrong_columns"), (3, "wrong_columns"), (4, ""), (5, "bad_quotes"), (6, "")]


def test_a_quotation_mark_that_is_never_closed_sends_nothing_of_what_it_swallowed(tmp_path: Path) -> None:
    sheet = made(tmp_path, 'to,text\n1,a\n2,"b\n3,c\n4,d\n')
    assert faults(sheet) == [(2, ""), (3, "bad_quotes")]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "no column is called"),
        (b"name,text\n", "the columns are: name, text"),
        (b"to,text,phone\n", "two columns are called to"),
        ("to,text\n".encode("utf-16"), "it is UTF-16"),
        (b"to,text\n1," + b"x" * 1_048_577, "line 2 is longer"),
    ],
)
def test_a_file_that_is_none_says_why(tmp_path: Path, octets: bytes, reason: str) -> None:
    with pytest.raises(SheetError, match=reason):
        made(tmp_path, octets)


def test_the_digest_is_that_of_the_octets(tmp_path: Path) -> None:
    sheet = made(tmp_path, "to,text\n1,a\n")
    assert sheet.digest == file_digest(sheet.path)
    sheet.path.write_text("to,text\n1,b\n", encoding="utf-8")
    assert sheet.digest != file_digest(sheet.path)


CELLS = st.text(st.characters(codec="cp932", exclude_characters="\r\x00¢£¬‖−〜"), min_size=1, max_size=20)
ROWS = st.lists(st.tuples(CELLS, CELLS).filter(lambda row: any(cell.strip() for cell in row)), max_size=8)


@given(ROWS, st.sampled_from(["utf-8", "utf-8-sig", "cp932"]))
def test_what_a_spreadsheet_has_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], encoding: str
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([("電話番号", "本文"), *rows])
    sheet = made(tmp_path_factory.getbasetemp(), written.getvalue().encode(encoding), encoding.removesuffix("-sig"))
    assert [(row.cells["to"], row.cells["text"]) for row in sheet.rows()] == rows
