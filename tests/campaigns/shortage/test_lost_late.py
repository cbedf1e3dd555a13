"""Fruit that is lost when its campaign is in `shortfall` already, or its balances are due or over."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns.shortage import applying, closing
from campaigns.shortage.models import ShortageOffer
from campaigns.states import ShortageOpen
from marketplace import database, jobs
from marketplace.payments.models import Payment
from tests.builders import Market, assert_refused
from tests.campaigns import presale
from tests.campaigns.inbox import told
from tests.campaigns.presale import balance, book, confirm
from tests.campaigns.shortage import late, stage
from tests.campaigns.shortage.late import Late
from tests.house import Caller

ONE_EACH = [(1, 0)] * 6
PAID_NOW = {"ladder": [], "deposit": None}


@pytest.fixture
def of(market: Market, as_role: Callable[..., Caller], operator: Caller) -> Callable[..., Late]:
    return lambda boxes, lots, **item: late.harvested(market, as_role, operator, boxes, lots=lots, **item)


def accept(found: Late, offer: ShortageOffer, boxes: int | None = None) -> None:
    body = {} if boxes is None else {"boxes": boxes}
    response = found.operator.post(f"/v1/shortage-offers/{offer.id}/accept", json=body)
    assert response.status_code == 200, response.json
    found.check()


# It grows.


def test_while_neighbours_are_asked_the_case_grows_and_they_are_asked_for_the_difference(of) -> None:
    found = of((2, 2, 2), [(2, 0), (2, 0), (2, 0)])
    found.market.lot(10, cooperative=1)
    found.stop(0).minute()
    [first] = found.shortages()
    assert (found.state, first.state, [each.boxes for each in first.offers]) == ("shortfall", "offering", [2])
    found.stop(1).minute()
    [grown] = found.shortages()
    assert (grown.id, grown.committed_boxes, grown.supply_boxes) == (first.id, 6, 2)
    assert [(each.pledged_boxes, each.there_boxes) for each in grown.standings] == [(6, 2)]
    assert [(each.round, each.boxes) for each in grown.offers] == [(1, 2), (2, 2)]
    assert grown.answers_due_at >= first.answers_due_at
    accept(found, grown.offers[0])
    version = found.shortages()[0].version
    found.minute()
    [same] = found.shortages()
    assert (len(same.standings), same.version) == (1, version), "who helps is not among those who lack"
    accept(found, grown.offers[1])
    [settled] = found.shortages()
    assert (settled.state, settled.covered_boxes) == ("settled", 4)
    assert found.boxes() == [2, 2, 2], "no buyer notices"


def test_what_a_neighbour_gave_may_be_lost_as_well(of) -> None:
    found = of((2, 2), [(2, 0), (2, 0)])
    spare = [found.market.lot(1, cooperative=number) for number in (1, 2)]
    found.stop(0).minute()
    [shortage] = found.shortages()
    offers = {each.cooperative_id: each for each in shortage.offers}
    assert [each.boxes for each in shortage.offers] == [1, 1]
    accept(found, offers[spare[0].cooperative_id])
    found.recall(spare[0])
    found.minute()
    [grown] = found.shortages()
    assert (grown.state, grown.covered_boxes) == ("offering", 1)
    assert [(each.code, each.pledged_boxes, each.there_boxes) for each in grown.standings] == [
        ("YJ01", 4, 2),
        ("YJ02", 1, 0),
    ]
    accept(found, offers[spare[1].cooperative_id])
    assert found.shortages()[0].state == "electing", "one is missing again"
    found.end_windows()
    assert sum(found.boxes()) == 3
    assert sum(each.carried_boxes for each in found.shortages()[0].standings) == 1


def test_while_buyers_choose_the_case_grows_and_they_are_told_anew_with_more_time(of) -> None:
    found = of((1, 2, 3), ONE_EACH).stop(0).minute()
    [first] = found.shortages()
    assert first.state == "electing"
    assert found.choose(1, choice="fewer", wanted_boxes=1).status_code == 200
    found.end_windows(hours=47)
    found.stop(1).minute()
    [grown] = found.shortages()
    assert (grown.id, grown.state) == (first.id, "electing")
    assert (grown.committed_boxes, grown.supply_boxes) == (6, 4)
    assert (grown.elections_due_at - found.market.ctx.now).total_seconds() > 23 * 3_600
    assert [len(told(buyer, "shortage_election")) for buyer in found.buyers] == [2, 2, 2]
    assert found.choose(0, choice="refund").status_code == 200, "there is time"
    found.minute()
    assert found.shortages()[0].version == grown.version, "it grows once"
    found.end_windows()
    assert found.boxes() == [0, 1, 3]
    [row] = found.shortages()[0].standings
    assert (row.pledged_boxes, row.there_boxes, row.carried_boxes) == (6, 4, 2)


def test_fruit_that_is_cleared_while_neighbours_are_asked_ends_the_asking(of) -> None:
    found = of((2, 2), [(2, 0), (2, 0)])
    found.market.lot(10, cooperative=1)
    found.stop(0).minute()
    closing = {"outcome": "cleared", "reason": "clean"}
    url = f"/v1/lots/{found.lots[0].id}/recall/closing"
    assert found.operator.post(url, json=closing).status_code == 200
    found.minute()
    [shortage] = found.shortages()
    assert (shortage.state, [each.state for each in shortage.offers]) == ("settled", ["lapsed"])
    assert found.boxes() == [2, 2]


# A further one.


def test_what_is_lost_while_orders_follow_a_cut_opens_another_case_after_it(
    of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "BATCH", 1)
    found = of((1, 2, 3), ONE_EACH).stop(0).minute()
    [first] = found.shortages()
    stage.let_pass(found.as_short(), 49)
    database.transact(lambda session: closing.advance_due(session, presale.now(found.market)))
    assert found.shortages()[0].state == "cutting"
    found.stop(1)
    found.minute()
    one, two = found.shortages()
    assert (one.id, one.state, two.state) == (first.id, "settled", "electing")
    assert (two.committed_boxes, two.supply_boxes) == (5, 4)
    assert two.seed_hash != one.seed_hash, "the seed of the first is known by now"
    assert found.operator.get(f"/v1/shortages/{two.id}").json["shortage"]["seed"] is None
    assert found.state == "shortfall"
    found.end_windows()
    assert sum(found.boxes()) == 4
    assert sum(each.refund_minor for each in found.cuts(two).values()) == 1_000
    assert found.state == "shortfall", "buyers were told of another day for the balance"
    found.open_balance()


def test_what_is_lost_between_the_cut_and_the_balance_is_seen_to_before_balances_are_asked_for(of) -> None:
    found = of((1, 2, 3), ONE_EACH).stop(0).minute().end_windows()
    found.stop(1)
    presale.let_pass(found.market, found.sale, hours=24)
    found.minute()
    assert (found.state, len(found.shortages())) == ("shortfall", 2)
    assert set(found.states) == {"committed"}, (
        "nobody is asked for money while it is not known for how many boxes"
    )
    found.end_windows()
    assert (found.state, sum(found.boxes())) == ("balance_open", 4)


def test_another_item_falls_short_beside_the_first(market: Market, of) -> None:
    found = of((1, 2, 3), ONE_EACH).stop(0).minute()
    with market.unchanged():
        assert_refused(found.operator.post(f"{found.sale.url}/shortages", json={}), 409, "not_short")
    found.stop(1)
    [same] = found.operator.post(f"{found.sale.url}/shortages", json={}).json["items"]
    assert same["supply_boxes"] == 4


# Once balances are due.


@pytest.fixture
def due(of) -> Late:
    """Orders of 1, 2, 3 and 2 boxes at 52 yuan, 37 of them due for each; one has paid, two are about to."""
    found = of((1, 2, 3, 2), [(1, 0)] * 8).open_balance()
    found.pay(3)
    return found


def test_balances_are_lowered_and_what_is_paid_goes_back_by_the_box(due: Late) -> None:
    asked = balance(due.buyers[1], due.orders[1])
    agreed = confirm(due.buyers[2], balance(due.buyers[2], due.orders[2]))
    for lot in range(4):
        due.stop(lot)
    due.minute()
    [shortage] = due.shortages()
    assert (due.state, shortage.state) == ("balance_open", "electing")
    assert [len(told(buyer, "shortage_election")) for buyer in due.buyers] == [1] * 4
    due.end_windows()
    assert due.state == "balance_open"
    kept = due.boxes()
    assert (sum(kept), kept[0]) == (4, 1)
    assert kept == [1, 1, 1, 1], "four boxes for four orders: first boxes are safe"
    assert due.states == ["balance_due", "balance_due", "balance_due", "balance_paid"]
    for number, boxes in ((0, 1), (1, 1), (2, 1), (3, 1)):
        terms = due.terms(number)
        assert (terms.balance_boxes, terms.balance_minor, terms.bonus_minor) == (boxes, 3_700, 500)
    fault = [("compensation", "shortage", 1_000), ("refund", "shortage", 1_000)]
    assert due.owed(1) == fault
    assert due.owed(2) == [("compensation", "shortage", 2_000), ("refund", "shortage", 2_000)]
    assert due.owed(3) == [*fault, ("refund", "shortage", 3_700)], "deposit double, balance once"
    cut = due.cuts(shortage)[3]
    assert (cut.paid_minor, cut.refund_minor, cut.compensation_minor) == (9_400, 4_700, 1_000)
    assert "94.00 × 1 ÷ 2 = 47.00" in cut.reason_en
    assert "That is of the deposit and of the balance." in cut.reason_en
    assert "Your balance is for 1 box now: 37.00 CNY." in due.cuts(shortage)[1].reason_en
    assert "尾款现按 1 箱计算，为 37.00 CNY" in due.cuts(shortage)[1].reason_zh
    # Who had not agreed yet pays the new sum; who had pays the old one, and the rest of it goes back.
    assert due.market.stored(Payment, asked["id"]).state == "canceled"
    due.pay(1)
    assert [each.received_minor for each in due.payments(1)] == [2_000, 0, 3_700]
    assert book(due.operator, agreed).status_code == 200
    due.check()
    assert due.owed(2)[-1] == ("refund", "shortage", 2_000)
    assert ("refund", "fewer_boxes", 7_400) in due.owed(2)
    due.close_balance()
    assert due.states == ["balance_defaulted", *["balance_paid"] * 3]
    assert sum(presale.forfeits(due.orders[0])) == 1_000


def test_late_money_for_the_old_sum_is_taken_and_its_rest_goes_back(due: Late) -> None:
    asked = balance(due.buyers[1], due.orders[1])
    for lot in range(4):
        due.stop(lot)
    due.minute().end_windows()
    assert book(due.operator, asked).status_code == 200
    due.check()
    assert due.states[1] == "balance_paid"
    assert ("refund", "fewer_boxes", 3_700) in due.owed(1)


def test_money_under_way_for_an_order_that_lost_all_boxes_goes_back_whole(due: Late) -> None:
    agreed = confirm(due.buyers[1], balance(due.buyers[1], due.orders[1]))
    due.stop(0).minute()
    assert due.choose(1, choice="refund").status_code == 200
    due.end_windows()
    assert due.states[1] == "cut"
    assert due.market.stored(Payment, agreed["id"]).state == "canceled"
    response = book(due.operator, agreed)
    assert (response.status_code, response.json["refund_due_minor"]) == (200, 7_400)
    due.check()
    assert due.owed(1) == [("refund", "order_state", 7_400), ("refund", "shortage", 2_000)]


def test_who_has_paid_all_may_choose_all_of_it_back(due: Late) -> None:
    due.stop(0).minute()
    assert due.choose(3, choice="refund").status_code == 200
    due.end_windows()
    assert due.owed(3) == [("refund", "shortage", 2_000), ("refund", "shortage", 7_400)]
    assert due.boxes() == [1, 2, 3, 0], "what was given up is enough: nobody is cut"


def test_neighbours_cover_it_and_nobody_notices(due: Late) -> None:
    due.market.lot(5, cooperative=1)
    due_at = due.market.campaign(due.sale).balance_due_at
    due.stop(0).stop(1).minute()
    [offer] = due.shortages()[0].offers
    accept(due, offer)
    assert [each.state for each in due.shortages()] == ["settled"]
    assert due.boxes() == [1, 2, 3, 2]
    assert due.market.campaign(due.sale).balance_due_at == due_at
    assert [told(buyer, "shortage_spared") for buyer in due.buyers] == [[]] * 4
    due.close_balance()


def test_nobody_loses_a_deposit_while_it_is_not_known_which_boxes_there_are(due: Late) -> None:
    due.stop(0).minute()
    presale.let_pass(due.market, due.sale, hours=144)
    due.minute()
    assert (due.state, due.states[0]) == ("balance_open", "balance_due")
    due.pay(0)
    due.end_windows()
    due.minute()
    assert due.state == "balance_open", "and then they have the hours of an election to pay"
    late_by = due.terms(1).balance_due_at - presale.now(due.market).now
    assert late_by.total_seconds() > 47 * 3_600
    assert due.market.campaign(due.sale).balance_due_at >= due.terms(1).balance_due_at
    due.close_balance()
    assert due.states[0] == "balance_paid"


def test_other_items_are_not_offered_once_prices_are_final_and_waiting_is(due: Late) -> None:
    later = {"on": str(due.market.today + timedelta(days=10))}
    due.stop(0).minute()
    [shortage] = due.shortages()
    assert due.operator.put(f"/v1/shortages/{shortage.id}/later-lot", json=later).status_code == 200
    shown = due.buyers[0].get(f"/v1/orders/{due.orders[0]['id']}/election").json
    assert (shown["choices"], shown["other_items"]) == (["no_preference", "fewer", "refund", "wait"], [])


def test_everything_lost_with_balances_due_fails_the_campaign(due: Late) -> None:
    agreed = confirm(due.buyers[2], balance(due.buyers[2], due.orders[2]))
    for lot in range(8):
        due.stop(lot)
    due.minute()
    hail = {"cause": "force_majeure", "evidence": "hail"}
    assert due.operator.put(f"/v1/shortages/{due.shortages()[0].id}/cause", json=hail).status_code == 200
    due.end_windows()
    due.minute()
    assert (due.state, set(due.states)) == ("closed", {"cut"})
    assert [sum(minor for _, _, minor in due.owed(number)) for number in range(4)] == [
        1_000,
        2_000,
        3_000,
        9_400,
    ]
    assert due.market.stored(Payment, agreed["id"]).state == "canceled"


def test_a_campaign_given_up_with_a_case_open_pays_all_back_once(due: Late) -> None:
    due.stop(0).minute()
    gave_up = due.operator.post(f"{due.sale.url}/cancellation", json={"reason": "no trucks"})
    assert gave_up.status_code == 200
    due.end_windows()
    due.minute()
    assert (due.state, set(due.states)) == ("closed", {"released"})
    assert [sum(minor for _, _, minor in due.owed(number)) for number in range(4)] == [
        1_000,
        2_000,
        3_000,
        9_400,
    ]
    assert [each.state for each in due.shortages()] == ["electing"]


def test_a_second_loss_begins_where_the_first_ended(due: Late) -> None:
    for lot in range(2):
        due.stop(lot)
    due.minute().end_windows()
    after_one = due.boxes()
    due.stop(2).stop(3).minute()
    one, two = due.shortages()
    assert {number: each.boxes_before for number, each in due.cuts(one).items()} == {0: 1, 1: 2, 2: 3, 3: 2}
    due.end_windows()
    assert sum(due.boxes()) == 4
    assert [due.cuts(two)[number].boxes_before for number in range(4)] == after_one
    for number in range(4):
        terms = due.terms(number)
        assert terms.balance_boxes == due.boxes()[number]
    due.close_balance()


# Once balances are over.


def test_lost_after_the_balance_all_that_was_paid_goes_back_by_the_box(due: Late) -> None:
    for number in (0, 1):
        due.pay(number)
    due.close_balance()
    assert due.states == ["balance_paid", "balance_paid", "balance_defaulted", "balance_paid"]
    due.stop(0).stop(1).stop(2).minute()
    assert due.shortages() == [], "three boxes came back from who did not pay: nobody lacks one"
    due.stop(3).minute()
    [shortage] = due.shortages()
    assert (due.state, shortage.committed_boxes, shortage.supply_boxes) == ("balance_closed", 5, 4)
    due.end_windows()
    assert (due.state, sum(due.boxes())) == ("balance_closed", 4)
    [cut] = [each for each in due.cuts(shortage).values() if each.boxes_cut]
    assert (cut.refund_minor, cut.compensation_minor) == (4_700, 1_000)
    due.minute()
    assert len(due.shortages()) == 1


def test_paid_in_full_and_lost_late(of) -> None:
    found = of((1, 2, 3), ONE_EACH, **PAID_NOW)
    found.minute().minute()
    assert found.state == "balance_closed"
    found.stop(0).stop(1).minute().end_windows()
    assert (found.state, sum(found.boxes())) == ("balance_closed", 4)
    assert sum(minor for _, _, minor in [*found.owed(1), *found.owed(2)]) == 2 * 6_000 * 6 // 5


def test_everything_lost_after_the_balance_fails_the_campaign(of) -> None:
    found = of((1, 2), [(1, 0)] * 3, **PAID_NOW)
    found.minute().minute()
    for lot in range(3):
        found.stop(lot)
    found.minute().end_windows()
    found.minute()
    assert (found.state, found.states) == ("closed", ["cut", "cut"])


# With those who wait for a later lot.


def test_who_waits_is_out_of_what_is_lost_later_and_nobody_carries_the_same_boxes_twice(of) -> None:
    found = of((1, 2, 3), [(3, 0), (2, 1), (1, 1)]).stop(0).minute()
    [first] = found.shortages()
    later = {"on": str(found.market.today + timedelta(days=10))}
    assert found.operator.put(f"/v1/shortages/{first.id}/later-lot", json=later).status_code == 200
    assert found.choose(2, choice="wait").status_code == 200
    found.end_windows().open_balance()
    found.minute()
    assert len(found.shortages()) == 1, "what is owed from the later lot is not missed again"
    found.stop(2).minute()
    two = found.shortages()[1]
    assert (two.committed_boxes, two.supply_boxes) == (3, 2)
    assert [(each.code, each.pledged_boxes - each.there_boxes) for each in two.standings] == [
        ("YJ01", 0),
        ("YJ02", 1),
    ]
    assert_refused(found.choose(2, choice="refund"), 410, "election_closed")
    assert [len(told(buyer, "shortage_election")) for buyer in found.buyers] == [2, 2, 1]
    found.end_windows()
    assert found.boxes() == [1, 1, 3]
    assert set(found.cuts(two)) == {0, 1}
    assert [each.carried_boxes for each in found.shortages()[1].standings] == [0, 1]
    # It is served, and its fruit lost, and it may wait once more.
    found.market.lot(3, cooperative=2)
    served = found.operator.post(
        f"/v1/shortages/{first.id}/servings",
        json={"cooperative_id": str(found.market.cooperative_ids[2]), "boxes": 3},
    )
    assert served.status_code == 201, served.json
    found.check()


def test_who_was_served_may_wait_again(of) -> None:
    found = of((1, 2), [(2, 0), (1, 0)]).stop(0).minute()
    later = {"on": str(found.market.today + timedelta(days=10))}
    url = f"/v1/shortages/{found.shortages()[0].id}"
    assert found.operator.put(f"{url}/later-lot", json=later).status_code == 200
    assert found.choose(1, choice="wait").status_code == 200
    found.end_windows()
    lot = found.market.lot(2, cooperative=1)
    body = {"cooperative_id": str(found.market.cooperative_ids[1]), "boxes": 2}
    assert found.operator.post(f"{url}/servings", json=body).status_code == 201
    found.recall(lot)
    found.minute()
    two = found.shortages()[1]
    assert found.operator.put(f"/v1/shortages/{two.id}/later-lot", json=later).status_code == 200
    assert found.choose(1, choice="wait").status_code == 200
    found.end_windows()
    shown = found.buyers[1].get(f"/v1/orders/{found.orders[1]['id']}/election").json
    assert (shown["shortage_id"], shown["wait"]["state"]) == (str(two.id), "waiting")


# When it may not open.


def test_what_is_lost_while_balances_are_opened_is_seen_to_after_that(
    of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.opening.BATCH", 2)
    found = of((1, 2, 3), ONE_EACH)
    presale.let_pass(found.market, found.sale, hours=24)
    presale.open_balance(found.market, found.sale)
    assert (found.state, found.states.count("balance_due")) == ("harvested", 2)
    found.stop(0)
    with found.market.unchanged():
        assert_refused(found.operator.post(f"{found.sale.url}/shortages", json={}), 409, "state")
    jobs.work(found.market.app, once=True)
    assert (found.state, found.shortages()) == ("balance_open", [])
    found.minute()
    assert len(found.shortages()) == 1
    found.end_windows()
    assert sum(found.boxes()) == 5


def test_what_is_lost_while_balances_are_closed_is_seen_to_after_that(
    of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.closing.BATCH", 2)
    found = of((1, 2, 3), ONE_EACH).open_balance()
    found.pay(2)
    presale.let_pass(found.market, found.sale, hours=144)
    presale.close_balance(found.market, found.sale)
    assert (found.state, found.states.count("balance_defaulted")) == ("balance_open", 2)
    for lot in range(4):
        found.stop(lot)
    with found.market.unchanged():
        assert_refused(found.operator.post(f"{found.sale.url}/shortages", json={}), 409, "state")
    found.minute()
    assert found.state == "balance_closed"
    found.minute()
    [shortage] = found.shortages()
    assert (shortage.committed_boxes, shortage.supply_boxes) == (3, 2)


def test_a_case_of_nobody_that_is_known(of, operator: Caller) -> None:
    missing = operator.post(f"/v1/campaigns/{uuid.uuid4()}/shortages", json={})
    assert_refused(missing, 404, "campaign_not_found")


def test_no_balance_is_opened_by_anybody_with_a_case_open(of) -> None:
    found = of((1, 2, 3), ONE_EACH).stop(0).minute()
    presale.let_pass(found.market, found.sale, hours=24)
    with found.market.unchanged(), pytest.raises(ShortageOpen):
        presale.open_balance(found.market, found.sale)
    found.minute()
    with database.reading() as session:
        assert session.scalars(select(Payment).where(Payment.purpose == "balance")).all() == []
