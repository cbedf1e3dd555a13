"""Two who claim, decide or close at once: one of them does it, and the other finds that it is done."""

import uuid
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.orm import Session

from campaigns.fulfilment import completing
from campaigns.models import Campaign
from marketplace import errors
from marketplace.access import Role
from orders.claims import claiming, deciding
from orders.claims.rules import MoreThanArrived
from orders.claims.states import BorneBy, ClaimKind, ClaimStateForbids, Remedy
from orders.states import OrderStateForbids
from tests.builders import Market, broken, comes_meanwhile
from tests.campaigns.claims import scene
from tests.campaigns.claims.scene import Claims
from tests.campaigns.claims.test_claims import kept
from tests.house import Caller
from tests.inventory.yard import at_once


def claims_all(made: Claims):
    """Its buyer claims every box of the first parcel."""
    order, parcel = made.sending.orders[0], made.parcel()
    ctx = made.market.acting(made.sending.buyers[0])

    def work(session: Session) -> object:
        return claiming.claim(
            session,
            ctx,
            order_id=uuid.UUID(order["id"]),
            parcel_id=uuid.UUID(parcel["id"]),
            kind=ClaimKind.DAMAGE,
            boxes=parcel["boxes"],
            words="all of them",
        )

    return work


def test_the_same_boxes_claimed_at_once_are_claimed_once(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator, orders=(2,))
    outcomes = at_once(market.app, [claims_all(made)] * 4)
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [type(each) for each in refused] == [MoreThanArrived] * 3
    assert broken(market.app) == []


def test_a_claim_decided_twice_at_once_is_refunded_once(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator, orders=(2,))
    claim, paid = made.made(1), kept(made)
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))

    def decides(amount_minor: int):
        return lambda session: deciding.decide(
            session,
            ctx,
            claim_id=uuid.UUID(claim["id"]),
            remedy=Remedy.REFUND,
            amount_minor=amount_minor,
            borne_by=BorneBy.COOPERATIVE,
            words=None,
        )

    outcomes = at_once(market.app, [decides(100), decides(200), decides(100), decides(200)])
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [type(each) for each in refused] == [ClaimStateForbids] * 2, "of whoever decided otherwise"
    assert paid - kept(made) == made.shown(claim)["refund_minor"]
    assert broken(market.app) == []


def test_boxes_of_two_parcels_are_refunded_at_once_out_of_one_payment(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator, pledged=(3, 3), orders=(6,))
    paid = kept(made)
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))

    def decides(claim_id: str):
        return lambda session: deciding.decide(
            session,
            ctx,
            claim_id=uuid.UUID(claim_id),
            remedy=Remedy.REFUND,
            amount_minor=paid // 2,
            borne_by=BorneBy.COOPERATIVE,
            words=None,
        )

    found = [made.made(3, number=number)["id"] for number in (0, 1)]
    outcomes = at_once(market.app, [decides(each) for each in found])
    assert not [each for each in outcomes if isinstance(each, Exception)]
    assert kept(made) == 0
    assert broken(market.app) == []


def test_an_order_is_claimed_or_closed_and_never_both(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator, orders=(1, 1, 1))
    scene.let_pass(timedelta(days=91))

    close = close_of(made)
    outcomes = at_once(market.app, [close, claims_all(made), close])
    claimed = outcomes[1]
    if isinstance(claimed, errors.Refusal):
        assert isinstance(claimed, OrderStateForbids)
    closed = sum(each for each in outcomes[::2] if isinstance(each, int))
    assert closed == (3 if isinstance(claimed, errors.Refusal) else 2)
    assert broken(market.app) == []


def test_a_claim_that_is_made_while_closing_waits_for_its_order_keeps_it_open(
    market: Market, operator: Caller
) -> None:
    """Whoever closes has looked before, and saw no claim; what was made meanwhile is seen under the lock."""
    made = scene.arrived(market, operator, orders=(1,))
    scene.let_pass(timedelta(days=91))
    assert comes_meanwhile(market.app, claims_all(made), close_of(made)) == 0
    assert made.sending.states == ["delivered"]
    assert broken(market.app) == []


def close_of(made: Claims) -> Callable[[Session], int]:
    def close(session: Session) -> int:
        campaign = session.get_one(Campaign, made.sending.sale.campaign_id, with_for_update=True)
        return completing.close_claims(session, made.market.later(), campaign)

    return close
