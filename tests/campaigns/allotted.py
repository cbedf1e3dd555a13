"""An allocation in tests: a campaign that sold boxes of three cooperatives, and what is to be seen of it."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from campaigns import planning
from campaigns.allotting import allotting
from campaigns.allotting.models import Commitment, Supply
from campaigns.pledges import pledging
from campaigns.policy import policies
from campaigns.states import CampaignEvent
from inventory.models import Hold
from marketplace import database
from marketplace.access import Role
from marketplace.context import Context
from orders.models import Order, SeasonEntry
from tests import house
from tests.builders import Market, Sale, paid
from tests.house import Caller

WHY = {"reason": "no packers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotted:
    """A campaign, an operator, and one member of each cooperative."""

    market: Market
    sale: Sale
    operator: Caller
    members: tuple[Caller, ...]

    @property
    def state(self) -> str:
        return self.market.campaign(self.sale).state

    def start(self, **terms: Any) -> "Allotted":
        if terms:
            agree(self.market, self.sale, **terms)
        begin(self.market, self.sale)
        return self

    def commitments(self) -> list[Commitment]:
        with database.reading() as session:
            statement = select(Commitment).where(Commitment.campaign_id == self.sale.campaign_id)
            return list(session.scalars(statement.order_by(Commitment.id)))

    def latest(self, code: str) -> Commitment:
        return [each for each in self.commitments() if each.code == code][-1]

    def told(self) -> list[tuple[str, str, int]]:
        """Code, state and boxes kept of every commitment that has or had boxes, in the order of their making."""
        return [(each.code, each.state, each.boxes_kept) for each in self.commitments() if each.boxes]

    def member(self, code: str) -> Caller:
        return self.members[int(code[-1]) - 1]

    def confirm(self, code: str, **body: Any) -> TestResponse:
        return self.member(code).post(f"/v1/commitments/{self.latest(code).id}/confirmation", json=body)

    def decline(self, code: str) -> TestResponse:
        return self.member(code).post(f"/v1/commitments/{self.latest(code).id}/refusal", json=WHY)

    def done(self, *responses: TestResponse) -> "Allotted":
        assert [each.status_code for each in responses] == [200] * len(responses), responses[-1].json
        return self

    def overview(self) -> dict[str, Any]:
        response = self.operator.get(f"{self.sale.url}/allocation")
        assert response.status_code == 200, response.json
        return response.json

    def let_time_pass(self) -> None:
        """The time of every open question is over, though nobody has written it down yet."""
        self.let_answers_be_due(self.market.later(minutes=-1).now)

    def let_answers_be_due(self, at: datetime) -> None:
        offered = update(Commitment).where(Commitment.state == "offered").values(answer_due_at=at)
        database.transact(lambda session: session.execute(offered))

    def lapse(self) -> None:
        """The job of every minute, and what it calls for."""
        with database.reading() as session:
            due = allotting.due(session, self.market.ctx)
        for campaign_id in due:
            database.transact(
                lambda session, each=campaign_id: allotting.go_on(session, self.market.ctx, campaign_id=each)
            )

    def pledges(self) -> dict[str, int]:
        """The open boxes of each cooperative's pledges."""
        names = dict(zip(self.market.cooperative_ids, ("YJ01", "YJ02", "YJ03"), strict=True))
        found = dict.fromkeys(names.values(), 0)
        with database.reading() as session:
            for hold in session.scalars(
                select(Hold).where(Hold.pool_id == self.sale.pool_id, Hold.kind == "pledge")
            ):
                assert hold.cooperative_id is not None
                found[names[hold.cooperative_id]] += hold.open_boxes
        return found

    def supplies(self) -> set[tuple[uuid.UUID, uuid.UUID, int]]:
        with database.reading() as session:
            return {
                (each.order_id, each.cooperative_id, each.boxes)
                for each in session.scalars(select(Supply).where(Supply.item_id == self.sale.item_id))
            }

    def season_grams(self) -> dict[str, int]:
        with database.reading() as session:
            rows = session.execute(
                select(Commitment.code, SeasonEntry.grams).join(
                    Commitment, SeasonEntry.purpose_id == Commitment.id
                )
            ).all()
        found: dict[str, int] = {}
        for code, grams in rows:
            found[code] = found.get(code, 0) + grams
        return found


