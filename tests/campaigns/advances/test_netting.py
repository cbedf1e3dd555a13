"""Advances and real settlements: repaid by netting, also when a payout comes back meanwhile, and with a grant."""

import uuid
from datetime import timedelta
from typing import Any

from campaigns.advances import asking
from campaigns.evidence import counting
from marketplace import database, errors
from orders.settlements import settling
from orders.settlements.models import Settlement
from tests.builders import Market, assert_refused, broken
from tests.campaigns.advances.scene import Lending
from tests.campaigns.settling import scene as settlements
from tests.campaigns.settling.scene import Settling
from tests.inventory.yard import at_once
from tests.ledger import money

PRICE = 5_200
EARNED = 2 * PRICE - 2 * PRICE * 4 // 100
"""Two boxes are delivered, less 4 % of commission."""


def settled(made: Lending) -> Settling:
    return settlements.delivered(made.sending)


def evidence_of_books(made: Lending) -> tuple[int, int]:
    """What is prepaid and what is payable, by the books."""
    return money.balance(money.prepaid(made.coop())), money.balance(money.payable(made.coop()))


def test_the_settlement_of_its_campaign_repays_an_advance(market: Market, made: Lending) -> None:
    advance = made.paid(3_000)
    to_settle = settled(made).proposed()
    assert ("advance", -3_000) in to_settle.lines(0)
    assert to_settle.of(0)["payout_minor"] == EARNED - 3_000
    assert made.seen(advance)["state"] == "paid", "nothing is repaid before it is final"
    to_settle.accept(0)
    assert made.seen(advance)["state"] == "repaid"
    assert made.lines(advance) == [("paid", 3_000, 3_000), ("repaid", 3_000, 0)]
    [line] = [
        each
        for each in made.operator.get(f"/v1/advances/{advance['id']}/lines").json["items"]
        if each["kind"] == "repaid"
    ]
    assert line["settlement_id"] == to_settle.of(0)["id"]
    with database.reading() as session:
        tables = counting.tables(
            session,
            cooperative_id=made.coop(),
            contents=["income", "advances"],
            since=market.today - timedelta(days=1),
        )
    rows = {each.name: each.rows for each in tables}
    assert [row[4] for row in rows["settlements"]] == [EARNED - 3_000]
    assert [row[2:5] for row in rows["advances"]] == [("repaid", 3_000, 0)]
    assert [row[2:5] for row in rows["repayments"]] == [("repaid", 3_000, 0)]
    assert evidence_of_books(made) == (0, EARNED - 3_000)
    assert broken(market.app) == []


def test_an_advance_that_is_paid_while_its_settlement_is_looked_at_is_netted_in_it(
    market: Market, made: Lending
) -> None:
    granted = made.granted(3_000)
    to_settle = settled(made).proposed()
    assert to_settle.of(0)["payout_minor"] == EARNED
    made.pay(granted)
    assert to_settle.of(0)["state"] == "draft"
    to_settle.step(0, "proposal")
    assert to_settle.of(0)["payout_minor"] == EARNED - 3_000
    assert broken(market.app) == []


def test_what_is_not_sent_when_its_boxes_are_settled_is_not_paid_on_top_of_them(
    market: Market, made: Lending
) -> None:
    granted = made.granted(3_000)
    to_settle = settled(made).proposed()
    assert made.offer()["amount_minor"] == 0, "what is settled bears no advance"
    to_settle.accept(0)
    assert made.seen(granted)["state"] == "asked"
    assert made.payout(granted).state == "cancelled"
    assert_refused(made.step(granted, "grant"), 409, "nothing_sold")
    assert made.offers(made.members[0]) == []
    assert made.standing() == (0, 0)
    assert broken(market.app) == []


def test_money_that_comes_back_takes_a_proposed_settlement_back_to_be_computed_anew(
    market: Market, made: Lending
) -> None:
    advance = made.paid(3_000)
    to_settle = settled(made).proposed()
    assert to_settle.of(0)["payout_minor"] == EARNED - 3_000
    made.come_back(advance["payout_id"])
    assert to_settle.of(0)["state"] == "draft"
    assert to_settle.of(1)["state"] == "proposed", "others are not touched"
    to_settle.step(0, "proposal")
    assert to_settle.of(0)["payout_minor"] == EARNED
    to_settle.accept(0)
    assert evidence_of_books(made) == (0, EARNED)
    assert made.seen(advance)["state"] == "asked"
    assert broken(market.app) == []


def test_one_that_is_objected_to_is_taken_back_as_well(market: Market, made: Lending) -> None:
    advance = made.paid(3_000)
    to_settle = settled(made).proposed()
    assert to_settle.object_to(0).status_code == 200
    made.come_back(advance["payout_id"])
    assert to_settle.of(0)["state"] == "draft"
    assert broken(market.app) == []


def test_money_that_comes_back_after_it_was_netted_is_the_cooperatives_again(
    market: Market, made: Lending
) -> None:
    advance = made.paid(3_000)
    to_settle = settled(made).proposed()
    to_settle.accept(0)
    made.come_back(advance["payout_id"])
    assert evidence_of_books(made) == (0, EARNED)
    assert [kind for kind, *_ in made.lines(advance)] == ["paid", "repaid", "undone", "returned"]
    assert broken(market.app) == []


def test_a_settlement_that_is_accepted_while_money_comes_back_leaves_the_books_in_order(
    market: Market, made: Lending
) -> None:
    advance = made.paid(3_000)
    to_settle = settled(made).proposed()
    found = to_settle.of(0)
    member = made.person(to_settle.members[0])
    ctx = made.desk.person(made.desk.drafter)

    def accept(session: Any) -> Settlement:
        return settling.accept(session, member, settlement_id=uuid.UUID(found["id"]), digest=found["digest"])

    outcomes = at_once(market.app, [accept, made.coming_back(ctx, advance["payout_id"])])
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert len(refused) <= 1
    assert made.seen(advance)["state"] == "asked"
    prepaid, payable = evidence_of_books(made)
    assert (prepaid, payable) in {(0, EARNED), (0, 0)}, (
        "accepted before it came back, or taken back to a draft"
    )
    assert broken(market.app) == []


def test_a_grant_at_once_with_the_proposal_of_its_boxes_is_never_paid_on_top(
    market: Market, made: Lending
) -> None:
    made.paid(3_000)
    second = made.asked(1_000)
    to_settle = settled(made).drafted()
    found = to_settle.of(0)
    operator, ctx = made.person(made.desk.approver), made.person(made.desk.drafter)
    outcomes = at_once(
        market.app,
        [
            lambda session: settling.propose(session, operator, settlement_id=uuid.UUID(found["id"])),
            lambda session: asking.grant(session, ctx, advance_id=uuid.UUID(second["id"])),
        ],
    )
    assert not isinstance(outcomes[0], errors.Refusal)
    assert isinstance(outcomes[1], asking.NothingSold) or made.standing() == (1_000, 3_000)
    to_settle.accept(0)
    assert made.standing() == (0, 0)
    assert evidence_of_books(made) == (0, EARNED - 3_000)
    assert broken(market.app) == []
