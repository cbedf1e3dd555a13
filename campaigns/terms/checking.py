"""What an operator may set as the terms of an item, and what not; every fault is named at once. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from campaigns.terms import ladder
from campaigns.terms.ladder import Step
from inventory.deposit_rules import Deposit, DepositType
from marketplace import errors
from marketplace.language import Text

EARNEST_PART: Final = 5
"""Earnest money is at most one part in so many of the contract's amount (Civil Code, article 586)."""


class TermsNotAllowed(errors.Invalid):
    """The price terms contradict themselves or the law; `errors` lists where and why."""

    title = Text(en="These price terms are not allowed.", zh="价格条款不符合规定。")


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceWindow:
    """When the rest of the price may be paid."""

    opens_at: datetime
    closes_at: datetime
    grace_hours: int
    """After the end, for money on its way."""
    due_at: datetime | None = None
    """When it really ends, once it is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTerms:
    """The steps of an item, the first of them its price as shown; and its deposit, if not all is due at once."""

    steps: tuple[Step, ...]
    deposit: Deposit | None


def check(items: Sequence[ItemTerms], *, closes_at: datetime, balance: BalanceWindow | None) -> None:
    """Raises TermsNotAllowed."""
    faults = [
        {"pointer": "/balance", "detail": fault} for fault in _faults_of_balance(items, closes_at, balance)
    ]
    for place, item in enumerate(items):
        faults += [{"pointer": f"/items/{place}", "detail": fault} for fault in _faults_of_item(item)]
    if faults:
        raise TermsNotAllowed(errors=faults)


def _faults_of_item(item: ItemTerms) -> Iterator[Text]:
    if not ladder.is_falling(item.steps):
        yield Text(
            en="Each step of the ladder must ask for more boxes than the one before, and cost less.",
            zh="阶梯价须随箱数递增而递减。",
        )
    with_parts = [step for step in item.steps if step.waterfall is not None]
    if with_parts and len(with_parts) < len(item.steps):
        yield Text(
            en="Say for every step who gets what, or for none.", zh="价格构成须对所有阶梯给出或都不给出。"
        )
    if any(step.waterfall and step.waterfall.total_minor != step.unit_price_minor for step in item.steps):
        yield Text(en="The parts of a price must add up to it.", zh="价格构成之和须等于价格。")
    if item.deposit is not None:
        yield from _faults_of_deposit(item.deposit, min(step.unit_price_minor for step in item.steps))


def _faults_of_deposit(deposit: Deposit, lowest_minor: int) -> Iterator[Text]:
    if deposit.type == DepositType.EARNEST and deposit.per_box_minor * EARNEST_PART > lowest_minor:
        yield Text(
            en="Earnest money is at most 20 % of the lowest price of the ladder.",
            zh="定金不得超过最低阶梯价的 20%。",
        )
    if deposit.counts_minor < deposit.per_box_minor:
        yield Text(en="A deposit counts as no less than was paid.", zh="定金抵扣额不得低于实付额。")
    if deposit.counts_minor > lowest_minor:
        yield Text(
            en="A deposit counts as no more than the lowest price of the ladder.",
            zh="定金抵扣额不得高于最低阶梯价。",
        )
    if (deposit.counts_minor > deposit.per_box_minor) != (deposit.funder is not None):
        yield Text(
            en="Who pays the deposit bonus must be named, and nobody where there is none.",
            zh="定金膨胀须注明出资方；无膨胀则不得填写。",
        )


def _faults_of_balance(
    items: Sequence[ItemTerms], closes_at: datetime, balance: BalanceWindow | None
) -> Iterator[Text]:
    if (balance is not None) != any(item.deposit is not None for item in items):
        yield Text(
            en="A balance window belongs to deposits: give both or neither.", zh="尾款时段与定金须同时设置。"
        )
    if balance is not None and not closes_at <= balance.opens_at < balance.closes_at:
        yield Text(
            en="The balance opens when the campaign has closed, and closes after it opened.",
            zh="尾款须在活动结束后开启，且结束晚于开启。",
        )
