"""Advances through the doors: what is offered and why, asked, granted, paid, repaid; and every refusal."""

import uuid
from collections.abc import Callable

import pytest

from marketplace import context, database
from marketplace.access import Role
from tests import house
from tests.builders import Market, assert_refused, broken
from tests.campaigns import presale
from tests.campaigns.advances import scene
from tests.campaigns.advances.scene import Lending
from tests.campaigns.inbox import told
from tests.house import Caller
from tests.ledger import money
from tests.payouts.desk import Desk

PRICE = 5_200
CONFIRMED_AND_IN_STORE = 2 * PRICE * 300 // 1000 + 2 * PRICE * 400 // 1000
LIMIT = 2 * PRICE * 500 // 1000


def test_an_offer_says_what_decides_and_how_it_is_counted(made: Lending) -> None:
    offer = made.offer()
    assert (offer["due_minor"], offer["room_minor"], offer["funds_minor"]) == (
        CONFIRMED_AND_IN_STORE,
        LIMIT,
        12 * PRICE,
    )
    assert (offer["amount_minor"], offer["bound"]) == (LIMIT, "limit")
    assert (offer["why_en"], offer["why_zh"]) == (
        "The pledged fruit covers no more.",
        "承诺货值不再覆盖更多。",
    )
    assert [(each["formula"], each["amount_minor"]) for each in offer["sums"]] == [
        ("2 × 52.00 × 300 / 1000 → 31.20", 3_120),
        ("2 × 52.00 × 400 / 1000 → 41.60", 4_160),
        ("72.80 − 0.00 → 72.80", 7_280),
        ("104.00 × 500 / 1000 → 52.00", 5_200),
        ("52.00 − 0.00 − 0.00 → 52.00", 5_200),
        ("624.00 + 0.00 − 0.00 → 624.00", 62_400),
    ]


def test_members_see_the_offer_of_their_own_and_staff_everybodys(made: Lending) -> None:
    assert [each["cooperative_id"] for each in made.offers(made.members[1])] == [str(made.coop(1))]
    assert len(made.offers()) == 3
    url = f"{made.sale.url}/advance-offers?cooperative_id={made.coop(2)}"
    assert [each["cooperative_id"] for each in made.operator.get(url).json["items"]] == [str(made.coop(2))]
    assert made.members[1].get(url).json["items"] == []
    assert_refused(
        made.operator.get(f"/v1/campaigns/{uuid.uuid4()}/advance-offers"), 404, "campaign_not_found"
    )


def test_an_advance_is_asked_granted_paid_and_repaid_by_netting(market: Market, made: Lending) -> None:
    asked = made.asked(5_000)
    assert (asked["state"], asked["tranche"], asked["outstanding_minor"]) == ("asked", "intake", 0)
    granted = made.step(asked, "grant").json
    assert (granted["state"], granted["amount_minor"]) == ("granted", 5_000)
    assert made.standing() == (5_000, 0)
    assert made.offer()["room_minor"] == LIMIT - 5_000, "what is promised is not promised twice"
    paid = made.pay(asked)
    assert (paid["state"], paid["outstanding_minor"]) == ("paid", 5_000)
    assert made.standing() == (0, 5_000)
    assert money.balance(money.prepaid(made.coop())) == 5_000
    assert broken(market.app) == []
    made.desk.fund(10_000)
    first, second = uuid.uuid4(), uuid.uuid4()
    for settlement_id, available in ((first, 2_000), (second, 10_000)):
        database.transact(
            lambda session, s=settlement_id, a=available: scene.netted(
                session, market.ctx, cooperative_id=made.coop(), available_minor=a, settlement_id=s
            )
        )
    assert made.lines(asked) == [("paid", 5_000, 5_000), ("repaid", 2_000, 3_000), ("repaid", 3_000, 0)]
    assert made.seen(asked)["state"] == "repaid"
    assert (made.standing(), money.balance(money.prepaid(made.coop()))) == ((0, 0), 0)
    assert broken(market.app) == []
    offer = made.offer()
    assert offer["due_minor"] == CONFIRMED_AND_IN_STORE - 5_000, "repaid or not, it was advanced on them"
    assert offer["room_minor"] == LIMIT


def test_more_than_is_offered_is_refused_with_the_offer(made: Lending) -> None:
    refused = assert_refused(made.ask(LIMIT + 1), 409, "advance_too_high")
    assert (refused["offered_minor"], refused["bound"]) == (LIMIT, "limit")


