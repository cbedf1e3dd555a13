"""Boxes that their cooperative weighed: what is too light is refunded by itself when its parcel leaves."""

from sqlalchemy import select

from marketplace import database
from orders.claims.models import Claim
from tests.builders import Market, assert_refused, broken
from tests.campaigns.claims import scene
from tests.campaigns.claims.scene import Claims, done
from tests.campaigns.claims.test_claims import kept
from tests.campaigns.fulfilment import stage
from tests.campaigns.inbox import told, work
from tests.campaigns.settling import scene as settling
from tests.house import Caller


def planned(market: Market, operator: Caller) -> Claims:
    """One order of five boxes of 5 kg, in one parcel that is not packed."""
    sending = stage.closed(market, operator, pledged=(20,), orders=(5,))
    sending.released()
    return Claims(sending=sending, members=settling.members(market))


def sent(made: Claims, weighed_grams: int | None) -> None:
    body = {} if weighed_grams is None else {"weighed_grams": weighed_grams}
    assert done(made.sending.step(made.parcel(), "packing", **body))["weighed_grams"] == weighed_grams
    done(made.sending.step(made.parcel(), "shipment", carrier="SF"))


def test_what_is_too_light_is_refunded_once_and_both_are_told(market: Market, operator: Caller) -> None:
    made = planned(market, operator)
    paid, parcel = kept(made), made.parcel()
    assert parcel["quantity_grams"] == 25_000
    sent(made, 24_000)
    [claim] = done(operator.get("/v1/claims"))["items"]
    assert (claim["is_automatic"], claim["kind"], claim["state"], claim["boxes"]) == (
        True,
        "weight",
        "refunded",
        5,
    )
    due = -(-paid * 1_000 // 25_000)
    assert (claim["refund_minor"], claim["borne_by"]) == (due, "cooperative")
    assert kept(made) == paid - due
    with database.reading() as session:
        assert session.scalars(select(Claim.decided_by)).all() == ["system"]
    work(market)
    [light] = told(made.sending.buyers[0], "light_boxes_refunded")
    assert (light["missing_grams"], light["amount"]["minor"]) == (1_000, due)
    assert len(told(made.member(parcel), "claim_decided")) == 1
    assert broken(market.app) == []


def test_within_the_band_over_the_weight_or_unweighed_nothing_happens(
    market: Market, operator: Caller
) -> None:
    sending = stage.closed(market, operator, pledged=(20,), orders=(1, 1, 1))
    sending.released()
    made = Claims(sending=sending, members=settling.members(market))
    for number, grams in enumerate((4_900, 5_400, None)):
        parcel = made.parcel(number)
        body = {} if grams is None else {"weighed_grams": grams}
        done(sending.step(parcel, "packing", **body))
        done(sending.step(parcel, "shipment", carrier="SF"))
    assert done(operator.get("/v1/claims"))["items"] == []
    assert [kept(made, number) for number in range(3)] == [order["total_minor"] for order in sending.orders]


def test_a_weight_that_cannot_be_is_refused_and_the_parcel_stays_unpacked(
    market: Market, operator: Caller
) -> None:
    made = planned(market, operator)
    for grams in (24, 250_000):
        refused = made.sending.step(made.parcel(), "packing", weighed_grams=grams)
        assert_refused(refused, 409, "weight_unlikely")
        assert refused.json["nominal_grams"] == 25_000
    for wrong in (0, -1, "25000", 25_000.5, True):
        assert_refused(made.sending.step(made.parcel(), "packing", weighed_grams=wrong), 422, "invalid")
    assert made.parcel()["state"] == "planned"


def test_boxes_that_were_light_may_be_claimed_and_cost_that_much_less(
    market: Market, operator: Caller
) -> None:
    made = planned(market, operator)
    paid = kept(made)
    sent(made, 24_000)
    made.sending.all_go("delivery")
    back = paid - kept(made)
    claim = made.made(5, "quality")
    assert made.shown(claim)["refundable_minor"] == paid - back
    done(made.decide(claim, amount_minor=paid - back))
    assert kept(made) == 0
    assert scene.done(operator.get("/v1/claims?state=refunded"))["items"][0]["is_automatic"]
    assert broken(market.app) == []
