"""Why somebody gets fewer boxes, in English and in Chinese, with every number that a pocket calculator needs. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final, Literal

from campaigns.shortage.rules import Balance, Cause, Choice, Cover, Cut, Demand, Due, Outcome, Standing
from inventory.deposit_rules import Deposit, Funder
from marketplace.language import Text
from marketplace.values import MINOR_DIGITS
from orders.allocation import explain, text, ties
from orders.allocation.explain import drawn_sellers
from orders.allocation.ration import Ration, RationPolicy
from orders.allocation.text import Counted

TERMS_MAX: Final = 12
"""A sum with more terms than these is told by its result."""
FUNDERS: Final = {
    Funder.PLATFORM: Text(en="the platform", zh="平台"),
    Funder.COUNTY: Text(en="the county", zh="县里"),
    Funder.SPONSOR: Text(en="the sponsor", zh="赞助方"),
}

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How far equal awards reach: everybody has up to `full` boxes, and `left` more are drawn among `wanting`."""

    full: int
    taken: int
    left: int
    wanting: int
    terms: tuple[tuple[int, int], ...]
    """(orders, boxes each), whose sum of products is `taken`."""


def line_of(claims: Mapping[str, int], supply: int) -> Line:
    """The largest number of boxes that every order can have, as far as it asked for that many."""
    sizes = Counter(claims.values())
    full = 0
    while full < max(sizes, default=0) and _taken(sizes, full + 1) <= supply:
        full += 1
    terms: Counter[int] = Counter()
    for boxes, orders in sizes.items():
        terms[min(boxes, full)] += orders
    taken = _taken(sizes, full)
    return Line(
        full=full,
        taken=taken,
        left=min(supply - taken, sum(boxes > full for boxes in claims.values())),
        wanting=sum(boxes > full for boxes in claims.values()),
        terms=tuple(sorted((orders, boxes) for boxes, orders in terms.items())),
    )


def places_of(cut: Cut, full: int) -> dict[str, int]:
    """The draw among the orders that want more than `full` boxes: 1 is drawn first."""
    lottery = ties.Lottery(cut.question)
    claims = claims_of(cut)
    sellers = [each for each in cut.question.sellers if claims[each.id] > full]
    ranked = sorted(sellers, key=lottery.rank_of)
    return {seller.id: place for place, seller in enumerate(ranked, start=1)}


def claims_of(cut: Cut) -> dict[str, int]:
    return {each.order_id: each.kept + each.cut for each in cut.outcomes if each.kept + each.cut}


