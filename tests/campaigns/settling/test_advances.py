"""Three cooperatives with an advance and retention: netted when it is final, and an advance that comes back."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from marketplace.access import Role
from tests import house
from tests.builders import Market, assert_refused
from tests.campaigns.advances import scene as advances
from tests.campaigns.advances.conftest import desk
from tests.campaigns.advances.scene import Lending
from tests.campaigns.settling import scene
from tests.campaigns.settling.scene import Settling, done
from tests.campaigns.settling.test_settling import books, payable
from tests.house import Caller
from tests.payouts.desk import Desk

__all__ = ["desk"]


@pytest.fixture
def lent(market: Market, desk: Desk, operator: Caller) -> Lending:
    return advances.lending(market, desk, operator)


def settling(lent: Lending, **terms: object) -> Settling:
    made = scene.delivered(lent.sending)
    return made.proposed(**terms)


def test_an_advance_is_repaid_by_netting_before_anything_is_kept_back(market: Market, lent: Lending) -> None:
    advance = lent.paid(5_000)
    until = (market.today + timedelta(days=180)).isoformat()
    made = settling(lent, retention_permille=50, retained_until=until)
    assert made.lines(0) == [("goods", 10_400), ("commission", -416), ("advance", -5_000), ("retained", -499)]
    assert made.lines(1) == [("goods", 20_800), ("commission", -832), ("retained", -998)]
    assert lent.seen(advance)["outstanding_minor"] == 5_000, "nothing is repaid before it is final"
    for cooperative in range(3):
        found = made.accept(cooperative)
        assert payable(market, cooperative) == found["payout_minor"]
    assert payable(market, 0) == 4_485
    assert (lent.seen(advance)["state"], lent.seen(advance)["outstanding_minor"]) == ("repaid", 0)
    assert not {"coop_prepaid", "order_liability"} & set(books())


def test_an_advance_of_more_than_was_earned_is_repaid_as_far_as_it_reaches(
    market: Market, lent: Lending
) -> None:
    advance = lent.paid(lent.offer()["room_minor"])
    advances.change("UPDATE advance SET paid_at = paid_at - interval '1 day'")
    made = settling(lent, commission_bps=9_900)
    found = made.accept(0)
    assert (made.lines(0)[-1], found["state"], found["payout_minor"]) == (("advance", -104), "paid", 0)
    assert lent.seen(advance)["outstanding_minor"] == advance["outstanding_minor"] - 104


def test_an_advance_that_comes_back_while_its_settlement_is_read_makes_it_a_draft_again(
    market: Market, lent: Lending
) -> None:
    advance = lent.paid(5_000)
    made = settling(lent)
    digest = made.of(0)["digest"]
    lent.come_back(lent.payout(advance).id)
    assert_refused(made.step(0, "acceptance", by=made.members[0], digest=digest), 404, "settlement_not_found")
    scene.let_pass(days=8)
    assert scene.lapse(market) == 2
    assert [made.of(each)["state"] for each in range(3)] == ["draft", "final", "final"]
    done(made.step(0, "proposal"))
    assert made.lines(0) == [("goods", 10_400), ("commission", -416)]
    assert made.accept(0)["payout_minor"] == 9_984


def test_a_buyer_and_a_stranger_see_no_settlement(
    market: Market, lent: Lending, as_role: Callable[..., Caller]
) -> None:
    made = settling(lent)
    url = f"/v1/settlements/{made.of(0)['id']}"
    for role in (Role.SHOPPER, Role.BUYER):
        assert as_role(role).get(url).status_code == 403
    assert house.caller(market.app).get(url).status_code == 401
