"""What may be in evidence, the words of the consent to it, and its shape as a document. Pure.

Evidence is tables of rows that were counted: kilograms, boxes and money, nothing estimated and nothing of any shopper.
Its digest is over all of it, so that who holds a file can tell whether it is the one that was read.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from marketplace.language import Text
from marketplace.values import amount_text, instant_text


class Content(StrEnum):
    PLEDGES = "pledges"
    DELIVERIES = "deliveries"
    STOCK = "stock"
    QUALITY = "quality"
    INCOME = "income"
    ADVANCES = "advances"


CONTENTS: Final = {
    Content.PLEDGES: Text(en="boxes pledged to campaigns", zh="活动承诺货源"),
    Content.DELIVERIES: Text(en="boxes delivered, and their price", zh="交付箱数与货款"),
    Content.STOCK: Text(
        en="fruit taken in, shipped, shrunk and culled, and what counts found",
        zh="入库、发货、减重、剔除与盘点结果",
    ),
    Content.QUALITY: Text(en="sugar and firmness as measured", zh="糖度与硬度检测值"),
    Content.INCOME: Text(en="settlements, and all that was booked to the cooperative", zh="结算与应付款入账"),
    Content.ADVANCES: Text(en="advances and their repayment", zh="预付款与抵扣"),
}

_CONSENT: Final = Text(
    en="{code} {name_en} lets {lender} read, from the day of this signature until {until}, the following of what the"
    " marketplace has counted about it since {since}: {contents_en}. Nothing else, and nothing about buyers. The"
    " cooperative may withdraw this at any moment; from then on nothing can be read. Every reading is shown to the"
    " cooperative. Files that were read before stay with the reader.",
    zh="{code} {name_zh} 同意 {lender} 自签署之日起至 {until} 止，查阅平台自 {since} 起对本社统计的"
    "下列内容：{contents_zh}。不含其他内容，不含买家信息。本社可随时撤回，撤回后即不可再查阅；每次查阅均向本社公示。此前已读取的文件由读取方保管。",
)


def consent_text(
    *, code: str, name: Text, lender: str, contents: Collection[str], since: date, until: datetime
) -> Text:
    """What is signed, word by word."""
    chosen = [CONTENTS[each] for each in Content if each in contents]
    return _CONSENT.format(
        code=code,
        name_en=name.en,
        name_zh=name.zh,
        lender=lender,
        contents_en="; ".join(each.en for each in chosen),
        contents_zh="；".join(each.zh for each in chosen),
        since=since.isoformat(),
        until=instant_text(until),
    )


def text_digest(text: Text) -> str:
    """Who signs means exactly these words, in both languages."""
    said = f"{text.zh}\n{text.en}"
    return f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"


class Kind(StrEnum):
    """What stands in a column."""

    TEXT = "text"
    BOXES = "boxes"
    NUMBER = "number"
    GRAMS = "grams"
    TENTHS = "tenths"
    """Of a degree Brix, of a newton."""
    MINOR = "minor"
    """Of the currency that stands in the row."""


Cell = str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    label: Text
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`currency_at`: in which column of a row its currency stands."""

    content: Content
    name: str
    title: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def currency_at(self) -> int | None:
        names = [each.name for each in self.columns]
        return names.index("currency") if "currency" in names else None

    def told(self, row: Sequence[Cell]) -> tuple[str, ...]:
        """As people read it: kilograms, whole units of the currency."""
        currency = "" if self.currency_at is None else str(row[self.currency_at])
        return tuple(
            _cell(value, column.kind, currency) for value, column in zip(row, self.columns, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    consent_id: str
    consent_digest: str
    cooperative_code: str
    cooperative: Text
    lender: str
    since: date
    made_at: datetime
    tables: tuple[Table, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, and its digest."""
        told = {
            "consent_id": self.consent_id,
            "consent_digest": self.consent_digest,
            "cooperative_code": self.cooperative_code,
            "cooperative_en": self.cooperative.en,
            "cooperative_zh": self.cooperative.zh,
            "lender": self.lender,
            "since": self.since.isoformat(),
            "made_at": instant_text(self.made_at),
            "tables": [
                {
                    "content": each.content.value,
                    "name": each.name,
                    "title_en": each.title.en,
                    "title_zh": each.title.zh,
                    "columns": [
                        {
                            "name": column.name,
                            "kind": column.kind.value,
                            "label_en": column.label.en,
                            "label_zh": column.label.zh,
                        }
                        for column in each.columns
                    ],
                    "rows": [list(row) for row in each.rows],
                }
                for each in self.tables
            ],
        }
        return {**told, "digest": digest(told)}


def digest(told: dict[str, Any]) -> str:
    """Over everything but itself, in canonical JSON: keys in order, no blanks, UTF-8."""
    bare = {name: value for name, value in told.items() if name != "digest"}
    canonical = json.dumps(bare, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _cell(value: Cell, kind: Kind, currency: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if kind is Kind.GRAMS:
        return _fraction(value, 3)
    if kind is Kind.TENTHS:
        return _fraction(value, 1)
    return amount_text(value, currency) if kind is Kind.MINOR else str(value)


def _fraction(value: int, digits: int) -> str:
    whole, rest = divmod(abs(value), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{digits}d}"
