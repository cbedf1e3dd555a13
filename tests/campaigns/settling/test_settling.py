"""From delivered boxes to what each cooperative is to be paid, by the doors: the example, forfeits, retention."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from marketplace import database
from marketplace.access import Role
from marketplace.ledger import ledger, reading
from marketplace.ledger.rules import Account, Owner
from orders.settlements import standing
from orders.settlements.models import Retention, Settlement
from tests.builders import Market, assert_refused
from tests.campaigns.inbox import told
from tests.campaigns.settling import scene
from tests.campaigns.settling.scene import done
from tests.house import Caller
from tests.orders.life import Quiet


def books() -> dict[str, int]:
    """The balance of each code, on its own side; what stands at nothing is left out."""
    with database.reading() as session:
        return {
            line.code: line.balance_minor for line in reading.trial_balance(session) if line.balance_minor
        }


def payable(market: Market, cooperative: int, currency: str = "CNY") -> int:
    owner = Owner(kind="cooperative", id=market.cooperative_ids[cooperative])
    with database.reading() as session:
        return ledger.available_minor(session, Account(code="coop_payable", currency=currency, owner=owner))


def test_the_example_of_7400_fen_to_what_is_payable(market: Market, operator: Caller) -> None:
    """Two boxes at 52 yuan, one from each of two cooperatives; 4 % of commission, 5 % kept back."""
    made = scene.presold(market, operator)
    assert books() == {"psp_clearing": 9_400, "promo_expense": 1_000, "order_liability": 10_400}
    until = (market.today + timedelta(days=180)).isoformat()
    made.proposed(retention_permille=50, retained_until=until)
    assert books()["order_liability"] == 10_400, "nothing is booked before it is final"
    for cooperative in (0, 1):
        assert made.lines(cooperative) == [("goods", 5_200), ("commission", -208), ("retained", -249)]
        found = made.accept(cooperative)
        assert (found["state"], found["payout_minor"]) == ("final", 4_743)
        assert payable(market, cooperative) == 4_743
    assert books() == {
        "psp_clearing": 9_400,
        "promo_expense": 1_000,
        "commission_income": 416,
        "coop_payable": 2 * 4_743,
        "coop_retention": 2 * 249,
    }


def test_forfeits_are_payable_already_and_paid_with_the_settlement(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator, pledged=(2, 3), orders=(2,), defaulting=(3,))
    made.proposed()
    sums = [dict(made.lines(each)) for each in (0, 1)]
    assert sum(each.get("forfeit", 0) for each in sums) == 3_000
    for cooperative in (0, 1):
        payout = made.accept(cooperative)["payout_minor"]
        assert payable(market, cooperative) == payout == sum(sums[cooperative].values())
    assert "order_liability" not in books()


def test_what_is_drafted_again_is_computed_again_and_nothing_else(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator)
    assert done(made.draft())["drafted"] == 2
    assert done(made.draft())["drafted"] == 0, "nothing has changed"
    assert done(made.draft(commission_bps=500))["drafted"] == 2
    assert made.lines(0) == [("goods", 5_200), ("commission", -260)]
    done(made.step(0, "proposal"))
    assert done(made.draft(commission_bps=0))["drafted"] == 1
    assert (made.lines(0)[1], made.lines(1)) == (("commission", -260), [("goods", 5_200)])


def test_nothing_is_settled_while_claims_may_come(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator)
    text_of = text("UPDATE \"order\" SET state = 'delivered' WHERE state = 'closed'")
    database.transact(lambda session: session.execute(text_of))
    found = assert_refused(made.draft(), 409, "claims_open")
    assert found["orders"] == 1
    assert_refused(operator.post(f"{made.url}/proposal"), 409, "claims_open")


def test_a_campaign_that_is_not_completed_is_not_settled(market: Market, operator: Caller) -> None:
    sale = market.on_sale(3)
    assert_refused(operator.post(f"{sale.url}/settlements", json=scene.TERMS), 409, "state")


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"retention_permille": 50}, "/retained_until"),
        ({"retained_until": "2027-05-31"}, "/retained_until"),
        ({"fees": 2 * [{"name": "p", "beneficiary": "x", "currency": "CNY", "per_box_minor": 1}]}, "/fees"),
    ],
)
def test_terms_that_say_nothing_clear_are_refused(
    market: Market, operator: Caller, terms: dict[str, Any], pointer: str
) -> None:
    sale = market.on_sale(3)
    refused = operator.post(f"{sale.url}/settlements", json={**scene.TERMS, **terms})
    assert assert_refused(refused, 422, "invalid")["errors"][0]["pointer"] == pointer


def test_terms_that_take_too_much_and_days_that_are_over_are_refused(
    market: Market, operator: Caller
) -> None:
    made = scene.presold(market, operator)
    fee = {"name": "packing", "beneficiary": "Packers", "currency": "CNY", "per_box_minor": 5_000}
    assert_refused(made.draft(fees=[fee]), 422, "terms_take_too_much")
    past = {"retention_permille": 50, "retained_until": market.today.isoformat()}
    assert_refused(made.draft(**past), 422, "retention_in_the_past")
    assert made.count() == 0


def test_a_fee_is_owed_to_who_gives_the_service(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator)
    fees = [
        {"name": "packing", "beneficiary": "Packers", "currency": "CNY", "per_box_minor": 150},
        {"name": "packing", "beneficiary": "Packers", "currency": "USD", "per_box_minor": 99},
    ]
    made.proposed(fees=fees)
    assert made.lines(0) == [("goods", 5_200), ("commission", -208), ("fee", -150)]
    made.accept(0)
    assert (books()["service_payable"], payable(market, 0)) == (150, 4_842)


def test_a_member_sees_only_its_own_and_only_what_is_proposed(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).drafted()
    mine, other = made.members[0], made.members[1]
    url = f"/v1/settlements/{made.of(0)['id']}"
    assert done(mine.get("/v1/settlements"))["items"] == []
    assert_refused(mine.get(url), 404, "settlement_not_found")
    done(made.step(0, "proposal"))
    assert [each["id"] for each in done(mine.get("/v1/settlements"))["items"]] == [made.of(0)["id"]]
    for path in ("", "/statement", "/statement.html", "/statement.csv", "/moves", "/late-refunds"):
        assert mine.get(url + path).status_code == 200
        assert_refused(other.get(url + path), 404, "settlement_not_found")
    assert_refused(
        other.post(f"{url}/acceptance", json={"digest": made.of(0)["digest"]}), 404, "settlement_not_found"
    )


def test_an_objection_is_answered_and_the_settlement_final(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    [notice] = told(made.members[0], "settlement_proposed")
    assert notice["payout"]["minor"] == 4_992
    objected = done(made.object_to(0, "one box more was delivered"))
    assert (objected["state"], objected["objection"]) == ("objected", "one box more was delivered")
    assert_refused(made.object_to(0), 409, "settlement_state")
    answered = done(made.step(0, "dismissal", answer="one box was weighed and packed"))
    assert (answered["state"], answered["answer"]) == ("final", "one box was weighed and packed")
    assert told(made.members[0], "settlement_dismissed")[0]["answer"]["en"] == answered["answer"]
    moves = done(operator.get(f"/v1/settlements/{answered['id']}/moves"))["items"]
    assert [(each["event"], each["after"]) for each in moves] == [
        ("draft", "draft"),
        ("propose", "proposed"),
        ("object", "objected"),
        ("dismiss", "final"),
    ]


def test_an_objection_that_is_right_begins_anew(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    before = made.of(0)
    done(made.object_to(0, "the commission is 3 %"))
    revised = done(made.step(0, "revision", answer="so it is"))
    assert (revised["state"], revised["proposed_at"]) == ("draft", None)
    assert_refused(made.members[0].get(f"/v1/settlements/{before['id']}"), 404, "settlement_not_found")
    done(made.draft(commission_bps=300))
    done(made.step(0, "proposal"))
    assert made.lines(0) == [("goods", 5_200), ("commission", -156)]
    stale = {"digest": before["digest"]}
    assert_refused(made.step(0, "acceptance", by=made.members[0], **stale), 409, "statement_changed")
    assert made.accept(0)["payout_minor"] == 5_044
    assert len(told(made.members[0], "settlement_proposed")) == 2
    assert len(told(made.members[0], "settlement_withdrawn")) == 1


def test_a_proposal_is_withdrawn_with_a_reason(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    assert done(made.step(0, "withdrawal", reason="a fee was forgotten"))["state"] == "draft"
    assert_refused(made.step(0, "withdrawal", reason="again"), 409, "settlement_state")
    assert_refused(made.step(0, "dismissal", answer="no"), 409, "settlement_state")
    assert_refused(made.step(0, "revision", answer="no"), 409, "settlement_state")


def test_silence_makes_it_final_when_its_days_are_over(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed(objection_days=3)
    scene.let_pass(days=3, minutes=-1)
    assert scene.lapse(market) == 0
    scene.let_pass(minutes=2)
    assert scene.lapse(market) == 2
    assert [made.of(each)["state"] for each in (0, 1)] == ["final", "final"]
    assert len(told(made.members[1], "settlement_final")) == 1
    assert scene.lapse(market) == 0
    with database.reading() as session:
        found = standing.of(session, made.sending.sale.campaign_id)
    assert (found.count, found.all_final, found.all_paid, found.open_ids) == (2, True, False, ())


def test_it_is_too_late_to_object_though_nobody_has_looked_yet(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    scene.let_pass(days=7)
    assert_refused(made.object_to(0), 410, "objections_over")


def test_nothing_stands_for_a_campaign_without_settlements(market: Market) -> None:
    with database.reading() as session:
        found = standing.of(session, market.cooperative_ids[0])
    assert (found.count, found.all_final, found.all_paid) == (0, False, False)


def test_what_is_kept_back_is_released_by_the_next_settlement(market: Market, operator: Caller) -> None:
    """Of two campaigns of one cooperative only one is looked at; the second begins with what the first left."""
    until = (market.today + timedelta(days=1)).isoformat()
    first = scene.presold(market, operator, pledged=(2,))
    second = scene.presold(market, operator, pledged=(2,))
    first.proposed(retention_permille=50, retained_until=until)
    second.drafted(retention_permille=50, retained_until=until)
    refused = assert_refused(second.step(0, "proposal"), 409, "account_in_use")
    assert refused["number"] == first.of(0)["number"]
    waiting = done(operator.post(f"{second.url}/proposal"))
    assert (waiting["proposed"], waiting["waiting"]) == (0, [second.of(0)["number"]])
    first.accept(0)
    database.transact(
        lambda session: session.execute(text("UPDATE retention SET until = :day"), {"day": market.today})
    )
    done(operator.post(f"{second.url}/proposal"))
    lines = second.lines(0)
    assert lines == [("goods", 10_400), ("commission", -416), ("released", 499), ("retained", -499)]
    second.accept(0)
    with database.reading() as session:
        kept = session.scalars(select(Retention).order_by(Retention.settlement_id)).all()
    assert [(each.kept_minor, each.left_minor) for each in kept] == [(499, 0), (499, 499)]
    assert payable(market, 0) == first.of(0)["payout_minor"] + second.of(0)["payout_minor"]


def test_everybody_may_read_what_is_theirs_as_page_table_and_paper(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    url = f"/v1/settlements/{made.of(0)['id']}/statement"
    page = made.members[0].get(f"{url}.html", headers={"Accept-Language": "zh"})
    assert "应付金额" in page.text and "52.00 × 400 / 10000 = 2.08" in page.text
    english = made.members[0].get(f"{url}.html", headers={"Accept-Language": "en"})
    assert "Payout" in english.text and "49.92" in english.text
    table = made.members[0].get(f"{url}.csv")
    assert table.data.startswith(b"\xef\xbb\xbf") and b"4992" in table.data
    paper = made.members[0].get(f"{url}.pdf")
    assert (paper.status_code, paper.data[:5]) == (200, b"%PDF-")


def test_a_payout_is_parted_over_growers_to_the_unit(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator, pledged=(2,)).proposed()
    url = f"/v1/settlements/{made.of(0)['id']}/pay-sheet"
    mine = Quiet.of(made.members[0])
    box = {"item": "FUJI-A-5", "grade": "A", "unit_price_minor": 5_200, "boxes": 1}
    growers = [{"id": each, "name": f"户{each}", "brought": [box]} for each in "ab"]
    sheet = done(mine.post(url, json={"growers": growers, "kept_minor": 1}))
    assert (sheet["payout_minor"], sheet["parted_minor"]) == (9_984, 9_983)
    assert sorted(each["amount_minor"] for each in sheet["pays"]) == [4_991, 4_992]
    table = mine.post(f"{url}.csv", json={"growers": growers})
    assert table.status_code == 200 and "户a".encode() in table.data
    assert_refused(mine.post(url, json={"growers": growers[:1]}), 409, "growers_do_not_match")
    twice = {"growers": [growers[0], growers[0]]}
    assert_refused(mine.post(url, json=twice), 422, "growers_not_allowed")
    assert_refused(made.members[1].post(url, json={"growers": growers}), 404, "settlement_not_found")


def test_an_auditor_reads_and_changes_nothing(market: Market, operator: Caller, as_role: Any) -> None:
    made = scene.presold(market, operator).drafted()
    auditor = as_role(Role.AUDITOR)
    url = f"/v1/settlements/{made.of(0)['id']}"
    assert done(auditor.get(url))["state"] == "draft"
    assert auditor.post(f"{url}/proposal").status_code == 403


def test_who_is_no_draft_any_more_says_what_was_proposed(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    with database.reading() as session:
        told_before = session.scalars(select(Settlement.told)).all()
    done(made.draft(commission_bps=0))
    with database.reading() as session:
        assert session.scalars(select(Settlement.told)).all() == told_before
