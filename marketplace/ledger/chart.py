"""The chart of accounts: what stands where, on which side it grows, and which accounts never go below zero. Pure.

An account is a code of this chart, an owner if the code has one for each, and a currency. The side and the floor are
written with an account when it is opened; a change here is for accounts opened from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.language import Text


class Side(StrEnum):
    DEBIT = "debit"
    CREDIT = "credit"

    @property
    def other(self) -> "Side":
        return Side.CREDIT if self is Side.DEBIT else Side.DEBIT


class Group(StrEnum):
    """What kind of account it is; decides on which side it grows."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"

    @property
    def side(self) -> Side:
        return Side.DEBIT if self in (Group.ASSET, Group.EXPENSE) else Side.CREDIT


class OwnerKind(StrEnum):
    """Whose account it is. `item` and others that boxes are sold for come from the packages above as plain words."""

    COOPERATIVE = "cooperative"
    SPONSORSHIP = "sponsorship"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One code of the chart."""

    code: str
    group: Group
    name: Text
    has_floor: bool = False
    """Never below zero: what is booked or reserved against it is refused when it is not there."""


def _asset(code: str, en: str, zh: str, *, has_floor: bool = False) -> Entry:
    return Entry(code=code, group=Group.ASSET, name=Text(en=en, zh=zh), has_floor=has_floor)


def _liability(code: str, en: str, zh: str, *, has_floor: bool = False) -> Entry:
    return Entry(code=code, group=Group.LIABILITY, name=Text(en=en, zh=zh), has_floor=has_floor)


def _income(code: str, en: str, zh: str) -> Entry:
    return Entry(code=code, group=Group.INCOME, name=Text(en=en, zh=zh))


def _expense(code: str, en: str, zh: str) -> Entry:
    return Entry(code=code, group=Group.EXPENSE, name=Text(en=en, zh=zh))


ENTRIES: Final = (
    _asset("psp_clearing", "Payments received, at providers", "收款清算（支付机构）"),
    _asset("sponsor_clearing", "Sponsors' payments received", "赞助款清算"),
    _asset("bank", "Bank", "银行存款"),
    _asset("coop_prepaid", "Advances to cooperatives", "预付合作社款", has_floor=True),
    _asset("coop_receivable", "Owed by cooperatives", "应收合作社款", has_floor=True),
    _asset("county_receivable", "Owed by counties for bonuses and discounts", "应收县级补贴"),
    _asset("sponsor_receivable", "Owed by sponsors for bonuses and discounts", "应收赞助方补贴"),
    _asset("coop_discount_receivable", "Owed by cooperatives for their discounts", "应收合作社优惠款"),
    _liability("deposit_liability", "Deposits of orders", "订单定金"),
    _liability("order_liability", "Paid orders not yet delivered", "已付款未交付订单"),
    _liability("refund_payable", "Refunds and compensation to be paid", "应退款与赔偿"),
    _liability("customer_credit", "Credit that payers took instead of money", "买家储值抵退"),
    _liability("coop_payable", "Payable to cooperatives", "应付合作社款", has_floor=True),
    _liability("coop_retention", "Kept back from cooperatives", "合作社质保金", has_floor=True),
    _liability(
        "service_payable", "Payable to who packs, carries and stores", "应付服务费（包装、运输、仓储）"
    ),
    _liability("sponsor_escrow", "Sponsors' money in escrow", "赞助托管款", has_floor=True),
    _income("commission_income", "Commission", "佣金收入"),
    _expense("promo_expense", "Bonuses and discounts of the platform", "平台优惠支出"),
    _expense("compensation_expense", "Compensation of buyers", "买家赔偿支出"),
    _expense("dispute_expense", "Payments that banks took back", "银行拒付损失"),
    _expense("provider_fee_expense", "Fees of payment providers", "支付机构手续费"),
)

CHART: Final[Mapping[str, Entry]] = {entry.code: entry for entry in ENTRIES}


def entry_of(code: str) -> Entry:
    """Raises KeyError for a code that is not in the chart."""
    return CHART[code]
