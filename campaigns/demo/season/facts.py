"""What of a season is to be seen after a step: states, boxes and money, counted from the tables; no ids."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from campaigns.allotting.models import Commitment, Supply
from campaigns.models import Campaign
from campaigns.promotions.models import PromotionTerms
from campaigns.shortage.models import Shortage, ShortageElection
from inventory.models import Hold, Pool
from marketplace.catalogue.models import Cooperative
from marketplace.ledger import reading as ledger
from marketplace.notifications.models import Notification
from marketplace.payments.models import PartRefund, Payment, Repayment
from marketplace.payments.states import RepaymentState
from marketplace.payouts.models import Payout
from marketplace.payouts.states import PayoutPurpose, PayoutState
from marketplace.values import instant_text
from orders.models import Forfeit, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at the season; all of it is in the result."""

    at: str
    state: str
    boxes: dict[str, int]
    """Of the pool: pledged, held, sold, left."""
    orders: dict[str, int]
    """How many are in each state."""
    money_minor: dict[str, int]
    books_minor: dict[str, int]
    """What stands in each account of the ledger, on the side on which it grows."""
    told: int
    """Messages to people."""


def seen(session: Session, *, campaign_id: uuid.UUID, pool_id: uuid.UUID, at: Any) -> Seen:
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    pool = session.get_one(Pool, pool_id, populate_existing=True)
    counts = session.execute(select(Order.state, func.count()).group_by(Order.state).order_by(Order.state))
    money = session.execute(
        select(
            func.coalesce(func.sum(Payment.received_minor), 0),
            func.coalesce(func.sum(Payment.refund_due_minor), 0),
        )
    ).one()
    taken_off = session.scalar(
        select(func.coalesce(func.sum(PromotionTerms.minor_consumed), 0)).where(
            PromotionTerms.campaign_id == campaign_id
        )
    )
    forfeited = session.scalar(select(func.coalesce(func.sum(Forfeit.amount_minor), 0)))
    paid_back = session.scalar(
        select(func.coalesce(func.sum(PartRefund.amount_minor), 0))
        .join(Repayment, Repayment.refund_id == PartRefund.id)
        .where(Repayment.state == RepaymentState.PAID)
    )
    return Seen(
        at=instant_text(at),
        state=str(campaign.state),
        boxes={
            "pledged": pool.boxes_pledged,
            "held": pool.boxes_held,
            "sold": pool.boxes_sold,
            "left": pool.boxes_pledged - pool.boxes_held - pool.boxes_sold,
        },
        orders={str(row[0]): int(row[1]) for row in counts},
        money_minor={
            "received": int(money[0]),
            "to_pay_back": int(money[1]),
            "paid_back": int(paid_back or 0),
            "forfeited": int(forfeited or 0),
            "taken_off": int(taken_off or 0),
        },
        books_minor={
            each.code: each.balance_minor for each in ledger.trial_balance(session) if each.balance_minor
        },
        told=session.scalar(select(func.count()).select_from(Notification)) or 0,
    )


def cooperatives(session: Session, *, campaign_id: uuid.UUID, pool_id: uuid.UUID) -> list[dict[str, Any]]:
    """Each cooperative of the campaign: its answers, what it supplies, what the hail left, what defaults brought it."""
    rows: dict[uuid.UUID | None, dict[str, Any]] = {
        each.id: {
            "code": each.code,
            "name_en": each.name_en,
            "name_zh": each.name_zh,
            "households": each.member_households,
            "commitments": [],
            "supplied_boxes": 0,
            "pledged_boxes": 0,
            "forfeits_minor": 0,
            "advanced_minor": 0,
            "paid_out_minor": 0,
        }
        for each in session.scalars(select(Cooperative).order_by(Cooperative.code))
    }
    commitments = select(Commitment).where(Commitment.campaign_id == campaign_id).order_by(Commitment.id)
    for each in session.scalars(commitments):
        rows[each.cooperative_id]["commitments"].append([str(each.state), each.boxes, each.boxes_kept])
    for name, statement in {
        "supplied_boxes": select(Supply.cooperative_id, func.sum(Supply.boxes)).group_by(
            Supply.cooperative_id
        ),
        "pledged_boxes": select(
            Hold.cooperative_id, func.sum(Hold.boxes - Hold.consumed_boxes - Hold.released_boxes)
        )
        .where(Hold.pool_id == pool_id, Hold.kind == "pledge", Hold.state == "active")
        .group_by(Hold.cooperative_id),
        "advanced_minor": _paid(PayoutPurpose.ADVANCE),
        "paid_out_minor": _paid(PayoutPurpose.SETTLEMENT),
        "forfeits_minor": select(Forfeit.cooperative_id, func.sum(Forfeit.amount_minor)).group_by(
            Forfeit.cooperative_id
        ),
    }.items():
        for cooperative_id, total in session.execute(statement):
            rows[cooperative_id][name] = int(total)
    return list(rows.values())


