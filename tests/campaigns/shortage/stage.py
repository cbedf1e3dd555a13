"""A harvested campaign whose fruit is partly stopped, as tests of shortages begin with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text, update

from campaigns import planning
from campaigns.models import Campaign
from campaigns.pledges import pledging
from campaigns.shortage import opening
from campaigns.shortage.models import Shortage
from campaigns.states import CampaignEvent, CutRule
from inventory.models import Lot
from inventory.quality import quality
from marketplace import database
from marketplace.access import Role
from orders.allocation.commitment import seed_commitment
from tests.builders import Market, Sale, confirmed, paid
from tests.campaigns.allotted import agree
from tests.house import Caller

SEED = "the seed of the season"


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    market: Market
    sale: Sale
    buyers: tuple[Caller, ...]
    orders: tuple[dict, ...]
    lots: tuple[Lot, ...]
    """Of the first cooperative: the one that is stopped, and the one that is there."""

    def shortage(self) -> Shortage:
        with database.reading() as session:
            found = session.query(Shortage).filter_by(campaign_id=self.sale.campaign_id).one()
            _ = found.standings, found.offers
            session.expunge_all()
            return found


def pledge(market: Market, sale: Sale, boxes: int, *, cooperative: int = 0) -> Lot:
    lot = market.lot(boxes, cooperative=cooperative, best_before_on=market.today + timedelta(days=40))
    database.transact(
        lambda session: pledging.put_up(
            session,
            market.ctx,
            campaign_id=sale.campaign_id,
            item_id=sale.item_id,
            cooperative_id=market.cooperative_ids[cooperative],
            boxes=boxes,
        )
    )
    return lot


def harvested(
    market: Market,
    as_role: Callable[..., Caller],
    operator: Caller,
    boxes: Sequence[int],
    *,
    there: int,
    cooperative: int = 0,
    paying: int = 0,
) -> Short:
    """Everything is sold to so many buyers; of the fruit only `there` boxes may leave the store.

    So many boxes more are somebody's whose money has not come yet: the last order.
    """
    sale = market.draft(per_buyer=100)
    stopped = pledge(market, sale, sum(boxes) + paying - there, cooperative=cooperative)
    good = (pledge(market, sale, there, cooperative=cooperative),) if there else ()
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    buyers = tuple(as_role(Role.SHOPPER) for _ in boxes)
    orders = tuple(paid(buyer, operator, sale, each) for buyer, each in zip(buyers, boxes, strict=True))
    if paying:
        buyers += (as_role(Role.SHOPPER),)
        orders += (confirmed(buyers[-1], sale, paying),)

    to_harvest(market, sale)
    as_operator = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    database.transact(
        lambda session: quality.recall(session, as_operator, lot_id=stopped.id, reason="residues")
    )
    return Short(market=market, sale=sale, buyers=buyers, orders=orders, lots=(stopped, *good))


def to_harvest(market: Market, sale: Sale) -> None:
    """The sale is over, and its fruit lies in store."""

    def work(session) -> None:
        for event in (
            CampaignEvent.CLOSE,
            CampaignEvent.ALLOCATE,
            CampaignEvent.CONFIRM,
            CampaignEvent.HARVEST,
        ):
            planning.move(session, market.ctx, campaign_id=sale.campaign_id, event=event, reason="on")

    database.transact(work)


def opened(short: Short, *, policy: str = "equal_awards", **terms) -> Shortage:
    market = short.market
    agree(market, short.sale, cut_rule=CutRule(policy))
    drawn = {"seed": SEED, "seed_hash": seed_commitment(SEED)}
    rule = update(Campaign).where(Campaign.id == short.sale.campaign_id).values(**drawn)
    database.transact(lambda session: session.execute(rule))

    def work(session) -> bool:
        campaign = planning.get(session, market.ctx, campaign_id=short.sale.campaign_id)
        return opening.open_if_short(session, market.ctx, campaign, terms=opening.Terms(**terms))

    assert database.transact(work)
    return short.shortage()


def let_pass(short: Short, hours: int) -> None:
    """Move the windows of the campaign's shortages into the past, as if so many hours had gone by."""
    moved = {"hours": hours, "campaign": short.sale.campaign_id}

    def work(session) -> None:
        session.execute(
            text(
                "UPDATE shortage_offer SET answer_due_at = answer_due_at - make_interval(hours => :hours)"
                " WHERE shortage_id IN (SELECT id FROM shortage WHERE campaign_id = :campaign)"
            ),
            moved,
        )
        session.execute(
            text(
                "UPDATE shortage SET answers_due_at = answers_due_at - make_interval(hours => :hours),"
                " elections_due_at = elections_due_at - make_interval(hours => :hours)"
                " WHERE campaign_id = :campaign"
            ),
            moved,
        )

    database.transact(work)
