"""From boxes that stand in a pool to what may be advanced on them, and the sums that say so. Pure.

What nobody bought bears no advance, nor does fruit of a stopped lot; where several cooperatives stand in a pool that
sold fewer boxes than they put up, each counts with its part.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from campaigns.states import CampaignState
from marketplace.language import Text
from marketplace.values import amount_text
from orders.settlements import advances
from orders.settlements.advances import PERMILLE, AdvanceTerms, Bound, Funds, Offer, Pledged
from orders.settlements.parting import parted
from orders.sponsoring.rules import Progress, Tranche

LIVE: Final = frozenset(
    {
        CampaignState.ALLOCATED,
        CampaignState.HARVESTED,
        CampaignState.SHORTFALL,
        CampaignState.BALANCE_OPEN,
        CampaignState.BALANCE_CLOSED,
        CampaignState.FULFILLING,
        CampaignState.COMPLETED,
    }
)
"""Every sold box has its cooperative, and not all are paid for: the boxes cover what is advanced on them."""

CLEARING: Final = LIVE - {CampaignState.SHORTFALL}
"""The money of a campaign may be cleared: before that the campaign may fail, and in a shortage buyers may leave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Boxes of a cooperative in one item's pool. `there`: those that lie in store or have left it."""

    standing: int
    there: int
    delivered: int
    sold_of_all: int
    standing_of_all: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an offer to one cooperative is made of, beside the money."""

    pledged: tuple[Pledged, ...] = ()
    advanced_minor: int = 0
    """Ever granted on these boxes."""
    open_minor: int = 0
    """Of that granted or paid, and not repaid."""
    uncovered_minor: int = 0
    """Open on boxes of other campaigns, beyond what those cover."""


def progress(stand: Stand) -> Progress:
    """How far the boxes are that bear an advance; never more of a pool than was sold of it, rounded down."""
    boxes = stand.standing
    if stand.sold_of_all < stand.standing_of_all:
        boxes = stand.standing * stand.sold_of_all // stand.standing_of_all
    boxes = max(boxes, stand.delivered)
    return Progress(
        boxes=boxes,
        taken_in=max(stand.delivered, min(boxes, stand.there)),
        delivered=stand.delivered,
    )


def uncovered(open_minor: Mapping[str, int], limits: Mapping[str, int]) -> int:
    """What is open in several campaigns beyond what the boxes of each cover; one that is over covers nothing."""
    return sum(max(0, minor - limits.get(name, 0)) for name, minor in open_minor.items())


def offers(
    terms: AdvanceTerms, positions: Mapping[str, Position], funds: Funds, *, seed: str
) -> dict[str, Offer]:
    """What each may be advanced now. Where money is too short for all of them each has its part of it, whoever comes
    first: of what is free and what was advanced of it already, by what each might have in all.
    """
    alone = {
        name: advances.offer(
            terms,
            each.pledged,
            advanced_minor=each.advanced_minor,
            outstanding_minor=each.open_minor + each.uncovered_minor,
            funds=funds,
        )
        for name, each in positions.items()
    }
    parts = _parts(alone, positions, funds.free_minor, seed=seed)
    return {name: _with(each, parts[name]) for name, each in alone.items()}


def reached(terms: AdvanceTerms, pledged: Iterable[Pledged]) -> Tranche:
    """The last step that has made anything due."""
    due = advances.made_due(terms, tuple(pledged))
    return next((each for each in reversed(Tranche) if due[each]), Tranche.CONFIRMATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """One line of an offer's sum, to be checked with a calculator."""

    bound: Bound
    label: Text
    formula: str
    amount_minor: int


