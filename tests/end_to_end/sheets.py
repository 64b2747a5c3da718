"""Spreadsheets as customers send them: good rows, and bad ones of eight kinds among them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

BAD: Final = {
    "empty_number": b",{n},\x82\xcd\x82\xa2\r\n",
    "bad_number": b"090-12E4-5678,{n},\x82\xcd\x82\xa2\r\n",
    "not_mobile": b"03-1234-5678,{n},\x82\xcd\x82\xa2\r\n",
    "empty_text": b"09012345678,{n},\r\n",
    "too_long": b"09012345678,{n}," + b"\x82\xa0" * 700 + b"\r\n",
    "wrong_columns": b"09012345678,{n},\x82\xcd\x82\xa2,\x82\xa0\x82\xdc\x82\xe8\r\n",
    "undecodable": b"09012345678,{n},\x82\xcd\x81 \x82\xa2\r\n",
    "duplicate_row": b"",
}
"""What is wrong with a row -> the row, in CP932; a duplicate is made of the row before."""


@dataclass(frozen=True)
class Sheet:
    """A CSV file in CP932. numbers: of its good rows, in E.164; bad: how many rows of each kind."""

    path: Path
    numbers: list[str]
    bad: dict[str, int]


def write_sheet(path: Path, rows: int) -> Sheet:
    """Write so many rows, one in a hundred of them bad; every good one has a number of its own."""
    numbers, bad = [], dict.fromkeys(BAD, 0)
    with path.open("wb") as file:
        file.write("電話番号,お客様番号,本文\r\n".encode("cp932"))
        good = b""
        for n in range(rows):
            if n % 100 == 50:
                kind = [*BAD][n // 100 % len(BAD)]
                bad[kind] += 1
                file.write(BAD[kind].replace(b"{n}", b"%d" % n) or good)
                continue
            number = f"90{10_000_000 + n:08d}"
            numbers.append(f"81{number}")
            written = number if n % 10 == 3 else f"0{number[:2]}-{number[2:6]}-{number[6:]}"
            line = f'{written},{n},"【あおば銀行】お客様番号{n}の件で、\nご連絡ください。"\r\n'
            good = line.encode("cp932")
            file.write(good)
    return Sheet(path, numbers, bad)