def test_a_cooperative_waits_for_one_answer_at_a_time(made: Lending) -> None:
    made.granted(1_000)
    assert_refused(made.ask(1_000), 409, "advance_open")
    made.asked(1_000, number=1)


@pytest.mark.parametrize("who", ["member of another", "of nobody"])
def test_nobody_asks_for_a_foreign_cooperative(made: Lending, who: str) -> None:
    by = made.members[1] if who == "member of another" else house.caller(made.market.app, Role.COOPERATIVE)
    assert_refused(made.ask(1_000, by=by), 404, "cooperative_not_found")


def test_a_campaign_that_is_not_allocated_bears_no_advance(
    market: Market, desk: Desk, as_role: Callable[..., Caller]
) -> None:
    sale = presale.on_sale(market, 20)
    body = {"cooperative_id": str(market.cooperative_ids[0]), "currency": "CNY", "amount_minor": 1}
    assert_refused(desk.member.post(f"{sale.url}/advances", json=body), 409, "state")
    assert desk.member.get(f"{sale.url}/advance-offers").json["items"] == []


def test_who_has_no_boxes_in_a_currency_is_told_so(made: Lending) -> None:
    assert_refused(made.ask(1, currency="JPY"), 409, "nothing_sold")


def test_who_asked_does_not_grant(market: Market, made: Lending) -> None:
    both = house.caller(
        market.app, Role.COOPERATIVE, Role.OPERATOR, cooperative_ids=(market.cooperative_ids[0],)
    )
    asked = made.ask(1_000, by=both).json
    assert_refused(made.step(asked, "grant", by=both), 403, "same_person")
    assert made.step(asked, "grant").status_code == 200


def test_less_is_granted_than_was_asked_and_never_more(made: Lending) -> None:
    asked = made.asked(1_000)
    refused = assert_refused(made.step(asked, "grant", amount_minor=1_001), 409, "advance_too_high")
    assert refused["offered_minor"] == 1_000
    granted = made.step(asked, "grant", amount_minor=400).json
    assert (granted["asked_minor"], granted["amount_minor"]) == (1_000, 400)
    assert made.payout(asked).amount_minor == 400
    [heard] = told(made.members[0], "advance_granted")
    assert (heard["advance_id"], heard["amount"]) == (asked["id"], {"minor": 400, "currency": "CNY"})


