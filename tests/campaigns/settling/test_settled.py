"""A campaign is settled when nothing can be claimed any more and every cooperative has what it earned."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.fulfilment import completing
from campaigns.models import Campaign
from marketplace import database
from marketplace.access import Role
from marketplace.payouts.models import Payout
from tests.builders import Market, Sale
from tests.campaigns import presale
from tests.campaigns.settling import scene
from tests.campaigns.settling.scene import Settling, done
from tests.house import Caller
from tests.payouts.desk import Desk, with_payer


def asked(made: Settling) -> bool:
    """Whether the job of every minute looks at the campaign."""
    with database.reading() as session:
        return made.sending.sale.campaign_id in completing.to_go_on_with(session)


@pytest.fixture
def desk(market: Market, operator: Caller, as_role: Callable[..., Caller]) -> Iterator[Desk]:
    """Two operators who pay what is final to accounts that were named days ago."""
    member = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    with with_payer(market.app):
        yield Desk(market=market, drafter=operator, approver=as_role(Role.OPERATOR), member=member)


def pay(made: Settling, desk: Desk, cooperative: int) -> None:
    desk.name(cooperative=cooperative)
    drafted = done(made.step(cooperative, "payout"))
    desk.approve(made.market.stored(Payout, drafted["id"]))
    done(made.operator.post("/v1/payout-batches", json={"currency": "CNY", "format": "csv"}))
    receipt = {"receipt_reference": f"B-{cooperative}"}
    done(made.operator.post(f"/v1/payouts/{drafted['id']}/receipt", json=receipt))


def test_a_campaign_is_settled_with_the_last_payout_and_not_before(
    market: Market, operator: Caller, desk: Desk
) -> None:
    made = scene.presold(market, operator)
    made.sending.advance()
    assert (made.sending.state, asked(made)) == ("completed", False), "nothing is drafted yet"
    made.proposed()
    for cooperative in (0, 1):
        made.accept(cooperative)
    pay(made, desk, 0)
    made.sending.advance()
    assert (made.sending.state, asked(made)) == ("completed", False), "one waits for its money"
    pay(made, desk, 1)
    assert asked(made)
    made.sending.advance()
    assert (made.sending.state, asked(made)) == ("settled", False)
    last = operator.get(f"{made.sending.sale.url}/transitions").json["items"][-1]
    assert (last["before"], last["after"], last["reason"]) == (
        "completed",
        "settled",
        "every cooperative is paid",
    )


def test_claims_that_may_come_keep_a_campaign_from_being_settled(
    market: Market, operator: Caller, desk: Desk
) -> None:
    made = scene.presold(market, operator)
    made.proposed()
    for cooperative in (0, 1):
        made.accept(cooperative)
        pay(made, desk, cooperative)
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
    assert not settled_if(sale, "balance_defaulted"), "its deposit is somebody's"
    assert not settled_if(sale, "delivered"), "something may be claimed"
    assert settled_if(sale, "released")


class Undone(Exception):
    """What a test has only tried."""


def settled_if(sale: Sale, state: str) -> bool:
    """Whether the campaign would be settled with its orders in this state."""
    found = []

    def work(session: Session) -> None:
        session.execute(text('UPDATE "order" SET state = :state'), {"state": state})
        found.append(completing.is_settled(session, session.get_one(Campaign, sale.campaign_id)))
        raise Undone

    with pytest.raises(Undone):
        database.transact(work)
    return found[0]
