"""What the benchmarks send: a number and an amount of its own for each message, so that no cache is flattered."""

from collections.abc import Callable
from typing import Final

SHORT: Final = "【あおば銀行】本日、お口座から{amount}円を引き落としました。ご確認ください。"
"""40 characters with an amount of five digits: one part in UCS-2."""
LONG: Final = (
    "【あおば銀行】本日、お口座から{amount}円を引き落としました。お心当たりのないお取引の場合は、カード裏面の番号まで、"
    "すぐにご連絡をお願いいたします。このメッセージは送信専用です。返信はできません。"
)
"""Two parts in UCS-2."""
AMOUNTS: Final = 90_000
STEP: Final = 7919
"""Prime to AMOUNTS, so each comes once before any comes again."""


def amounts_in(text: str) -> Callable[[int], str]:
    """Puts an amount instead of "{amount}" into a text: 10,000 to 99,999, by the number of the message."""
    return lambda n: text.replace("{amount}", f"{n * STEP % AMOUNTS + 10_000:,}")


def number_of(n: int, prefix: str = "090") -> str:
    """A mobile number of its own for each message, as people write it."""
    return f"{prefix}{n % 90_000_000 + 10_000_000:08d}"


def scattered_id(n: int) -> str:
    """An id of its own for each message that sorts nowhere near the one before, as a UUID does."""
    return f"{n * 0x9E3779B97F4A7C15 % 2**64:016x}"  # odd, so no two of 2**64 are equal