def test_what_was_offered_once_may_be_too_much_when_it_is_granted(made: Lending) -> None:
    asked = made.asked(LIMIT)
    lower = {"confirmation_permille": 100, "intake_permille": 0, "delivery_permille": 0}
    terms = {**lower, "factor_permille": 500, "clearing_days": 0}
    assert made.operator.put(f"{made.sale.url}/advance-terms", json=terms).status_code == 200
    refused = assert_refused(made.step(asked, "grant"), 409, "advance_too_high")
    assert (refused["offered_minor"], refused["bound"]) == (2 * PRICE // 10, "progress")


def test_it_is_refused_with_a_reason_in_both_languages(made: Lending) -> None:
    asked = made.asked(1_000)
    why = {"reason_en": "frost in April", "reason_zh": "四月霜冻"}
    refused = made.step(asked, "refusal", **why).json
    assert (refused["state"], refused["reason_en"], refused["reason_zh"]) == ("refused", *why.values())
    assert_refused(made.step(asked, "grant"), 409, "advance_state")
    assert_refused(made.step(asked, "refusal", **why), 409, "advance_state")
    [heard] = told(made.members[0], "advance_refused")
    assert (heard["amount"]["minor"], heard["reason"]) == (1_000, {"en": "frost in April", "zh": "四月霜冻"})
    made.asked(1_000)


def test_the_cooperative_takes_back_what_it_asked_for_until_it_is_granted(made: Lending) -> None:
    asked = made.asked(1_000)
    foreign = made.step(asked, "cancellation", by=made.members[1])
    assert_refused(foreign, 404, "advance_not_found")
    assert made.step(asked, "cancellation", by=made.members[0]).json["state"] == "cancelled"
    granted = made.granted(1_000)
    late = made.step(granted, "cancellation", by=made.members[0])
    assert_refused(late, 409, "advance_state")


def test_a_payout_that_is_given_up_leaves_the_advance_as_it_was_asked_for(
    market: Market, made: Lending
) -> None:
    granted = made.granted(1_000)
    made.give_up(granted)
    seen = made.seen(granted)
    assert (seen["state"], seen["amount_minor"], seen["decided_by"]) == ("asked", None, None)
    assert made.standing() == (0, 0)
    assert broken(market.app) == []
    assert made.step(granted, "grant").json["state"] == "granted", "another payout may be drafted"
    assert made.pay(granted)["outstanding_minor"] == 1_000
    assert broken(market.app) == []


def test_a_bank_that_sends_it_back_before_or_after_it_was_paid(market: Market, made: Lending) -> None:
    first = made.granted(1_000)
    made.come_back(made.sent(first).id)
    assert (made.seen(first)["state"], made.lines(first), made.standing()) == ("asked", [], (0, 0))
    assert made.step(first, "grant").status_code == 200
    paid = made.pay(first)
    made.come_back(paid["payout_id"])
    assert made.seen(first)["state"] == "asked"
    assert made.lines(first) == [("paid", 1_000, 1_000), ("returned", 1_000, 0)]
    assert (made.standing(), money.balance(money.prepaid(made.coop()))) == ((0, 0), 0)
    assert broken(market.app) == []


def test_what_was_netted_of_money_that_never_arrived_is_payable_again(market: Market, made: Lending) -> None:
    paid = made.paid(1_000)
    made.desk.fund(5_000)
    database.transact(
        lambda session: scene.netted(
            session,
            context.system(),
            cooperative_id=made.coop(),
            available_minor=600,
            settlement_id=uuid.uuid4(),
        )
    )
    assert made.desk.payable() == 4_400
    made.come_back(paid["payout_id"])
    assert made.lines(paid) == [
        ("paid", 1_000, 1_000),
        ("repaid", 600, 400),
        ("undone", 600, 1_000),
        ("returned", 1_000, 0),
    ]
    assert made.desk.payable() == 5_000
    assert (made.standing(), money.balance(money.prepaid(made.coop()))) == ((0, 0), 0)
    assert broken(market.app) == []


def test_terms_are_set_shown_and_written_down(made: Lending) -> None:
    url = f"{made.sale.url}/advance-terms"
    assert made.members[0].get(url).json == {
        "confirmation_permille": 300,
        "intake_permille": 400,
        "delivery_permille": 300,
        "factor_permille": 500,
        "clearing_days": 7,
        "version": 0,
    }
    terms = {
        "confirmation_permille": 500,
        "intake_permille": 300,
        "delivery_permille": 200,
        "factor_permille": 900,
        "clearing_days": 0,
    }
    assert made.operator.put(url, json=terms).json == {**terms, "version": 1}
    assert made.operator.put(url, json=terms).json == {**terms, "version": 2}
    too_much = {**terms, "delivery_permille": 201}
    assert_refused(made.operator.put(url, json=too_much), 422, "terms_not_whole")
    assert made.offer()["due_minor"] == 2 * PRICE * 800 // 1000
    missing = f"/v1/campaigns/{uuid.uuid4()}/advance-terms"
    assert_refused(made.operator.get(missing), 404, "campaign_not_found")
    assert_refused(made.operator.put(missing, json=terms), 404, "campaign_not_found")


def test_lists_show_ones_own_and_foreign_ones_look_like_missing_ones(made: Lending) -> None:
    mine, other = made.asked(1_000), made.asked(1_000, number=1)
    found = made.members[0].get("/v1/advances").json["items"]
    assert [each["id"] for each in found] == [mine["id"]]
    query = f"/v1/advances?cooperative_id={made.coop(1)}&state=asked&campaign_id={made.sale.campaign_id}"
    assert [each["id"] for each in made.operator.get(query).json["items"]] == [other["id"]]
    assert made.operator.get(f"/v1/advances?campaign_id={uuid.uuid4()}").json["items"] == []
    for path in (f"/v1/advances/{other['id']}", f"/v1/advances/{other['id']}/lines"):
        assert_refused(made.members[0].get(path), 404, "advance_not_found")
    for step, body in (("grant", {}), ("refusal", {"reason_en": "x", "reason_zh": "无"})):
        missing = made.operator.post(f"/v1/advances/{uuid.uuid4()}/{step}", json=body)
        assert_refused(missing, 404, "advance_not_found")


def test_asked_twice_with_one_key_is_asked_once(made: Lending) -> None:
    key = str(uuid.uuid4())
    body = {"cooperative_id": str(made.coop()), "currency": "CNY", "amount_minor": 100}
    sent = [made.members[0].call("POST", f"{made.sale.url}/advances", json=body, key=key) for _ in range(2)]
    assert sent[0].json == sent[1].json
    assert len(scene.advances()) == 1
