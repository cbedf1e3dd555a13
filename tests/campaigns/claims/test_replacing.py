"""Claimed boxes are sent once more: planned, sent, given up, lost, claimed again; who pays for them, and races."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from inventory.models import Pool
from marketplace import errors
from marketplace.access import Role
from orders.claims import deciding
from orders.claims.replacing import NothingToReplaceWith
from orders.claims.rules import ClaimTooEarly
from orders.claims.states import BorneBy, ClaimStateForbids, Remedy
from orders.fulfilment import parcels
from orders.fulfilment.states import ParcelStateForbids
from tests.builders import Market, assert_refused, broken
from tests.campaigns.claims import scene
from tests.campaigns.claims.scene import Claims, done
from tests.campaigns.claims.test_claims import kept
from tests.campaigns.inbox import told, work
from tests.campaigns.settling.test_settling import books, payable
from tests.house import Caller
from tests.inventory.yard import at_once


def day(made: Claims, in_days: int = 5) -> str:
    return (made.market.today + timedelta(days=in_days)).isoformat()


def replaced(made: Claims, claim: dict[str, Any], **body: Any) -> dict[str, Any]:
    return done(made.decide(claim, "replace", **{"delivered_on": day(made), **body}))


def sent(made: Claims, claim: dict[str, Any], order: int = 0) -> list[dict[str, Any]]:
    """The parcels that answer a claim, as the buyer sees them."""
    url = f"/v1/orders/{made.sending.orders[order]['id']}/parcels"
    found = done(made.sending.buyers[order].get(url))["items"]
    return [each for each in found if each["claim_id"] == claim["id"]]


def go(made: Claims, parcel: dict[str, Any], *steps: str) -> None:
    for step in steps:
        done(made.sending.step(parcel, step, **({"carrier": "SF"} if step == "shipment" else {})))


def free(made: Claims) -> int:
    return made.market.stored(Pool, made.sending.sale.pool_id).available_boxes


def closed(made: Claims) -> None:
    scene.let_pass(timedelta(days=91))
    made.sending.advance()


def test_other_boxes_are_sent_and_who_bears_the_claim_pays_who_brought_them(
    market: Market, operator: Caller
) -> None:
    """Of six pledged boxes five are paid, all that one buyer may have: for who has no box left another sends one."""
    made = scene.with_free_boxes(
        market, operator, pledged=(3, 3), orders=(5,), defaulting=(1,), boxes_per_buyer_max=5
    )
    full = next(each for each in made.sending.parcels() if each["boxes"] == 3)
    claim = made.made(1, parcel_id=full["id"])
    assert_refused(made.decide(claim, "replace"), 422, "decision_incomplete")
    assert_refused(made.decide(claim, "replace", delivered_on=day(made, -1)), 422, "delivery_in_the_past")
    first = replaced(made, claim, words="sorry")
    assert (first["state"], first["refund_minor"], first["delivered_on"]) == ("replacing", None, day(made))
    assert replaced(made, claim, words="sorry") == first
    assert_refused(made.decide(claim, "reject", words="no"), 409, "claim_state")
    [parcel] = sent(made, claim)
    assert (parcel["replaces_id"], parcel["boxes"], parcel["state"]) == (full["id"], 1, "planned")
    assert parcel["cooperative_id"] != full["cooperative_id"]
    assert free(made) == 0
    [store] = done(operator.get(f"/v1/waves/{parcel['wave_id']}/pick-lists"))["items"]
    assert store["boxes"] == 1
    again = made.made(1, parcel_id=full["id"])
    none_left = made.decide(again, "replace", delivered_on=day(made))
    assert_refused(none_left, 409, "nothing_to_replace_with")
    assert none_left.json["free_boxes"] == 0
    done(made.decide(again, "reject", words="it is as ordered"))
    light = made.made(1, "weight", parcel_id=full["id"])
    assert_refused(made.decide(light, "replace", delivered_on=day(made)), 409, "not_replaceable")
    done(made.decide(light, "reject", words="it is not"))
    assert broken(market.app) == []

    closed(made)
    assert made.sending.states == ["delivered"], "other boxes are on their way"
    assert_refused(made.settling().draft(), 409, "claims_open")
    go(made, parcel, "packing", "shipment")
    assert_refused(made.ask(1, "missing", parcel_id=parcel["id"]), 409, "parcel_state")
    assert made.sending.states == ["delivered"]
    go(made, parcel, "delivery")
    assert made.shown(claim)["state"] == "replaced"
    work(market)
    buyer = made.sending.buyers[0]
    assert [each["delivered_on"] for each in told(buyer, "claim_to_replace")] == [day(made)]
    assert [each["claim_id"] for each in told(buyer, "claim_replaced")] == [claim["id"]]
    assert broken(market.app) == []

    closed(made)
    assert made.sending.states == ["closed"]
    settling = made.settling().proposed(commission_bps=1_000)
    bears, brought = made.cooperative(full), made.cooperative(parcel)
    price = 5_200
    assert [line for line in settling.lines(bears) if line[0] in ("goods", "refund")] == [
        ("goods", 3 * price),
        ("refund", -price),
    ]
    assert dict(settling.lines(brought))["goods"] == 3 * price
    for each in (bears, brought):
        settling.accept(each)
    assert "order_liability" not in books()
    assert broken(market.app) == []


def test_the_platform_pays_for_what_it_bears_and_own_fruit_cancels_out(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator, pledged=(6,), orders=(3,))
    price = kept(made) // 3
    first = made.parcel()["id"]
    for borne_by in ("platform", "cooperative"):
        claim = made.made(1, parcel_id=first)
        replaced(made, claim, borne_by=borne_by)
        [parcel] = sent(made, claim)
        assert free(made) == 0, "what the campaign did not need is the cooperative's own again"
        go(made, parcel, "packing", "shipment", "delivery")
    closed(made)
    settling = made.settling().proposed(commission_bps=1_000)
    settling.accept(0)
    charged = sorted(line for line in settling.lines(0) if line[0] == "refund")
    assert charged == [("refund", -price), ("refund", 0)], "the second is shown, and paid by the platform"
    assert payable(market, 0) == 4 * price * 9 // 10, "three bought, one that the platform bears"
    assert "order_liability" not in books()
    assert broken(market.app) == []


def test_what_is_not_sent_or_does_not_arrive_is_refunded(market: Market, operator: Caller) -> None:
    """Given up while planned, while packed, too early on its way, and when it is lost."""
    made = scene.with_free_boxes(market, operator, pledged=(7,), orders=(4,), defaulting=(3,))
    before, first = free(made), made.parcel()
    for steps in ((), ("packing",), ("packing", "shipment")):
        claim = made.made(1, parcel_id=first["id"])
        replaced(made, claim)
        [parcel] = sent(made, claim)
        go(made, parcel, *steps)
        assert free(made) == before - 1
        most = made.shown(claim)["refundable_minor"]
        assert_refused(made.decide(claim, amount_minor=most + 1), 409, "more_than_paid")
        if "shipment" in steps:
            assert_refused(made.decide(claim, amount_minor=1), 409, "claim_too_early")
            scene.let_pass()
        assert done(made.decide(claim, amount_minor=most))["state"] == "refunded"
        is_lost = "shipment" in steps
        [parcel] = sent(made, claim)
        assert parcel["state"] == ("lost" if is_lost else "cancelled")
        assert free(made) == before - is_lost
        step = "delivery" if is_lost else "shipment"
        late = made.sending.step(parcel, step, **({} if is_lost else {"carrier": "SF"}))
        assert_refused(late, 409, "parcel_state")
        assert broken(market.app) == []
    closed(made)
    settling = made.settling().proposed()
    settling.accept(0)
    assert "order_liability" not in books()
    assert broken(market.app) == []


def test_replacements_are_claimed_like_the_first_boxes_and_replaced_once_more(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator, pledged=(9,), orders=(2,))
    paid, parcel = kept(made), made.parcel()
    given_up = made.made(1, parcel_id=parcel["id"])
    replaced(made, given_up)
    go(made, *sent(made, given_up), "packing")
    done(made.decide(given_up, amount_minor=1))
    assert broken(market.app) == []
    for _ in range(2):
        claim = made.made(1, parcel_id=parcel["id"])
        replaced(made, claim)
        [parcel] = sent(made, claim)
        go(made, parcel, "packing", "shipment", "delivery")
    last = made.made(1, parcel_id=parcel["id"])
    assert_refused(made.ask(1, parcel_id=parcel["id"]), 409, "more_than_arrived")
    refused = made.decide(last, "replace", delivered_on=day(made))
    assert_refused(refused, 409, "replaced_too_often")
    assert refused.json["replacements_max"] == 2
    assert_refused(made.decide(last, amount_minor=paid // 2 + 1), 409, "more_than_paid")
    done(made.decide(last, amount_minor=paid // 2))
    assert broken(market.app) == []


def test_a_parcel_that_does_not_arrive_is_lost_when_all_of_it_is_replaced(
    market: Market, operator: Caller
) -> None:
    made = scene.on_the_way(market, operator, pledged=(9,), orders=(2,))
    scene.let_pass()
    claim = made.made(2, "missing")
    replaced(made, claim, borne_by="platform")
    assert (made.parcel()["state"], made.sending.states) == ("lost", ["delivered"])
    [parcel] = sent(made, claim)
    assert parcel["boxes"] == 2
    go(made, parcel, "packing", "shipment", "delivery")
    assert made.shown(claim)["state"] == "replaced"
    assert broken(market.app) == []


def test_the_last_free_box_is_given_once_and_a_parcel_is_sent_or_given_up(
    market: Market, operator: Caller
) -> None:
    made = scene.with_free_boxes(market, operator, pledged=(5,), orders=(2, 2), defaulting=(1,))
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    on = made.market.today + timedelta(days=5)

    def decides(claim: dict[str, Any], remedy: Remedy) -> Callable[[Session], object]:
        return lambda session: deciding.decide(
            session,
            ctx,
            claim_id=uuid.UUID(claim["id"]),
            remedy=remedy,
            amount_minor=1 if remedy == Remedy.REFUND else None,
            borne_by=BorneBy.COOPERATIVE,
            words=None,
            delivered_on=on if remedy == Remedy.REPLACE else None,
        )

    both = [made.made(1, order=order) for order in (0, 1)]
    outcomes = at_once(market.app, [decides(each, Remedy.REPLACE) for each in (*both, *both)])
    refused = [each for each in outcomes if isinstance(each, Exception)]
    assert [type(each) for each in refused] == [NothingToReplaceWith] * 2, (
        "and the same decision is told again"
    )
    assert free(made) == 0
    [given] = [number for number in (0, 1) if sent(made, both[number], number)]
    [parcel] = sent(made, both[given], given)
    go(made, parcel, "packing")

    def ships(session: Session) -> object:
        return parcels.ship(
            session, ctx, parcel_id=uuid.UUID(parcel["id"]), carrier="SF", tracking_number=None
        )

    outcomes = at_once(market.app, [ships, decides(both[given], Remedy.REFUND)])
    [lost] = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert isinstance(lost, ParcelStateForbids | ClaimTooEarly | ClaimStateForbids)
    assert made.shown(both[given])["state"] in ("replacing", "refunded")
    assert broken(market.app) == []
