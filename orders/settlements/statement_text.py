"""A statement in words: one row for each line, with subtotals, in English and Chinese. Pure.

Files and pages print these rows and add nothing of their own, so that all of them say the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from marketplace.language import Text
from marketplace.values import amount_text
from orders.settlements.rules import BESIDE, SALE, Line, LineKind, Statement


class Weight(StrEnum):
    """How a row is printed."""

    LINE = "line"
    SUBTOTAL = "subtotal"
    TOTAL = "total"
    AFTER = "after"
    """What is so after the settlement; no part of its sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a statement is about."""

    number: str
    campaign: Text
    cooperative_code: str
    cooperative: Text
    settled_on: date
    objections_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`kind`: a LineKind, or the name of a sum."""

    weight: Weight
    kind: str
    reference: str
    label: Text
    formula: Text
    amount_minor: int
    currency: str

    @property
    def amount(self) -> str:
        return amount_text(self.amount_minor, self.currency)


LABELS: Final[dict[LineKind, Text]] = {
    LineKind.GOODS: Text(en="Boxes delivered: {reference} {detail}", zh="交付：{reference} {detail}"),
    LineKind.OWN_DISCOUNT: Text(en="Discount that you fund: {reference}", zh="贵社出资的优惠：{reference}"),
    LineKind.REFUND: Text(en="Refund of a claim: {reference}", zh="售后退款：{reference}"),
    LineKind.COMMISSION: Text(en="Commission on the sum of the above", zh="平台佣金（按以上合计）"),
    LineKind.FEE: Text(en="Fee: {reference}, to {detail}", zh="服务费：{reference}（收款方：{detail}）"),
    LineKind.FORFEIT: Text(
        en="Forfeited deposit, by boxes kept: {reference}", zh="罚没定金（按留存箱数）：{reference}"
    ),
    LineKind.RELEASED: Text(
        en="Retention released (until {detail}): {reference}",
        zh="释放质保金（保留至 {detail}）：{reference}",
    ),
    LineKind.STORAGE: Text(
        en="Storage, by grams and days: {reference}", zh="仓储费（按克·天分摊）：{reference}"
    ),
    LineKind.COMPENSATION: Text(en="Compensation of a claim: {reference}", zh="售后赔偿：{reference}"),
    LineKind.OWED: Text(en="Owed from before", zh="前期欠款"),
    LineKind.SPENT: Text(
        en="Retention spent (until {detail}): {reference}",
        zh="动用质保金（保留至 {detail}）：{reference}",
    ),
    LineKind.MISSING: Text(en="Missing, owed at the next settlement", zh="不足额，下期扣回"),
    LineKind.ADVANCE: Text(
        en="Advance of {detail} repaid: {reference}", zh="抵扣预付款（{detail}）：{reference}"
    ),
    LineKind.RETAINED: Text(en="Retention kept until {detail}", zh="留存质保金至 {detail}"),
}

TITLE: Final = Text(en="Settlement statement", zh="结算单")
HEADS: Final[dict[str, Text]] = {
    "number": Text(en="Number", zh="编号"),
    "campaign": Text(en="Campaign", zh="活动"),
    "cooperative": Text(en="Cooperative", zh="合作社"),
    "settled_on": Text(en="Settled on", zh="结算日期"),
    "objections_until": Text(en="Objections until", zh="异议截止"),
    "currency": Text(en="Currency", zh="币种"),
}
COLUMNS: Final = (
    Text(en="What", zh="项目"),
    Text(en="How", zh="计算"),
    Text(en="Amount", zh="金额"),
)
EARNED: Final = Text(en="Earned by boxes", zh="售果所得")
BEFORE_NETTING: Final = Text(en="Before advances and retention", zh="抵扣预付款与质保金前")
PAYOUT: Final = Text(en="Payout", zh="应付金额")
HELD_AFTER: Final = Text(en="Retention held", zh="留存质保金余额")
ADVANCED_AFTER: Final = Text(en="Advances outstanding", zh="未抵扣预付款")
OWED_AFTER: Final = Text(en="Owed at the next settlement", zh="下期应扣欠款")
_NOTHING: Final = Text(en="", zh="")
TERMS_MAX: Final = 8
"""A sum of more amounts is told by their number: they stand above it."""