class BuyerWords:
    """The reasons of one cut; what all of them share is computed once."""

    def __init__(
        self,
        cut: Cut,
        policy: RationPolicy,
        *,
        cause: Cause,
        currency: str,
        later_lot_on: date | None = None,
    ) -> None:
        self._later_lot_on = later_lot_on
        self._cut, self._cause, self._currency = cut, cause, currency
        self._claims = claims_of(cut)
        self._asked = sum(self._claims.values())
        self._line = line_of(self._claims, cut.supply)
        self._places = places_of(cut, self._line.full)
        self._is_equal, self._part = True, None
        self._drawn_for: frozenset[str] = frozenset()
        if policy == "proportional":
            assert cut.ration is not None, "one in proportion is made again"
            self._is_equal, self._part = not cut.ration.first_boxes, _part_of(cut.ration)
            self._drawn_for = frozenset(drawn_sellers(cut.ration.problem, cut.ration.allocation))

    def reason(
        self,
        demand: Demand,
        outcome: Outcome,
        due: Due,
        *,
        paid_minor: int,
        currency: str | None = None,
        deposit: Deposit | None = None,
        balance: Balance | None = None,
    ) -> Text:
        """`currency`: the order's, if it is not the item's; `balance`: once it was asked for."""
        unit = currency or self._currency
        parts = [self._asked_for(outcome), self._chose(demand, outcome)]
        if self._claims.get(outcome.order_id):
            parts.append(self._there())
            if outcome.cut or self._asked > self._cut.supply:
                parts.extend(self._counted(outcome))
        parts.append(self._result(outcome))
        if outcome.refunded:
            is_deposit = deposit is not None and (balance is None or not balance.is_paid)
            parts.append(self._refund(outcome, due, paid_minor, unit, is_deposit=is_deposit))
            parts.append(self._later(outcome, due, deposit, balance))
            parts.append(self._discounts(due, unit))
        if due.compensation_minor:
            parts.append(self._compensation(due, unit))
        found = [part for part in parts if part is not None]
        return Text(en=" ".join(each.en for each in found), zh="".join(each.zh for each in found))

    def _asked_for(self, outcome: Outcome) -> Text:
        return Text(en=f"You ordered {_boxes(outcome.ordered)}.", zh=f"您订购了 {outcome.ordered:,} 箱。")

    def _chose(self, demand: Demand, outcome: Outcome) -> Text | None:
        match demand.choice:
            case Choice.NO_PREFERENCE:
                return None
            case Choice.FEWER:
                return Text(
                    en=f"You chose that {_boxes(demand.claim)} are enough.",
                    zh=f"您选择只要 {demand.claim:,} 箱。",
                )
            case Choice.REFUND:
                return Text(en="You chose a full refund.", zh="您选择全额退款。")
            case Choice.WAIT:
                return Text(
                    en=f"You chose to wait for a later lot: {_boxes(outcome.moved)} come from it.{self._until.en}",
                    zh=f"您选择等待后续批次，{outcome.moved:,} 箱由后续批次供货。{self._until.zh}",
                )
            case Choice.OTHER_GRADE:
                return Text(
                    en=f"You chose another grade: {_boxes(outcome.moved)} are of it.",
                    zh=f"您选择改为其他等级，共 {outcome.moved:,} 箱。",
                )

    @property
    def _until(self) -> Text:
        if self._later_lot_on is None:
            return Text(en="", zh="")
        day = self._later_lot_on.isoformat()
        return Text(
            en=f" If it has not come by {day}, all that you paid goes back.",
            zh=f"若 {day} 前未到货，将全额退款。",
        )

    def _there(self) -> Text:
        orders = len(self._claims)
        return Text(
            en=f"{self._cut.supply:,} of {self._asked:,} boxes are there for {orders:,} orders.",
            zh=f"{orders:,} 个订单共需 {self._asked:,} 箱，现有 {self._cut.supply:,} 箱。",
        )

    def _counted(self, outcome: Outcome) -> list[Text]:
        if self._is_equal:
            return [self._equal(), *self._drawn(outcome)]
        return [self._proportional(outcome)]

    def _equal(self) -> Text:
        line = self._line
        if not self._cut.supply:
            return Text(en="So nobody gets any.", zh="因此无人得箱。")
        if line.full == 0:
            return Text(
                en="There are fewer boxes than orders: first boxes are drawn by lot.",
                zh="箱数少于订单数，首箱由抽签决定。",
            )
        total = _sum(line)
        return Text(
            en=f"Every order got up to {_boxes(line.full)}, as far as it asked for that many: {total}.",
            zh=f"每个订单至多得 {line.full:,} 箱（不超过其订购数）：{total}。",
        )

    def _drawn(self, outcome: Outcome) -> list[Text]:
        place = self._places.get(outcome.order_id)
        if place is None or not self._line.left:
            return []
        left, wanting = self._line.left, self._line.wanting
        return [
            Text(
                en=f"{_boxes(left)} more {'was' if left == 1 else 'were'} drawn among {wanting:,} orders with the seed"
                f" whose hash was published before; yours was drawn as number {place:,}.",
                zh=f"余下 {left:,} 箱在 {wanting:,} 个订单间用事先公布哈希的种子抽签，您排第 {place:,} 位。",
            )
        ]

    def _proportional(self, outcome: Outcome) -> Text:
        line = self._part
        claim = self._claims[outcome.order_id]
        if line is None:
            return Text(en="Every order got its first box.", zh="每个订单各得首箱。")
        number, product = text.exact_decimal(line), text.exact_decimal(line * claim)
        draw_en = (
            " Its last box lay exactly on the line, and the draw decided."
            if outcome.order_id in self._drawn_for
            else ""
        )
        draw_zh = "最后一箱恰在线上，由抽签决定。" if outcome.order_id in self._drawn_for else ""
        return Text(
            en=f"Every order got {number} of what it asked for, to the nearest box and at least one:"
            f" {claim:,} × {number} = {product}.{draw_en}",
            zh=f"每个订单按其订购数的 {number} 分得，四舍五入且至少一箱：{claim:,} × {number} = {product}。{draw_zh}",
        )

    def _result(self, outcome: Outcome) -> Text:
        return Text(
            en=f"You get {_boxes(outcome.kept + outcome.moved)}.",
            zh=f"您得 {outcome.kept + outcome.moved:,} 箱。",
        )

    def _refund(self, outcome: Outcome, due: Due, paid_minor: int, unit: str, *, is_deposit: bool) -> Text:
        sum_ = (
            f"{_money(paid_minor, unit)} × {outcome.refunded:,} ÷ {outcome.ordered:,}"
            f" = {_money(due.refund_minor, unit)}"
        )
        if is_deposit:
            return Text(
                en=f"The deposit for {_boxes(outcome.refunded)} is paid back: {sum_} {unit}.",
                zh=f"退回 {outcome.refunded:,} 箱定金：{sum_} {unit}。",
            )
        return Text(
            en=f"For {_boxes(outcome.refunded)} you are paid back {sum_} {unit}.",
            zh=f"退回 {outcome.refunded:,} 箱货款：{sum_} {unit}。",
        )

    def _later(
        self, outcome: Outcome, due: Due, deposit: Deposit | None, balance: Balance | None
    ) -> Text | None:
        """What the cut changes of what is still to be paid."""
        if deposit is None:
            return None
        told = self._of_balance(outcome.kept + outcome.moved, balance)
        en, zh = told.en, told.zh
        if due.bonus_minor and deposit.funder is not None:
            money, funder = (
                f"{_money(due.bonus_minor, self._currency)} {self._currency}",
                FUNDERS[deposit.funder],
            )
            en += f" What {funder.en} adds to a deposit falls away for boxes that do not come: {money}."
            zh += f"未供货部分的定金膨胀（{funder.zh}出资）相应取消：{money}。"
        return Text(en=en, zh=zh)

    def _discounts(self, due: Due, unit: str) -> Text | None:
        """What is no longer taken off, for it belonged to boxes that do not come."""
        if not due.discount_minor:
            return None
        money = f"{_money(due.discount_minor, unit)} {unit}"
        return Text(
            en=f"Of what is taken off the price, {money} belonged to boxes that do not come, and falls away.",
            zh=f"未供货部分对应的优惠 {money} 相应取消。",
        )

    def _of_balance(self, left: int, balance: Balance | None) -> Text:
        if balance is None and left:
            return Text(en=f"Your balance will be for {_boxes(left)}.", zh=f"尾款将按 {left:,} 箱计算。")
        if balance is None or (not left and not balance.is_paid):
            return Text(en="No balance will be asked.", zh="无需支付尾款。")
        if balance.is_paid:
            return Text(en="That is of the deposit and of the balance.", zh="含定金与尾款。")
        money = f"{_money(balance.minor, self._currency)} {self._currency}"
        return Text(
            en=f"Your balance is for {_boxes(left)} now: {money}. If you have paid more already, the rest goes back.",
            zh=f"尾款现按 {left:,} 箱计算，为 {money}；若已多付，差额退回。",
        )

    def _compensation(self, due: Due, unit: str) -> Text:
        money = f"{_money(due.compensation_minor, unit)} {unit}"
        return Text(
            en=f"The seller is at fault: the earnest money for what was cut comes back double, {money} more.",
            zh=f"因卖方违约，被削减部分的定金双倍返还，另付 {money}。",
        )


