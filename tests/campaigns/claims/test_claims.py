"""Claims at the doors: made, shown, answered, decided; what is refused, and who is told."""

import uuid
from datetime import timedelta

import pytest

from marketplace.access import Role
from marketplace.payments.models import Payment
from tests import house
from tests.builders import Market, assert_refused, broken
from tests.campaigns.claims import scene
from tests.campaigns.claims.scene import JPEG, done
from tests.campaigns.inbox import told, work
from tests.house import Caller
from tests.orders.claims import pictures

PRICE = 6_000
"""Of a box, as the market sells it."""


def kept(made: scene.Claims, order: int = 0) -> int:
    payment = made.market.stored(Payment, made.sending.orders[order]["payment_id"])
    return payment.received_minor - payment.refund_due_minor


def test_a_claim_is_answered_decided_and_refunded(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator)
    paid = kept(made)
    claim = made.made(2)
    assert (claim["state"], claim["boxes"], claim["refund_minor"]) == ("open", 2, None)
    member = made.member(made.parcel())
    assert done(member.get(f"/v1/claims/{claim['id']}"))["refundable_minor"] == paid * 2 // 5
    answered = done(
        member.post(f"/v1/claims/{claim['id']}/answer", json={"answer": "agree", "words": "sorry"})
    )
    assert (answered["state"], answered["answer"]) == ("answered", "agree")
    granted = done(made.decide(claim, amount_minor=paid // 5, words="half of it"))
    assert (granted["state"], granted["refund_minor"], granted["borne_by"]) == (
        "refunded",
        paid // 5,
        "cooperative",
    )
    assert kept(made) == paid - paid // 5
    [refund] = done(operator.get(f"/v1/payments/{made.sending.orders[0]['payment_id']}/refunds"))["items"]
    assert (refund["amount_minor"], refund["reason"]) == (paid // 5, "after_sale")
    assert broken(market.app) == []


def test_buyer_and_cooperative_are_told_of_each_step_once(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator)
    buyer, member = made.sending.buyers[0], made.member(made.parcel())
    first = made.made(1)
    done(made.decide(first, amount_minor=10, words="a little"))
    second = made.made(1)
    done(made.decide(second, "reject", words="the photo shows another box"))
    work(market)
    ids = [second["id"], first["id"]]
    assert [each["claim_id"] for each in told(buyer, "claim_received")] == ids
    assert [each["claim_id"] for each in told(member, "claim_raised")] == ids
    [granted] = told(buyer, "claim_refunded")
    assert granted["amount"] == {"minor": 10, "currency": "CNY"}
    [rejected] = told(buyer, "claim_rejected")
    assert rejected["words"]["zh"] == "the photo shows another box"
    assert [each["outcome"]["en"] for each in told(member, "claim_decided")] == ["not granted", "granted"]
    assert told(buyer, "refund_due") == [], "the decision has told it"


def test_the_same_claim_sent_again_is_the_same_and_with_other_facts_it_is_refused(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator)
    claim_id = str(uuid.uuid4())
    first = made.made(1, id=claim_id)
    again = made.made(1, id=claim_id)
    assert first["id"] == again["id"] == claim_id
    assert_refused(made.ask(2, id=claim_id), 409, "claim_differs")
    assert_refused(made.ask(1, id=claim_id, order=1), 409, "claim_differs")
    found = done(made.sending.buyers[0].get("/v1/claims"))["items"]
    assert [each["id"] for each in found] == [claim_id]


def test_no_box_is_claimed_twice_until_its_claim_is_rejected_or_withdrawn(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator)
    boxes = made.parcel()["boxes"]
    first = made.made(boxes - 1)
    refused = made.ask(2)
    assert_refused(refused, 409, "more_than_arrived")
    assert refused.json["boxes_left"] == 1
    second = made.made(1)
    assert_refused(made.ask(1), 409, "more_than_arrived")
    buyer = made.sending.buyers[0]
    assert done(buyer.post(f"/v1/claims/{second['id']}/withdrawal"))["state"] == "withdrawn"
    assert done(buyer.post(f"/v1/claims/{second['id']}/withdrawal"))["state"] == "withdrawn"
    done(made.decide(first, "reject", words="it is as ordered"))
    made.made(boxes)
    assert broken(market.app) == []


def test_no_more_goes_back_than_the_boxes_cost(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator)
    most = kept(made) * 2 // 5
    claim = made.made(2)
    for amount in (most + 1, 0):
        refused = made.decide(claim, amount_minor=amount)
        assert_refused(refused, 409, "more_than_paid")
        assert refused.json["max_minor"] == most
    assert done(made.decide(claim, amount_minor=most))["refund_minor"] == most
    assert broken(market.app) == []


def test_a_decision_told_again_changes_nothing_and_another_is_refused(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator)
    paid = kept(made)
    claim = made.made(1)
    once = done(made.decide(claim, amount_minor=100, words="ok"))
    again = done(made.decide(claim, amount_minor=100, words="ok"))
    assert again == once
    assert kept(made) == paid - 100
    assert_refused(made.decide(claim, amount_minor=200, words="ok"), 409, "claim_state")
    assert_refused(made.decide(claim, "reject", words="no"), 409, "claim_state")
    member = made.member(made.parcel())
    late = member.post(f"/v1/claims/{claim['id']}/answer", json={"answer": "agree"})
    assert_refused(late, 409, "claim_state")
    assert_refused(made.sending.buyers[0].post(f"/v1/claims/{claim['id']}/withdrawal"), 409, "claim_state")


@pytest.mark.parametrize(
    "body",
    [
        {"remedy": "reject"},
        {"remedy": "refund"},
        {"remedy": "reject", "words": "no", "amount_minor": 1},
        {"remedy": "reject", "words": "no", "borne_by": "platform"},
        {"remedy": "refund", "amount_minor": -1},
        {"remedy": "refund", "amount_minor": 1, "borne_by": "carrier"},
    ],
)
def test_a_decision_says_what_it_needs(market: Market, operator: Caller, body: dict[str, object]) -> None:
    is_readable = body.get("amount_minor") != -1 and body.get("borne_by") != "carrier"
    code = "decision_incomplete" if is_readable else "invalid"
    assert_refused(operator.post(f"/v1/claims/{uuid.uuid4()}/decision", json=body), 422, code)


def test_a_claim_is_foreign_to_others_and_its_photos_too(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator)
    claim = made.made(1)
    photo = done(made.photo(claim, JPEG))
    other = next(each for each in made.members if each is not made.member(made.parcel()))
    for stranger in (made.sending.buyers[1], other, house.caller(market.app, Role.SHOPPER)):
        for url in (f"/v1/claims/{claim['id']}", f"/v1/claims/{claim['id']}/photos"):
            assert_refused(stranger.get(url), 404, "claim_not_found")
        assert_refused(stranger.get(f"/v1/claim-photos/{photo['id']}"), 404, "photo_not_found")
        assert done(stranger.get("/v1/claims"))["items"] == []
    assert_refused(made.photo(claim, JPEG, order=1), 404, "claim_not_found")
    assert_refused(
        other.post(f"/v1/claims/{claim['id']}/answer", json={"answer": "agree"}), 404, "claim_not_found"
    )
    of_another = made.ask(1, parcel_id=made.parcel(1)["id"])
    assert_refused(of_another, 404, "parcel_not_found")
    url = f"/v1/orders/{made.sending.orders[1]['id']}/claims"
    body = {"parcel_id": made.parcel(1)["id"], "kind": "damage", "boxes": 1, "words": "mine?"}
    assert_refused(made.sending.buyers[0].post(url, json=body), 404, "order_not_found")


def test_photos_are_stored_without_their_place_and_handed_to_who_may_see_them(
    market: Market, operator: Caller
) -> None:
    made = scene.arrived(market, operator)
    claim = made.made(1)
    first = done(made.photo(claim, JPEG))
    again = done(made.photo(claim, JPEG))
    assert first["id"] == again["id"]
    for who in (made.sending.buyers[0], made.member(made.parcel()), operator):
        got = who.get(f"/v1/claim-photos/{first['id']}")
        assert got.status_code == 200
        assert got.data == pictures.jpeg(pictures.JFIF)
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Disposition"].startswith("attachment")
        assert [each["number"] for each in done(who.get(f"/v1/claims/{claim['id']}/photos"))["items"]] == [1]


def test_photos_that_are_none_or_too_many_are_refused(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator)
    claim = made.made(1)
    assert_refused(made.photo(claim, JPEG, "image/png"), 409, "photo_type_differs")
    assert_refused(made.photo(claim, JPEG, "application/pdf"), 415, "unsupported_media_type")
    assert_refused(made.photo(claim, JPEG[:-1]), 409, "photo_unreadable")
    assert_refused(made.photo(claim, b""), 409, "photo_type_differs")
    assert_refused(made.photo(claim, JPEG + bytes(2_000_000)), 409, "photo_too_large")
    for number in range(6):
        done(
            made.photo(
                claim,
                pictures.jpeg(scan=bytes([number, 1])) if number else pictures.png(),
                "image/jpeg" if number else "image/png",
            )
        )
    assert_refused(made.photo(claim, JPEG), 409, "too_many_photos")
    done(made.decide(claim, "reject", words="not ours"))
    assert_refused(made.photo(claim, pictures.jpeg()), 409, "claim_state")


def test_nothing_is_claimed_too_early_or_too_late(market: Market, operator: Caller) -> None:
    made = scene.on_the_way(market, operator)
    early = made.ask(1, "missing")
    assert_refused(early, 409, "claim_too_early")
    scene.let_pass()
    assert_refused(made.ask(1, "damage"), 409, "claim_too_early")
    made.made(1, "missing")
    made.sending.all_go("delivery")
    made.sending.advance()
    scene.let_pass(timedelta(days=91))
    made.sending.advance()
    assert made.sending.states == ["delivered"], "something is claimed"
    [claim] = done(made.sending.buyers[0].get("/v1/claims"))["items"]
    done(made.decide(claim, "reject", words="it has arrived"))
    made.sending.advance()
    assert made.sending.states == ["closed"]
    assert_refused(made.ask(1), 409, "state")
    assert broken(market.app) == []


def test_a_parcel_that_never_arrives_is_lost_and_its_order_goes_on(market: Market, operator: Caller) -> None:
    """Two cooperatives sent a part each: one part arrives, the other does not."""
    made = scene.on_the_way(market, operator, pledged=(3, 3), orders=(6,))
    lost, there = made.parcel(0, 0), made.parcel(0, 1)
    paid = kept(made)
    done(made.sending.step(there, "delivery"))
    scene.let_pass()
    claim = made.made(lost["boxes"], "missing")
    assert made.sending.states == ["shipped"]
    assert_refused(made.decide(claim, "return", 1), 409, "nothing_comes_back")
    done(made.decide(claim, amount_minor=paid // 2, borne_by="platform"))
    assert made.parcel(0, 0)["state"] == "lost"
    assert made.sending.states == ["delivered"]
    assert_refused(made.sending.step(lost, "delivery"), 409, "parcel_state")
    assert_refused(made.ask(1, "missing"), 409, "parcel_state")
    work(market)
    assert told(made.sending.buyers[0], "order_delivered") == [], "it was not"
    made.sending.advance()
    assert made.sending.state == "completed"
    scene.let_pass(timedelta(days=91))
    made.sending.advance()
    assert made.sending.states == ["closed"]
    assert broken(market.app) == []


def test_boxes_that_come_back_are_a_lot_and_refunded_then(market: Market, operator: Caller) -> None:
    made = scene.arrived(market, operator)
    parcel, paid = made.parcel(), kept(made)
    member = made.member(parcel)
    claim = made.made(1, "quality")
    url = f"/v1/claims/{claim['id']}/receipt"
    assert_refused(member.post(url, json={"code": "BACK"}), 409, "claim_state")
    waiting = done(made.decide(claim, "return", paid // 5, words="please send them"))
    assert (waiting["state"], kept(made)) == ("returning", paid)
    assert_refused(made.photo(claim, JPEG), 409, "claim_state")
    done(made.decide(claim, "return", paid // 5, words="please send them"))
    back = done(member.post(url, json={"code": "BACK"}))
    assert (back["state"], kept(made)) == ("refunded", paid - paid // 5)
    lot = done(member.get(f"/v1/lots/{back['returned_lot_id']}"))
    assert (lot["status"], lot["on_hand_grams"]) == (
        "quarantined",
        parcel["quantity_grams"] // parcel["boxes"],
    )
    other = made.made(1, "quality")
    done(made.decide(other, "return", 1))
    twice = member.post(f"/v1/claims/{other['id']}/receipt", json={"code": "BACK"})
    assert_refused(twice, 409, "lot_code_taken")
    done(made.decide(other, "reject", words="they did not come"))
    work(market)
    assert [each["claim_id"] for each in told(made.sending.buyers[0], "claim_to_return")] == [
        other["id"],
        claim["id"],
    ]
    assert broken(market.app) == []