def heads(heading: Heading, currency: str) -> tuple[tuple[Text, Text], ...]:
    """Name and value of what stands above the rows."""
    cooperative = Text(
        en=f"{heading.cooperative_code} {heading.cooperative.en}",
        zh=f"{heading.cooperative_code} {heading.cooperative.zh}",
    )
    told = [
        (HEADS["number"], _same(heading.number)),
        (HEADS["campaign"], heading.campaign),
        (HEADS["cooperative"], cooperative),
        (HEADS["settled_on"], _same(heading.settled_on.isoformat())),
    ]
    if heading.objections_until is not None:
        told.append((HEADS["objections_until"], _same(heading.objections_until.isoformat())))
    return (*told, (HEADS["currency"], _same(currency)))


def rows(statement: Statement) -> tuple[Row, ...]:
    """In the order of the sum: earned, beside, netted and kept, the payout; then what is so after."""
    return tuple(_rows(statement))


def _rows(statement: Statement) -> Iterator[Row]:
    currency = statement.currency
    sale = [line for line in statement.lines if line.kind in SALE]
    beside = [line for line in statement.lines if line.kind in BESIDE]
    rest = [line for line in statement.lines if line.kind not in SALE | BESIDE]
    yield from (_row(line, currency) for line in sale)
    yield _sum(Weight.SUBTOTAL, "earned", EARNED, statement.earned_minor, currency, _added(sale, currency))
    yield from (_row(line, currency) for line in beside)
    if beside:
        so_far = (statement.earned_minor, *(line.amount_minor for line in beside))
        yield _sum(
            Weight.SUBTOTAL,
            "before_netting",
            BEFORE_NETTING,
            statement.before_netting_minor,
            currency,
            _sum_text(so_far, currency),
        )
    yield from (_row(line, currency) for line in rest)
    left = (statement.before_netting_minor, *(line.amount_minor for line in rest))
    yield _sum(Weight.TOTAL, "payout", PAYOUT, statement.payout_minor, currency, _sum_text(left, currency))
    after = statement.after
    for kind, label, minor in (
        ("held_after", HELD_AFTER, after.held_minor),
        ("advanced_after", ADVANCED_AFTER, after.advanced_minor),
        ("owed_after", OWED_AFTER, after.owed_minor),
    ):
        if minor:
            yield _sum(Weight.AFTER, kind, label, minor, currency, _NOTHING)


def _row(line: Line, currency: str) -> Row:
    label = LABELS[line.kind].format(reference=line.reference, detail=line.detail)
    return Row(
        weight=Weight.LINE,
        kind=line.kind.value,
        reference=line.reference,
        label=Text(en=label.en.strip(), zh=label.zh.strip()),
        formula=line.formula.text(currency),
        amount_minor=line.amount_minor,
        currency=currency,
    )


def _sum(weight: Weight, kind: str, label: Text, minor: int, currency: str, formula: Text) -> Row:
    return Row(
        weight=weight,
        kind=kind,
        reference="",
        label=label,
        formula=formula,
        amount_minor=minor,
        currency=currency,
    )


def _added(lines: list[Line], currency: str) -> Text:
    return _sum_text(tuple(line.amount_minor for line in lines), currency)


def _sum_text(parts: tuple[int, ...], currency: str) -> Text:
    """`104.00 − 4.16 = 99.84`; nothing for a sum of one."""
    shown = [each for each in parts if each]
    if len(shown) < 2:
        return _NOTHING
    if len(shown) > TERMS_MAX:
        return Text(en=f"the sum of the {len(shown)} amounts above", zh=f"以上 {len(shown)} 项之和")
    first, *others = shown
    text = amount_text(first, currency)
    for each in others:
        text += f" {'−' if each < 0 else '+'} {amount_text(abs(each), currency)}"
    return _same(f"{text} = {amount_text(sum(shown), currency)}")


def _same(text: str) -> Text:
    return Text(en=text, zh=text)