def _money(minor: int, currency: str) -> str:
    digits = MINOR_DIGITS[currency]
    return text.decimal(Fraction(minor, 10**digits), digits)


def _part_of(ration: Ration) -> Fraction | None:
    """The part of what it asked for that every order got: one number for all of them, told with few digits."""
    problem, allocation = ration.problem, ration.allocation
    if not problem.sellers:
        return None
    told = explain(problem, allocation, problem.sellers[0].id)
    return told.short_line if told.short_line is not None else told.shared_line


def for_cooperative(
    standing: Standing, *, committed: int, supply: int, covered: int, carries: int, cause: Cause
) -> Text:
    """Why a cooperative carries so many of the missing boxes."""
    gap = max(0, committed - supply)
    fault_en = (
        "It is recorded as force majeure: your season account stays as it is."
        if cause == Cause.FORCE_MAJEURE
        else "It is recorded as a fault of whoever lacks boxes, who pays the compensation."
    )
    fault_zh = (
        "记为不可抗力，产季账户不变。"
        if cause == Cause.FORCE_MAJEURE
        else "记为缺货合作社违约，由其承担赔偿。"
    )
    return Text(
        en=f"You pledged {_boxes(standing.pledged)}, {standing.there:,} are there:"
        f" {standing.pledged:,} − {standing.there:,} = {standing.missing:,} missing. Buyers were promised"
        f" {committed:,}, {supply:,} were there: {committed:,} − {supply:,} = {gap:,} short."
        f" Neighbours gave {covered:,}. Of what is short, {_boxes(carries)} are yours to carry. {fault_en}",
        zh=f"您承诺 {standing.pledged:,} 箱，实有 {standing.there:,} 箱，缺 {standing.pledged:,} − {standing.there:,}"
        f" = {standing.missing:,} 箱。买家应得 {committed:,} 箱，实有 {supply:,} 箱，缺 {committed:,} − {supply:,}"
        f" = {gap:,} 箱。邻社补 {covered:,} 箱。其中由您承担 {carries:,} 箱。{fault_zh}",
    )


