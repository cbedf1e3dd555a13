"""A market that advances money: advances in every state, and consents that were read and withdrawn."""

import uuid

from marketplace import database
from marketplace.access import Role
from tests import house
from tests.builders import Market
from tests.campaigns.advances import scene
from tests.campaigns.advances.scene import Lending
from tests.campaigns.evidence import paper
from tests.house import Caller
from tests.payouts.desk import Desk, with_payer


def lent(market: Market, operator: Caller) -> None:
    """A cooperative's advances: refused, cancelled, repaid to the end and in part, and one that is granted."""
    member = house.caller(market.app, Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    desk = Desk(
        market=market, drafter=operator, approver=house.caller(market.app, Role.OPERATOR), member=member
    )
    made = scene.lending(market, desk, operator, variety="Ralls", pledged=(20, 0, 0))
    made.step(made.asked(100), "refusal", reason_en="not yet", reason_zh="暂缓")
    made.step(made.asked(100), "cancellation", by=made.members[0])
    with with_payer(market.app):
        made.paid(1_000)
        made.paid(1_000)
    desk.fund(2_000)
    net(market, made, 1_500)
    made.granted(2_000)
    _, code = paper.signed(member, market)
    assert house.caller(market.app).post("/v1/evidence-readings", json={"code": code}).status_code == 200
    other, _ = paper.signed(member, market)
    assert member.post(f"/v1/evidence-consents/{other['id']}/withdrawal").status_code == 200


def net(market: Market, made: Lending, minor: int) -> None:
    database.transact(
        lambda session: scene.netted(
            session,
            market.ctx,
            cooperative_id=made.coop(),
            available_minor=minor,
            settlement_id=uuid.uuid4(),
        )
    )