def _paid(purpose: PayoutPurpose) -> Select[uuid.UUID, int]:
    return (
        select(Payout.cooperative_id, func.sum(Payout.amount_minor))
        .where(Payout.purpose == purpose, Payout.state == PayoutState.PAID)
        .group_by(Payout.cooperative_id)
    )


def orders(session: Session, numbers: Mapping[uuid.UUID, int]) -> list[list[Any]]:
    """One row for each order: shopper, boxes, state, received, to pay back, and who supplies how many."""
    found = session.execute(select(Order.id, Order.buyer_id, Order.boxes, Order.state)).all()
    money: dict[uuid.UUID, tuple[int, int]] = {
        row[0]: (int(row[1]), int(row[2]))
        for row in session.execute(
            select(
                Payment.order_id, func.sum(Payment.received_minor), func.sum(Payment.refund_due_minor)
            ).group_by(Payment.order_id)
        )
    }
    supplied: dict[uuid.UUID, list[list[Any]]] = {}
    supplies = select(Supply.order_id, Cooperative.code, Supply.boxes).join(
        Cooperative, Cooperative.id == Supply.cooperative_id
    )
    for order_id, code, boxes in session.execute(supplies.order_by(Supply.order_id, Cooperative.code)):
        supplied.setdefault(order_id, []).append([code, boxes])
    rows = [
        [
            numbers[row.buyer_id],
            row.boxes,
            str(row.state),
            *money.get(row.id, (0, 0)),
            supplied.get(row.id, []),
        ]
        for row in found
    ]
    return sorted(rows, key=lambda row: row[0])


def shortage(session: Session, *, campaign_id: uuid.UUID) -> dict[str, Any] | None:
    """The shortage as it ended: what was missing, who gave, who chose what, who was cut, who carries it."""
    found = session.scalar(select(Shortage).where(Shortage.campaign_id == campaign_id))
    if found is None:
        return None
    chosen = session.execute(
        select(ShortageElection.choice, func.count())
        .where(ShortageElection.shortage_id == found.id)
        .group_by(ShortageElection.choice)
        .order_by(ShortageElection.choice)
    )
    cut = session.execute(
        text(
            "SELECT count(*) FILTER (WHERE boxes_cut > 0) AS orders, coalesce(sum(boxes_cut), 0) AS cut_boxes,"
            " coalesce(sum(boxes_given_up), 0) AS given_up_boxes, coalesce(sum(boxes_after), 0) AS boxes,"
            " coalesce(sum(refund_minor), 0) AS refund_minor,"
            " coalesce(sum(compensation_minor), 0) AS compensation_minor"
            " FROM shortage_cut WHERE shortage_id = :shortage_id"
        ),
        {"shortage_id": found.id},
    ).mappings()
    codes = {row.id: row.code for row in session.execute(select(Cooperative.id, Cooperative.code))}
    return {
        "state": str(found.state),
        "policy": found.policy,
        "committed_boxes": found.committed_boxes,
        "supply_boxes": found.supply_boxes,
        "covered_boxes": found.covered_boxes,
        "seed_hash": found.seed_hash,
        "seed": found.seed,
        "digest": found.digest,
        "offers": sorted(
            [codes[each.cooperative_id], each.round, str(each.state), each.boxes, each.accepted_boxes]
            for each in found.offers
        ),
        "standings": sorted(
            [each.code, each.pledged_boxes, each.there_boxes, each.carried_boxes, each.carried_minor]
            for each in found.standings
        ),
        "choices": {str(row[0]): int(row[1]) for row in chosen},
        "cuts": {name: int(value) for name, value in next(iter(cut)).items()},
    }


def as_row(step: str, look: Seen, broken: Sequence[str]) -> dict[str, Any]:
    return {"step": step, **asdict(look), "broken_promises": list(broken)}