def for_waiting_in_vain(
    boxes: int, *, promised_on: date, refund_minor: int, compensation_minor: int, currency: str
) -> Text:
    """Why an order that waited for a later lot is paid back."""
    refund = f"{_money(refund_minor, currency)} {currency}"
    en = f"The later lot has not come by {promised_on.isoformat()}: all that you paid for {_boxes(boxes)} goes back."
    zh = f"后续批次未在 {promised_on.isoformat()} 前到货，{boxes:,} 箱全额退款 {refund}。"
    if compensation_minor:
        extra = f"{_money(compensation_minor, currency)} {currency}"
        en += f" The seller is at fault: the earnest money comes back double, {extra} more."
        zh += f"因卖方违约，定金双倍返还，另付 {extra}。"
    return Text(en=en, zh=zh)


def for_choosing(*, committed: int, supply: int, covered: int) -> Text:
    """Why buyers are asked, in the numbers of when it began."""
    there = min(committed, supply + covered)
    return Text(
        en=f"{there:,} of {_boxes(committed)} are there.", zh=f"共售出 {committed:,} 箱，现有 {there:,} 箱。"
    )


def for_neighbour(cover: Cover, code: str, *, gap: int, counted: Counted = "households") -> Text:
    """Why a neighbour is asked for so many: the sum of the fair split over what is spare."""
    told = explain(cover.problem, cover.allocation, code)
    spare = sum(seller.cap_packs for seller in cover.problem.sellers)
    return Text(
        en=f"{_boxes(gap)} are missing; neighbours have {spare:,} to spare. "
        + " ".join(text.render(told, "en", counted=counted)),
        zh=f"缺 {gap:,} 箱，各邻社共有 {spare:,} 箱可补。"
        + "".join(text.render(told, "zh", counted=counted)),
    )


def _sum(line: Line) -> str:
    if len(line.terms) > TERMS_MAX:
        return f"{line.taken:,}"
    by_size = sorted(line.terms, key=lambda term: term[1])
    return " + ".join(f"{orders:,} × {boxes:,}" for orders, boxes in by_size) + f" = {line.taken:,}"


def _taken(sizes: Mapping[int, int], full: int) -> int:
    return sum(min(boxes, full) * orders for boxes, orders in sizes.items())


def _boxes(count: int) -> str:
    return f"{count:,} {'box' if count == 1 else 'boxes'}"
