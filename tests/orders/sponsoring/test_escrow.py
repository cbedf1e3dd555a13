"""A sponsorship from its draft to its closing at the doors: commitment, escrow, split, tranches; and every refusal."""

import csv
import io
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from marketplace import database
from marketplace.access import Role
from orders.models import Order
from orders.sponsoring import escrow, statements
from orders.sponsoring.models import Sponsorship
from tests.builders import PRICE_MINOR, Market, assert_refused, at_once
from tests.house import Caller
from tests.orders.sponsoring.fund import TOTAL, URL, WHY, Fund, asked, drafted, stocked


@pytest.fixture
def fund(market: Market, buyer: Caller, operator: Caller) -> Fund:
    return drafted(stocked(market), buyer, operator)


def test_a_sponsorship_from_its_draft_to_its_closing(fund: Fund) -> None:
    """60 % of the price by the boxes' way, to the unit; every promise holds after each step."""
    assert fund.state == "draft"
    fund.committed().keeps_every_promise()
    fund.paid(TOTAL // 4)
    assert fund.state == "committed", "a quarter is not all of it"
    assert_refused(fund.step(fund.operator, "allocation"), 409, "sponsorship_state")
    fund.paid(TOTAL - TOTAL // 4).keeps_every_promise()
    assert fund.state == "funded"
    fund.allocated().keeps_every_promise()
    assert (fund.state, fund.order.state) == ("allocating", "proposed")
    order = fund.order.approved()
    assert fund.seen()["released_minor"] == 0
    order.done(order.confirm("YJ01"))
    first = order.shares()[1, "YJ01"]["boxes"]
    assert fund.tranches()["confirmation"] == first * PRICE_MINOR * 3 // 10
    for code in ("YJ02", "YJ03"):
        order.done(order.confirm(code))
    assert fund.state == "drawing"
    fund.keeps_every_promise()
    assert fund.tranches() == {"confirmation": TOTAL * 3 // 10, "intake": 0, "delivery": 0}
    assert fund.figures()["pooled"] == fund.figures()["free"] == 20
    fund.done(fund.move("intakes", "YJ02", 2)).keeps_every_promise()
    assert fund.tranches()["intake"] == 2 * PRICE_MINOR * 4 // 10
    fund.done(fund.move("deliveries", "YJ02", 1)).keeps_every_promise()
    assert fund.tranches()["delivery"] == PRICE_MINOR * 3 // 10
    fund.delivered()
    assert sum(fund.tranches().values()) == TOTAL
    assert fund.seen()["escrow_minor"] == 0
    fund.over().done(fund.step(fund.operator, "ending"))
    fund.done(fund.step(fund.operator, "closing")).keeps_every_promise()
    assert fund.state == "closed"
    moves = fund.sponsor.get(f"{fund.url}/moves").json["items"]
    assert [each["event"] for each in moves] == [
        "draft", "sign", "accept", "fund", "allocate", "confirm", "end", "close",
    ]  # fmt: skip
    assert fund.figures()["redeemed"] == 20, "donated"


def test_terms_are_the_sponsors_and_rounding_loses_nothing(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund = drafted(
        stocked(market),
        buyer,
        operator,
        7,
        unit_price_minor=333,
        tranches={"confirmation": 333, "intake": 333, "delivery": 334},
        quantity={"value": 70, "unit": "jin"},
    )
    seen = fund.seen()
    assert (seen["boxes"], seen["unit_price_minor"], seen["total_minor"]) == (7, 333, 7 * 333)
    fund.drawing()
    assert market.stored(Order, fund.seen()["order_id"]).total_minor == 7 * 333
    fund.delivered().keeps_every_promise()
    assert sum(fund.tranches().values()) == 7 * 333
    assert fund.seen()["escrow_minor"] == 0


def test_with_an_agreed_part_the_split_begins_and_no_more_goes_out_than_came_in(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund = drafted(stocked(market), buyer, operator, escrow_permille=500).committed()
    fund.paid(TOTAL // 2)
    assert fund.state == "funded"
    fund.allocated()
    fund.order.committed()
    code = "YJ03"
    boxes = fund.shares()[code]["boxes"]
    assert boxes == 10, "half of the households"
    fund.done(fund.move("intakes", code, boxes))
    refused = assert_refused(fund.move("deliveries", code, boxes), 409, "escrow_too_low")
    assert refused["missing_minor"] == boxes * PRICE_MINOR * 3 // 10
    fund.keeps_every_promise()
    fund.paid(TOTAL - TOTAL // 2)
    fund.done(fund.move("deliveries", code, boxes)).keeps_every_promise()


def test_a_declined_share_is_split_again_and_what_nobody_has_is_paid_back(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund = drafted(stocked(market, 7, 7, 6), buyer, operator).funded().allocated()
    order = fund.order.approved()
    order.done(order.confirm("YJ01")).done(order.confirm("YJ02")).done(order.decline("YJ03"))
    assert (order.state, fund.state) == ("short", "allocating")
    fund.keeps_every_promise()
    order.done(order.accept_short())
    assert fund.state == "drawing"
    fund.keeps_every_promise()
    seen = fund.seen()
    assert seen["returned_minor"] == 6 * PRICE_MINOR
    assert fund.lines()[-1] == ("returned", 6 * PRICE_MINOR)
    assert fund.figures()["bought"] == fund.figures()["allocated"] == 14
    assert any(each["kind"] == "refund" for each in operator.get("/v1/cases").json["items"])


def test_boxes_taken_back_after_intake_bring_their_tranches_back(fund: Fund) -> None:
    """Undeliverable fruit: what was released for it is in escrow again, and goes to whoever has it instead."""
    fund.drawing()
    boxes = fund.shares()["YJ03"]["boxes"]
    fund.done(fund.move("intakes", "YJ03", boxes)).done(fund.move("deliveries", "YJ03", 2))
    before = fund.seen()["released_minor"]
    assert_refused(fund.order.reduce("YJ03", boxes - 1), 409, "boxes_delivered")
    fund.order.done(fund.order.reduce("YJ03", 3))
    fund.keeps_every_promise()
    assert before - fund.seen()["released_minor"] == 3 * PRICE_MINOR * 7 // 10
    assert fund.figures()["pooled"] == 17
    order = fund.order
    for (run, code), (state, _) in order.states().items():
        if state == "offered":
            order.done(order.confirm(code, run=run))
    fund.keeps_every_promise()
    assert fund.figures()["pooled"] == 20
    assert fund.state == "drawing"


def test_a_bulk_order_that_is_given_up_leaves_the_money_for_another(fund: Fund) -> None:
    fund.funded().allocated()
    order = fund.order.approved()
    order.done(order.confirm("YJ01"))
    released = fund.seen()["released_minor"]
    assert released
    order.done(order.cancel())
    assert fund.state == "funded"
    assert fund.seen()["escrow_minor"] == TOTAL, "what was released came back"
    fund.keeps_every_promise()
    fund.allocated()
    fund.order.committed()
    assert fund.state == "drawing"
    fund.keeps_every_promise()


def test_cancelled_before_the_split_all_goes_back(fund: Fund) -> None:
    fund.committed().paid(TOTAL - 1)
    waiting = fund.payment(1)
    fund.done(fund.step(fund.sponsor, "cancellation", WHY))
    assert (fund.state, fund.seen()["escrow_minor"]) == ("cancelled", 0)
    fund.keeps_every_promise()
    late = fund.receive(waiting)
    assert (late.status_code, late.json["refund_due_minor"]) == (200, 1)
    fund.keeps_every_promise()
    assert fund.lines() == [("escrowed", TOTAL - 1), ("returned", TOTAL - 1)]
    assert_refused(fund.step(fund.sponsor, "payments", {"amount_minor": 1}), 409, "sponsorship_state")


def test_late_money_that_is_still_owed_is_taken(fund: Fund) -> None:
    payment = fund.committed().payment(TOTAL)
    failed = fund.operator.post(f"/v1/payments/{payment['id']}/failure", json={"reason": "bounced"})
    assert failed.status_code == 200
    fund.done(fund.receive(payment)).keeps_every_promise()
    assert (fund.state, fund.seen()["escrowed_minor"]) == ("funded", TOTAL)


def test_a_funded_one_is_cancelled_by_operators_only(fund: Fund) -> None:
    fund.funded()
    assert_refused(fund.step(fund.sponsor, "cancellation", WHY), 403, "forbidden")
    fund.done(fund.step(fund.operator, "cancellation", WHY)).keeps_every_promise()
    assert fund.lines() == [("escrowed", TOTAL), ("returned", TOTAL)]


def test_more_than_is_owed_is_not_asked_for_even_at_once(fund: Fund) -> None:
    fund.committed()
    refused = assert_refused(
        fund.step(fund.sponsor, "payments", {"amount_minor": TOTAL + 1}), 409, "more_than_owed"
    )
    assert refused["room_minor"] == TOTAL
    ctx = fund.market.acting(fund.sponsor, roles=frozenset({Role.BUYER}))
    half = TOTAL // 2 + 1

    def ask() -> uuid.UUID:
        return database.transact(
            lambda session: (
                escrow.open_payment(session, ctx, sponsorship_id=uuid.UUID(fund.id), amount_minor=half).id
            )
        )

    results = at_once(fund.market.app, [ask, ask])
    assert sorted(isinstance(each, escrow.MoreThanOwed) for each in results) == [False, True]


def test_a_rejected_signature_is_a_draft_again(fund: Fund) -> None:
    fund.done(fund.step(fund.sponsor, "signature"))
    fund.done(fund.step(fund.operator, "rejection", WHY))
    assert fund.state == "draft"
    fund.done(fund.step(fund.sponsor, "cancellation", WHY))
    for word, body in (("signature", None), ("cancellation", WHY)):
        assert_refused(fund.step(fund.sponsor, word, body), 409, "sponsorship_state")
    for word in ("acceptance", "allocation", "ending", "closing"):
        assert_refused(fund.step(fund.operator, word), 409, "sponsorship_state")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"tranches": {"confirmation": 300, "intake": 400, "delivery": 301}}, 422, "tranches_not_whole"),
        ({"escrow_permille": 299}, 422, "tranches_not_whole"),
        ({"draws_until": "2020-01-01T00:00:00Z"}, 422, "draws_over_too_soon"),
        ({"carry_days": 3}, 422, "carry_days_differ"),
        ({"end_policy": "carried_on"}, 422, "carry_days_differ"),
        ({"shopper_pays_minor": PRICE_MINOR + 1}, 422, "token_too_high"),
        ({"quantity": 5_001}, 409, "not_whole_boxes"),
        ({"quantity": 10**13}, 409, "too_many_boxes"),
        ({"unit_price_minor": 10**9, "quantity": 10_001 * 5_000}, 409, "total_too_high"),
        ({"delivered_on": "2020-01-01"}, 422, "delivery_in_the_past"),
        ({"pack_id": str(uuid.uuid4())}, 404, "pack_not_found"),
        ({"county_id": str(uuid.uuid4())}, 404, "county_not_found"),
        ({"account_id": str(uuid.uuid4())}, 404, "account_not_found"),
    ],
)
def test_drafts_that_cannot_be(
    market: Market, buyer: Caller, changes: dict[str, object], status: int, code: str
) -> None:
    with market.unchanged():
        assert_refused(buyer.post(URL, json=asked(market, **changes)), status, code)


def test_an_operator_drafts_for_a_buyer_and_for_nobody_else(
    market: Market, buyer: Caller, operator: Caller, shopper: Caller
) -> None:
    made = operator.post(URL, json=asked(market, account_id=str(buyer.account_id)))
    assert (made.status_code, made.json["account_id"]) == (201, str(buyer.account_id))
    assert made.headers["Location"] == f"{URL}/{made.json['id']}"
    for account in (shopper, operator):
        body = asked(market, account_id=str(account.account_id))
        assert_refused(operator.post(URL, json=body), 404, "account_not_found")
    assert_refused(operator.post(URL, json=asked(market)), 404, "account_not_found")
    free = market.pack("Free", price_minor=0)
    assert_refused(buyer.post(URL, json=asked(market, pack_id=str(free.id))), 409, "price_missing")


def test_without_fruit_the_money_waits(market: Market, buyer: Caller, operator: Caller) -> None:
    fund = drafted(stocked(market, 3), buyer, operator).funded()
    assert_refused(fund.step(operator, "allocation"), 409, "sold_out")
    assert fund.state == "funded"


def test_fruit_moves_in_order_and_only_as_much_as_there_is(fund: Fund) -> None:
    fund.drawing()
    boxes = fund.shares()["YJ01"]["boxes"]
    assert_refused(fund.move("deliveries", "YJ01", 1), 409, "more_than_taken_in")
    assert_refused(fund.move("intakes", "YJ01", boxes + 1), 409, "more_than_confirmed")
    nowhere = f"/v1/sponsored-shares/{uuid.uuid4()}"
    for word in ("intakes", "deliveries"):
        assert_refused(fund.operator.post(f"{nowhere}/{word}", json={"boxes": 1}), 404, "share_not_found")
    plain, run = fund.market.bulk(fund.sponsor, 2)
    share = next(each for each in run.shares if each.boxes)
    bare = fund.operator.post(f"/v1/sponsored-shares/{share.id}/intakes", json={"boxes": 1})
    assert_refused(bare, 404, "share_not_found")
    assert_refused(fund.step(fund.operator, "ending"), 409, "draws_not_over")
    fund.over().done(fund.step(fund.operator, "ending"))
    assert assert_refused(fund.step(fund.operator, "closing"), 409, "not_all_delivered")["boxes_left"] == 20
    assert plain.state == "proposed"


def test_who_sees_what(fund: Fund, as_role: Callable[..., Caller]) -> None:
    fund.drawing()
    other, auditor = as_role(Role.BUYER), as_role(Role.AUDITOR)
    for part in ("", "/moves", "/escrow-lines", "/statement", "/statement.csv", "/picture.svg"):
        assert_refused(other.get(f"{fund.url}{part}"), 404, "sponsorship_not_found")
        assert auditor.get(f"{fund.url}{part}").status_code == 200
    assert other.get(URL).json["items"] == []
    assert [each["id"] for each in fund.sponsor.get(f"{URL}?state=drawing").json["items"]] == [fund.id]
    assert_refused(other.post(f"{fund.url}/signature"), 404, "sponsorship_not_found")
    [mine] = fund.members[0].get("/v1/sponsor-payables").json["items"]
    assert (mine["tranche"], mine["amount_minor"]) == (
        "confirmation",
        fund.shares()["YJ01"]["boxes"] * PRICE_MINOR * 3 // 10,
    )
    assert mine["cooperative_id"] == str(fund.market.cooperative_ids[0])
    assert len(auditor.get("/v1/sponsor-payables").json["items"]) == 3
    assert auditor.get("/v1/sponsor-payables?tranche=intake").json["items"] == []


def test_the_statement_as_table_and_picture(fund: Fund) -> None:
    fund.drawing()
    response = fund.sponsor.get(f"{fund.url}/statement.csv")
    rows = list(csv.reader(io.StringIO(response.get_data().decode("utf-8-sig"))))
    assert rows[0] == ["part", "name", "boxes", "kilograms", "minor", "currency"]
    assert ["figure", "bought", "20", "100", str(TOTAL), "CNY"] in rows
    assert ["escrow", "in_escrow", "", "", str(TOTAL - TOTAL * 3 // 10), "CNY"] in rows
    assert ["tranche", "confirmation", "", "", str(TOTAL * 3 // 10), "CNY"] in rows
    assert {row[1] for row in rows if row[0] == "share"} == {"YJ01", "YJ02", "YJ03"}
    picture = fund.sponsor.get(f"{fund.url}/picture.svg")
    root = ET.fromstring(picture.get_data(as_text=True))
    words = " ".join(root.itertext())
    assert "Great Wall Foods" in words
    assert "长城食品" in words
    assert "20 · 100 kg" in words


def test_a_statement_asks_for_all_its_cooperatives_at_once(fund: Fund) -> None:
    fund.drawing()
    asked_for: list[str] = []

    def note(*arguments: Any) -> None:
        if "FROM cooperative" in arguments[2]:
            asked_for.append(arguments[2])

    with database.reading() as session:
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        try:
            lines = statements.share_lines(session, session.get_one(Sponsorship, uuid.UUID(fund.id)))
        finally:
            event.remove(engine, "before_cursor_execute", note)
    assert [each.code for each in lines] == ["YJ01", "YJ02", "YJ03"]
    assert len(asked_for) == 1


def test_a_repeated_payment_request_opens_one(fund: Fund) -> None:
    fund.committed()
    key = str(uuid.uuid4())
    one, other = (
        fund.sponsor.post(f"{fund.url}/payments", json={"amount_minor": 5}, key=key) for _ in range(2)
    )
    assert one.json == other.json
    other_body = fund.sponsor.post(f"{fund.url}/payments", json={"amount_minor": 6}, key=key)
    assert_refused(other_body, 422, "idempotency_key_reused")
