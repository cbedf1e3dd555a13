"""The county of a season: sixteen cooperatives of the made-up roster, their stored fruit, one presale of it."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.demo import job, roster
from campaigns.demo.roster import Roster, StoredLot
from campaigns.demo.season import labels
from campaigns.demo.season.plan import SALE_DAYS, SELLERS, STEPS_PERCENT, Plan, season_seed, shares
from campaigns.pledges import pledging
from campaigns.promotions import codes, promoting
from campaigns.promotions.rules import Funder, PromotionKind
from campaigns.promotions.states import PromotionState
from marketplace import database
from marketplace.access import Role
from marketplace.catalogue import cooperatives
from marketplace.catalogue.models import Cooperative
from marketplace.context import Actor, Context, now_utc, system
from marketplace.identity import accounts

GRADE: Final = "A"
PRICE_MINOR: Final = 6_000
STEPS_MINOR: Final = (5_600, 5_200)
DEPOSIT: Final[dict[str, Any]] = {
    "type": "earnest",
    "per_box_minor": 1_000,
    "counts_minor": 1_500,
    "funder": "platform",
}
COUPON_CODE: Final = "HARVEST"
COUPON_MINOR: Final = 500
PER_BUYER: Final = 10
FREE_HOURS: Final = 48
BALANCE_AFTER: Final = timedelta(days=12)
BALANCE_LASTS: Final = timedelta(days=5)
GRACE_HOURS: Final = 24
KEEPS: Final = timedelta(days=60)
"""From the first day: by then all boxes are delivered, and good for the days that buyers are promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    operator: Actor
    cooperatives: tuple[Cooperative, ...]
    campaign_id: uuid.UUID
    item_id: uuid.UUID
    pool_id: uuid.UUID
    pack_id: uuid.UUID

    @property
    def ctx(self) -> Context:
        """The operator, now."""
        return Context(actor=self.operator, now=now_utc())


def lay(plan: Plan) -> Ground:
    """Everything that is there before the first shopper comes: the campaign is scheduled, its seed's hash is told."""
    read = _biggest(roster.read(roster.DEFAULT)).moved_to(now_utc().date())
    operator = database.transact(_operator)
    laid = database.transact(lambda session: _load(session, read))
    with database.reading() as session:
        sellers = tuple(cooperatives.of_county(session, county_id=laid.county.id))
    ctx = Context(actor=operator, now=now_utc())

    def launch(session: Session) -> Ground:
        opens_at = ctx.now + timedelta(days=1)
        closes_at = opens_at + timedelta(days=SALE_DAYS)
        campaign = planning.draft(
            session,
            ctx,
            code=f"season-{plan.seed}",
            county_id=laid.county.id,
            title_en="Autumn presale from the cold store",
            title_zh="秋季冷库预售",
            opens_at=opens_at,
            closes_at=closes_at,
            goal_boxes=plan.goal_boxes,
            items=[
                {
                    "pack_id": laid.pack.id,
                    "unit_price_minor": PRICE_MINOR,
                    "boxes_per_buyer_max": PER_BUYER,
                    "deposit": DEPOSIT,
                    "ladder": [
                        {"from_boxes": plan.part(percent), "unit_price_minor": minor}
                        for percent, minor in zip(STEPS_PERCENT, STEPS_MINOR, strict=True)
                    ],
                }
            ],
            balance={
                "opens_at": closes_at + BALANCE_AFTER,
                "closes_at": closes_at + BALANCE_AFTER + BALANCE_LASTS,
                "grace_hours": GRACE_HOURS,
                "free_withdrawal_hours": FREE_HOURS,
            },
        )
        [item] = campaign.items
        wanted = shares(plan.pledged_boxes, [_stock(read, each.code) for each in sellers])
        for seller, boxes in zip(sellers, wanted, strict=True):
            pledging.put_up(
                session,
                ctx,
                campaign_id=campaign.id,
                item_id=item.id,
                cooperative_id=seller.id,
                boxes=boxes,
            )
        _coupon(session, ctx, campaign.id, budget_minor=len(plan.shoppers) * COUPON_MINOR)
        planning.schedule(session, ctx, campaign_id=campaign.id, seed=season_seed(plan.seed))
        return Ground(
            operator=operator,
            cooperatives=sellers,
            campaign_id=campaign.id,
            item_id=item.id,
            pool_id=item.pool_id,
            pack_id=laid.pack.id,
        )

    return database.transact(launch)


def _load(session: Session, read: Roster) -> job.Ground:
    laid = job.load(session, read, grade=GRADE, land=partial(labels.certify, read))
    labels.name(session, laid.pack)
    return laid


def _coupon(session: Session, ctx: Context, campaign_id: uuid.UUID, *, budget_minor: int) -> None:
    """Five yuan off the balance of whoever knows the word, paid by the county."""
    terms = promoting.Terms(
        kind=PromotionKind.COUPON,
        funder=Funder.COUNTY,
        title_en="Harvest coupon",
        title_zh="丰收优惠券",
        budget_minor=budget_minor,
        amount_minor=COUPON_MINOR,
        uses_per_person_max=1,
    )
    made = promoting.draft(session, ctx, campaign_id=campaign_id, terms=terms)
    promoting.move(session, ctx, promotion_id=made.id, to=PromotionState.ACTIVE)
    codes.share(session, ctx, promotion_id=made.id, code=COUPON_CODE)


def _operator(session: Session) -> Actor:
    account = accounts.create(
        session, system(), name="Season operator 演示季运营", roles=frozenset({Role.OPERATOR})
    )
    return Actor(kind="account", id=account.id, roles=frozenset({Role.OPERATOR}))


def _biggest(read: Roster) -> Roster:
    """The cooperatives with most fruit of the grade that keeps until the season is over, and that fruit alone."""
    ranked = sorted(read.sellers, key=lambda each: (-_stock(read, each.code), each.code))
    chosen = {each.code for each in ranked[:SELLERS]}
    return replace(
        read,
        sellers=tuple(each for each in read.sellers if each.code in chosen),
        lots=tuple(each for code in sorted(chosen) for each in _lots(read, code)),
    )


def _stock(read: Roster, code: str) -> int:
    return sum(each.grams for each in _lots(read, code))


def _lots(read: Roster, code: str) -> list[StoredLot]:
    keeps = read.as_of + KEEPS
    return [
        each
        for each in read.lots
        if each.seller == code and each.grade == GRADE and each.best_before_on >= keeps
    ]
