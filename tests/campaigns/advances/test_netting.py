"""Advances and real settlements: repaid by netting, also when a payout comes back meanwhile, and with a grant."""

import uuid
from typing import Any

from campaigns.advances import asking
from marketplace import errors
from orders.settlements import settling
from orders.settlements.models import Settlement
from tests.builders import Market, broken
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
    assert evidence_of_books(made) == (0, EARNED - 3_000)
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


def test_a_grant_at_once_with_the_settlement_of_its_campaign(market: Market, made: Lending) -> None:
    made.paid(3_000)
    second = made.asked(1_000)
    to_settle = settled(made).proposed()
    found = to_settle.of(0)
    member, ctx = made.person(to_settle.members[0]), made.person(made.desk.drafter)
    outcomes = at_once(
        market.app,
        [
            lambda session: settling.accept(
                session, member, settlement_id=uuid.UUID(found["id"]), digest=found["digest"]
            ),
            lambda session: asking.grant(session, ctx, advance_id=uuid.UUID(second["id"])),
        ],
    )
    assert not isinstance(outcomes[0], errors.Refusal)
    promised, outstanding = made.standing()
    assert (promised in (0, 1_000), outstanding) == (True, 0)
    assert broken(market.app) == []
