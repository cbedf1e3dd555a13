"""A campaign is settled when nothing can be claimed any more and every cooperative has what it earned."""

import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.fulfilment import completing
from marketplace import database
from orders.settlements import settling
from orders.settlements.models import Settlement
from tests.builders import Market
from tests.campaigns import presale
from tests.campaigns.fulfilment import stage
from tests.campaigns.settling import scene
from tests.campaigns.settling.scene import Settling
from tests.house import Caller


def asked(made: Settling) -> bool:
    """Whether the job of every minute looks at the campaign."""
    with database.reading() as session:
        return made.sending.sale.campaign_id in completing.to_go_on_with(session)


def pay(made: Settling, cooperative: int) -> None:
    """As its payout does when it has arrived."""
    settlement_id = uuid.UUID(made.of(cooperative)["id"])

    def work(session: Session) -> None:
        settlement = session.get_one(Settlement, settlement_id, with_for_update=True)
        settling.pay(session, made.market.ctx, [settlement], reason="it has arrived")

    database.transact(work)


def test_a_campaign_is_settled_with_the_last_payout_and_not_before(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator)
    made.sending.advance()
    assert (made.sending.state, asked(made)) == ("completed", False), "nothing is drafted yet"
    made.proposed()
    for cooperative in (0, 1):
        made.accept(cooperative)
    pay(made, 0)
    made.sending.advance()
    assert (made.sending.state, asked(made)) == ("completed", False), "one waits for its money"
    pay(made, 1)
    assert asked(made)
    made.sending.advance()
    assert (made.sending.state, asked(made)) == ("settled", False)
    last = operator.get(f"{made.sending.sale.url}/transitions").json["items"][-1]
    assert (last["before"], last["after"], last["reason"]) == (
        "completed",
        "settled",
        "every cooperative is paid",
    )


def test_claims_that_may_come_keep_a_campaign_from_being_settled(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator)
    made.proposed()
    for cooperative in (0, 1):
        made.accept(cooperative)
        pay(made, cooperative)
    back = text("UPDATE \"order\" SET state = 'delivered' WHERE state = 'closed'")
    database.transact(lambda session: session.execute(back))
    fresh = text("UPDATE parcel SET delivered_at = now()")
    database.transact(lambda session: session.execute(fresh))
    made.sending.advance()
    assert (made.sending.state, asked(made)) == ("completed", True)
    scene.let_claims_pass(made)
    assert made.sending.state == "settled"


def test_where_nobody_earned_anything_there_is_nothing_to_wait_for(
    market: Market, operator: Caller, shopper: Caller
) -> None:
    """Its only order was let go and paid back: no cooperative has anything of it."""
    sale = presale.on_sale(market)
    presale.bought(shopper, operator, sale, 1)
    presale.opened(market, sale)
    presale.closed(market, sale)
    released = text("UPDATE \"order\" SET state = 'released'")
    database.transact(lambda session: session.execute(released))
    stage.advance(market, sale, presale.now(market))
    assert market.campaign(sale).state == "settled"
