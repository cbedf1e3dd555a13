"""Grants, payouts and settlements that meet: together they never go over a bound, and nothing is counted twice."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy.orm import Session

from campaigns.advances import asking
from marketplace import errors
from orders.settlements.advance_models import Advance
from orders.settlements.advance_states import AdvanceNotOutstanding, AdvanceStateForbids
from orders.settlements.advances import AdvanceTooHigh
from tests.builders import Market, broken
from tests.campaigns.advances import scene
from tests.campaigns.advances.scene import Lending
from tests.campaigns.settling import scene as settlements
from tests.inventory.yard import at_once

PRICE = 5_200


def test_one_advance_that_two_grant_at_once_is_granted_once(market: Market, made: Lending) -> None:
    asked = made.asked(1_000)
    people = [made.person(made.desk.drafter), made.person(made.desk.approver)]
    outcomes = at_once(
        market.app,
        [
            lambda session, ctx=ctx: asking.grant(session, ctx, advance_id=uuid.UUID(asked["id"]))
            for ctx in people
        ],
    )
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [type(each) for each in refused] == [AdvanceStateForbids]
    assert made.standing() == (1_000, 0)
    assert broken(market.app) == []


def test_three_that_are_granted_at_once_stay_within_the_money(market: Market, made: Lending) -> None:
    """They may have 52, 104 and 156 yuan, and ask for it; then no more than the price of three boxes is cleared."""
    asked = [made.asked((number + 1) * PRICE, number=number) for number in range(3)]
    make_scarce()
    ctx = made.person(made.desk.drafter)

    def grants(number: int, minor: int) -> Callable[[Session], Advance]:
        advance_id = uuid.UUID(asked[number]["id"])
        return lambda session: asking.grant(session, ctx, advance_id=advance_id, amount_minor=minor)

    too_much = at_once(market.app, [grants(number, (number + 1) * PRICE // 2 + 1) for number in range(3)])
    assert [type(each) for each in too_much] == [AdvanceTooHigh] * 3
    outcomes = at_once(market.app, [grants(number, (number + 1) * PRICE // 2) for number in range(3)] * 2)
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [type(each) for each in refused] == [AdvanceStateForbids] * 3
    assert [made.standing(number) for number in range(3)] == [
        (PRICE // 2, 0),
        (PRICE, 0),
        (PRICE * 3 // 2, 0),
    ]
    assert {each["funds_minor"] for each in made.offers()} == {0}
    assert broken(market.app) == []


def test_a_grant_and_a_settlement_that_nets_at_once_leave_the_books_in_order(
    market: Market, made: Lending
) -> None:
    made.paid(4_000)
    made.desk.fund(10_000)
    second = made.asked(1_000)
    ctx = made.person(made.desk.drafter)
    works = [
        lambda session: asking.grant(session, ctx, advance_id=uuid.UUID(second["id"])),
        *(
            lambda session, each=each: scene.netted(
                session, market.ctx, cooperative_id=made.coop(), available_minor=3_000, settlement_id=each
            )
            for each in (uuid.uuid4(), uuid.uuid4())
        ),
    ]
    outcomes = at_once(market.app, works)
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert {type(each) for each in refused} <= {AdvanceNotOutstanding}
    repaid = sum(each.amount_minor for each in scene.every_line() if each.kind == "repaid")
    assert 3_000 <= repaid <= 4_000
    assert made.standing() == (1_000, 4_000 - repaid)
    assert broken(market.app) == []


def test_a_settlement_that_is_posted_twice_at_once_repays_once(market: Market, made: Lending) -> None:
    made.paid(4_000)
    made.desk.fund(10_000)
    settlement_id = uuid.uuid4()

    def net(session: Session) -> object:
        return scene.netted(
            session,
            market.ctx,
            cooperative_id=made.coop(),
            available_minor=1_500,
            settlement_id=settlement_id,
        )

    outcomes = at_once(market.app, [net] * 3)
    assert not [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert made.standing() == (0, 2_500)
    assert broken(market.app) == []


def test_an_advance_that_is_granted_and_cancelled_at_once_is_one_of_them(
    market: Market, made: Lending
) -> None:
    asked = made.asked(1_000)
    ctx = made.person(made.desk.drafter)
    member = made.person(made.desk.approver)
    outcomes = at_once(
        market.app,
        [
            lambda session: asking.grant(session, ctx, advance_id=uuid.UUID(asked["id"])),
            lambda session: asking.cancel(session, member, advance_id=uuid.UUID(asked["id"])),
        ],
    )
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [type(each) for each in refused] == [AdvanceStateForbids]
    assert made.seen(asked)["state"] in ("granted", "cancelled")
    assert broken(market.app) == []


def make_scarce() -> None:
    """The money of all orders but the smallest came online a moment ago."""
    scene.change(
        """
        INSERT INTO online_payment (payment_id, gateway, provider_id, method, paid_at, created_at)
        SELECT id, 'stripe', 'pi_' || id, 'card', now(), created_at FROM payment
        ORDER BY amount_minor DESC LIMIT 2
        """
    )


def test_payouts_that_move_and_settlements_that_end_at_once_lock_in_no_circle(
    market: Market, made: Lending
) -> None:
    """An advance comes back (payout, cooperative, settlement) while its settlement is accepted and lapses, and others
    are drafted and proposed: whatever comes first, each ends, and the books are right.
    """
    advance = made.paid(3_000)
    to_settle = settlements.delivered(made.sending).proposed()
    found = to_settle.of(0)
    url = f"/v1/settlements/{found['id']}"
    settlements.let_pass(days=8)

    def lapsed() -> int:
        with market.app.app_context():
            settlements.lapse(market)
            return 200

    def come_back() -> int:
        with market.app.app_context():
            made.come_back(made.seen(advance)["payout_id"])
            return 200

    def post(address: str, body: dict[str, Any] | None = None) -> int:
        return made.operator.post(address, json=body).status_code

    with ThreadPoolExecutor(5) as pool:
        waiting = [
            pool.submit(come_back),
            pool.submit(lapsed),
            pool.submit(post, f"{url}/withdrawal", {"reason": "once more"}),
            pool.submit(post, to_settle.url, settlements.TERMS),
            pool.submit(post, f"{to_settle.url}/proposal"),
        ]
        answers = [each.result(timeout=60) for each in waiting]
    assert set(answers) <= {200, 409}
    assert made.seen(advance)["outstanding_minor"] == 0
    assert broken(market.app) == []