def agree(market: Market, sale: Sale, **terms: Any) -> None:
    """As if this policy had been signed before the campaign was scheduled."""

    def work(session: Session) -> None:
        campaign = planning.locked(session, sale.campaign_id)
        before = policies.latest(session, campaign_id=campaign.id)
        policy = replace(before.agreed, **terms)
        row = policies.write(session, market.ctx, campaign, policy, number=before.number + 1)
        policies.freeze(session, market.ctx, campaign, row)
        campaign.cut_rule = policy.cut_rule

    database.transact(work)


def begin(market: Market, sale: Sale, *, ctx: Context | None = None) -> None:
    """Close the sale, begin to allocate, split."""

    def work(session: Session) -> None:
        at = ctx or market.ctx
        for event in (CampaignEvent.CLOSE, CampaignEvent.ALLOCATE):
            campaign = planning.move(session, at, campaign_id=sale.campaign_id, event=event, reason="sold")
        allotting.start(session, at, campaign)

    database.transact(work)


def sold(
    market: Market,
    operator: Caller,
    *,
    pledged: Sequence[int] = (20, 20, 20),
    orders: Sequence[int] = (12,),
    variety: str = "Fuji",
    shelf_days: int = planning.SHELF_DAYS,
    grown: Mapping[str, Any] | None = None,
    item: Mapping[str, Any] | None = None,
) -> Allotted:
    """A campaign on sale whose orders are paid; each cooperative has pledged so many boxes, `grown` so."""
    sale = market.draft(per_buyer=100, item={"shelf_days": shelf_days, **(item or {})})
    for number, boxes in enumerate(pledged):
        if boxes:
            market.lot(boxes, cooperative=number, variety=variety, **(grown or {}))
            pledge(market, sale, number, boxes)
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    return sold_of(market, operator, sale, orders)


def sold_of(market: Market, operator: Caller, sale: Sale, orders: Sequence[int]) -> Allotted:
    """The same of a campaign that is on sale already."""
    for boxes in orders:
        paid(house.caller(market.app, Role.SHOPPER), operator, sale, boxes)
    members = tuple(
        house.caller(market.app, Role.COOPERATIVE, cooperative_ids=(each,)) for each in market.cooperative_ids
    )
    return Allotted(market=market, sale=sale, operator=operator, members=members)


def pledge(market: Market, sale: Sale, cooperative: int, boxes: int) -> None:
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


def laid_along(
    orders: Mapping[uuid.UUID, int], given: Sequence[tuple[uuid.UUID, int]], *, seed: str
) -> set[tuple[uuid.UUID, uuid.UUID, int]]:
    """Who supplies whom, box by box: orders by the hash of seed and id, cooperatives as they stand."""

    def place(order_id: uuid.UUID) -> bytes:
        return hashlib.sha256(f"{seed}/{order_id}".encode()).digest()

    line = [order_id for order_id in sorted(orders, key=place) for _ in range(orders[order_id])]
    givers = [name for name, boxes in given for _ in range(boxes)]
    assert len(line) == len(givers)
    pairs = list(zip(line, givers, strict=True))
    return {(*pair, pairs.count(pair)) for pair in set(pairs)}


def orders_of(sale: Sale) -> dict[uuid.UUID, int]:
    with database.reading() as session:
        statement = (
            select(Order.id, Order.boxes)
            .join(Hold, Hold.id == Order.hold_id)
            .where(Hold.pool_id == sale.pool_id, Hold.state == "consumed")
        )
        return {row.id: row.boxes for row in session.execute(statement)}
