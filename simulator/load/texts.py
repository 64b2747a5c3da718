"""The texts of a load, by kind: such as companies in Japan send, without names, numbers or addresses that exist."""

from collections.abc import Mapping
from random import Random
from typing import Final

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "japanese": (
        "【あおば銀行】本日、口座から12,800円を引き落としました。ご確認ください。",
        "認証コードは482913です。5分以内に入力してください。第三者に教えないでください。",
        "ご予約の前日になりました。明日14時30分にお待ちしております。変更はお電話でどうぞ。",
        "お荷物のお届けに伺いましたが、ご不在でした。再配達をご希望の日時をお知らせください。",
        "㈱みどり商会です。ご注文①②の商品を発送しました～到着まで2日ほどお待ちください🙏",
    ),
    "gsm7": (
        "Your code is 482913. It expires in 5 minutes. Do not share it with anybody.",
        "Aoba Bank: 12,800 yen was debited from your account today. Thank you.",
        "Your parcel is on its way and should arrive tomorrow between 14:00 and 16:00.",
        "Reminder: your visit is tomorrow at 14:30. Please bring this message [ref {A-17}].",
    ),
    "long": (
        "【計画メンテナンスのお知らせ】いつもご利用いただきありがとうございます。下記の時間帯に設備の点検を行います。"
        "その間、お申し込み、残高の照会、登録内容の変更がご利用いただけません。日時は土曜日の午前1時から午前6時まで"
        "です。作業の状況により終了の時刻が前後する場合があります。お急ぎの方は前日までにお手続きをお済ませください。"
        "ご不便をおかけしますが、ご理解のほどよろしくお願いいたします。",
        "【ご利用明細】今月のお支払いの金額が決まりました。お引き落としの日は27日です。残高が足りないと引き落としが"
        "できませんので、前日までにご用意ください。分割へのご変更は20日の17時まで承ります。お心当たりのないご利用が"
        "ありましたら、窓口までお早めにご連絡ください。受付は平日の9時から17時までです。",
    ),
}
"""Short texts fit one part; "long" ones take three."""

_CYCLE: Final = 1021
"""Texts in a sequence; a prime, so that it falls out of step with anything that counts in round numbers."""


def sequence(mix: Mapping[str, int], seed: int) -> list[str]:
    """Texts in the proportions of the mix, to be sent over and over; the same for the same seed."""
    random = Random(seed)
    kinds = random.choices(list(mix), list(mix.values()), k=_CYCLE)
    return [random.choice(KINDS[kind]) for kind in kinds]