def sums(
    terms: AdvanceTerms, position: Position, funds: Funds, offer: Offer, *, currency: str
) -> tuple[Sum, ...]:
    """The three bounds, line by line; each ends with what it lets through."""

    def money(minor: int) -> str:
        return amount_text(minor, currency)

    found = []
    steps = {
        Tranche.CONFIRMATION: (terms.confirmation, "boxes"),
        Tranche.INTAKE: (terms.intake, "taken_in"),
        Tranche.DELIVERY: (terms.delivery, "delivered"),
    }
    for each in position.pledged:
        for tranche, (permille, name) in steps.items():
            boxes = getattr(each.progress, name)
            if boxes and permille:
                minor = boxes * each.unit_price_minor * permille // PERMILLE
                formula = f"{boxes} × {money(each.unit_price_minor)} × {permille} / {PERMILLE}"
                found.append(_line(Bound.PROGRESS, STEPS[tranche], formula, minor, money))
    due = sum(advances.made_due(terms, position.pledged).values())
    found.append(
        _line(Bound.PROGRESS, DUE, f"{money(due)} − {money(position.advanced_minor)}", offer.due_minor, money)
    )
    worth = sum(each.progress.boxes * each.unit_price_minor for each in position.pledged)
    limit = advances.limit(terms, position.pledged)
    found.append(_line(Bound.LIMIT, LIMIT, f"{money(worth)} × {terms.factor} / {PERMILLE}", limit, money))
    taken = f"{money(limit)} − {money(position.open_minor)} − {money(position.uncovered_minor)}"
    found.append(_line(Bound.LIMIT, ROOM, taken, offer.room_minor, money))
    there = f"{money(funds.cleared_minor)} + {money(funds.escrowed_minor)} − {money(funds.spoken_for_minor)}"
    found.append(_line(Bound.FUNDS, FUNDS, there, offer.funds_minor, money))
    return tuple(found)


STEPS: Final = {
    Tranche.CONFIRMATION: Text(en="Confirmed boxes × price × permille", zh="已确认箱数 × 单价 × 千分比"),
    Tranche.INTAKE: Text(en="Boxes taken in × price × permille", zh="已入库箱数 × 单价 × 千分比"),
    Tranche.DELIVERY: Text(en="Delivered boxes × price × permille", zh="已交付箱数 × 单价 × 千分比"),
}
DUE: Final = Text(en="Due by progress, less what was advanced on it", zh="进度应付减去已预付")
LIMIT: Final = Text(en="Limit: pledged fruit × cautious factor", zh="额度：承诺货值 × 审慎系数")
ROOM: Final = Text(
    en="Room: limit less what is open here, and elsewhere without cover",
    zh="可用额度：额度减去本活动未抵扣、减去其他活动无货值覆盖的部分",
)
FUNDS: Final = Text(en="Cleared + in escrow − spoken for", zh="已清算 + 托管 − 已占用")
BOUNDS: Final = {
    Bound.PROGRESS: Text(en="No more is due by progress.", zh="按进度不再有应付。"),
    Bound.LIMIT: Text(en="The pledged fruit covers no more.", zh="承诺货值不再覆盖更多。"),
    Bound.FUNDS: Text(en="No more money is cleared or in escrow.", zh="已清算与托管资金不足。"),
}


def _parts(
    alone: Mapping[str, Offer], positions: Mapping[str, Position], free_minor: int, *, seed: str
) -> dict[str, int]:
    wanted = {name: min(each.due_minor, each.room_minor) for name, each in alone.items()}
    if sum(wanted.values()) <= free_minor:
        return wanted
    has = {name: each.open_minor for name, each in positions.items()}
    in_all = {name: minor + has[name] for name, minor in wanted.items()}
    due = parted(free_minor + sum(has.values()), in_all, seed=seed)
    more = {name: max(0, minor - has[name]) for name, minor in due.items()}
    return more if sum(more.values()) <= free_minor else parted(free_minor, more, seed=seed)


def _line(bound: Bound, label: Text, left: str, minor: int, money: Callable[[int], str]) -> Sum:
    return Sum(bound=bound, label=label, formula=f"{left} → {money(minor)}", amount_minor=minor)


def _with(offer: Offer, part_minor: int) -> Offer:
    if part_minor < min(offer.due_minor, offer.room_minor):
        return replace(offer, amount_minor=part_minor, bound=Bound.FUNDS)
    return offer
