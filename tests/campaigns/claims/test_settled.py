"""Who pays for a granted claim: its cooperative by its settlement, or the platform; once, and before it is settled."""

from datetime import timedelta

from tests.builders import Market, assert_refused, broken
from tests.campaigns.claims import scene
from tests.campaigns.claims.scene import done
from tests.campaigns.settling.test_settling import books, payable
from tests.house import Caller


def test_an_open_claim_keeps_its_order_open_and_its_campaign_unsettled(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator, orders=(2, 2))
    claim = made.made(1)
    scene.let_pass(timedelta(days=91))
    made.sending.advance()
    assert made.sending.states == ["delivered", "closed"]
    refused = made.settling().draft()
    assert_refused(refused, 409, "claims_open")
    assert refused.json["orders"] == 1
    done(made.decide(claim, "reject", words="it is as ordered"))
    made.sending.advance()
    assert made.sending.states == ["closed", "closed"]
    done(made.settling().draft())
    assert broken(market.app) == []


def test_cooperative_and_platform_bear_what_was_decided_to_the_unit(market: Market, operator: Caller) -> None:
    """Of one order of six boxes, three from each: 20 yuan at one's fault, 10 at nobody's."""
    made = scene.arrived(market, operator, pledged=(3, 3), orders=(6,))
    mine, theirs = made.parcel(0, 0), made.parcel(0, 1)
    done(made.decide(made.made(1, number=0), amount_minor=2_000))
    done(made.decide(made.made(1, "weight", number=1), amount_minor=1_000, borne_by="platform"))
    scene.let_pass(timedelta(days=91))
    made.sending.advance()
    settling = made.settling().proposed(commission_bps=1_000)
    at_fault, free = made.cooperative(mine), made.cooperative(theirs)
    goods = dict(settling.lines(free))["goods"]
    assert [line for line in settling.lines(at_fault) if line[0] in ("goods", "refund")] == [
        ("goods", goods),
        ("refund", -2_000),
    ]
    assert dict(settling.lines(free))["refund"] == 0, "shown, and paid by the platform"
    for each in (at_fault, free):
        settling.accept(each)
    assert payable(market, free) == goods - goods // 10
    assert payable(market, at_fault) == goods - 2_000 - (goods - 2_000) // 10
    assert "order_liability" not in books()
    assert broken(market.app) == []


def test_a_granted_claim_is_not_charged_once_more_when_all_is_settled(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator, pledged=(3,), orders=(3,))
    claim = made.made(1)
    done(made.decide(claim, amount_minor=500))
    scene.let_pass(timedelta(days=91))
    made.sending.advance()
    settling = made.settling().proposed()
    cooperative = made.cooperative(made.parcel())
    settling.accept(cooperative)
    [refund] = done(operator.get(f"/v1/payments/{made.sending.orders[0]['payment_id']}/refunds"))["items"]
    body = {"refund_id": refund["id"], "amount_minor": 1, "at_fault": True}
    again = operator.post(f"/v1/settlements/{settling.of(cooperative)['id']}/late-refunds", json=body)
    assert_refused(again, 409, "more_than_refunded")
    assert again.json["left_minor"] == 0
    assert broken(market.app) == []
