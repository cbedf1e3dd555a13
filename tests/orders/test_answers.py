"""What follows a proposed bulk order: approval, answers, silence, second splits, departures, shortfall, the end.

The market's fixture checks every invariant of every module when a test ends.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from inventory.models import Lot
from inventory.quality import quality
from marketplace import database
from marketplace.access import Role
from marketplace.jobs import queue, worker
from marketplace.jobs.models import StoredJob
from orders.models import Share
from tests.builders import PACK_GRAMS, PRICE_MINOR, Market, assert_refused, broken
from tests.house import Caller
from tests.orders import life as lives
from tests.orders.life import WHY, Life, as_owner, held_by_lot, lapse, season_grams

Place = Callable[..., Life]


@pytest.fixture
def members(market: Market) -> tuple[Caller, ...]:
    return lives.members_of(market)


@pytest.fixture
def place(market: Market, buyer: Caller, operator: Caller, members: tuple[Caller, ...]) -> Place:
    return lambda boxes, **changes: lives.place(market, buyer, operator, members, boxes, **changes)


@pytest.fixture
def life(market: Market, place: Place) -> Life:
    """Twelve boxes over three cooperatives with 20 boxes each: 2, 4 and 6 of them."""
    for cooperative in range(3):
        market.lot(20, cooperative=cooperative, code=f"L-{cooperative + 1}")
    made = place(12)
    assert made.states() == {
        (1, "YJ01"): ("proposed", 2),
        (1, "YJ02"): ("proposed", 4),
        (1, "YJ03"): ("proposed", 6),
    }
    return made


@pytest.fixture
def tight(market: Market, place: Place) -> Life:
    """Twelve boxes that are all there are: 4 of each cooperative."""
    for cooperative in range(3):
        market.lot(4, cooperative=cooperative)
    return place(12)


def owed_by_lot(market: Market, *lot_ids: uuid.UUID) -> list[tuple[int, int]]:
    """The boxes of each lot that are held, and that are committed."""
    found = [market.stored(Lot, lot_id) for lot_id in lot_ids]
    return [(lot.held_grams // PACK_GRAMS, lot.committed_grams // PACK_GRAMS) for lot in found]


# Approval


def test_an_approved_order_asks_its_cooperatives_for_48_hours(life: Life) -> None:
    response = life.approve()
    assert (response.status_code, response.json["order"]["state"]) == (200, "approved")
    assert life.states() == {
        (1, "YJ01"): ("offered", 2),
        (1, "YJ02"): ("offered", 4),
        (1, "YJ03"): ("offered", 6),
    }
    for share in life.shares().values():
        due = life.market.stored(Share, share["id"]).answer_due_at
        assert due is not None
        assert timedelta(hours=47.9) < due - life.market.ctx.now < timedelta(hours=48.1)
    assert "bulk_order.approved" in life.market.actions(response)


def test_the_time_to_answer_is_the_orders(market: Market, place: Place) -> None:
    market.lot(20)
    life = place(5, answer_hours=3).approved()
    [share] = [each for each in life.shares().values() if each["state"] == "offered"]
    due = market.stored(Share, share["id"]).answer_due_at
    assert due is not None
    assert due - market.ctx.now < timedelta(hours=3.1)


def test_an_order_is_approved_once(life: Life) -> None:
    life.approved()
    with life.market.unchanged():
        assert assert_refused(life.approve(), 409, "state")
    for code in ("YJ01", "YJ02", "YJ03"):
        life.done(life.confirm(code))
    with life.market.unchanged():
        assert_refused(life.approve(), 409, "state")


def test_only_operators_approve_and_let_cooperatives_go(life: Life, anyone: Caller, as_role: Any) -> None:
    departure = {**WHY, "cooperative_id": str(life.market.cooperative_ids[0])}
    for ending, body in (("approval", None), ("departures", departure)):
        url = f"{life.url}/{ending}"
        assert_refused(anyone.post(url, json=body), 401, "unauthenticated")
        for caller in (life.buyer, life.members[0], as_role(Role.AUDITOR), as_role(Role.SHOPPER)):
            assert_refused(caller.post(url, json=body), 403, "forbidden")
        missing = life.operator.post(f"/v1/bulk-orders/{uuid.uuid4()}/{ending}", json=body)
        assert_refused(missing, 404, "order_not_found")


TAMPERED = {
    "a forged share": "UPDATE allocation_run SET result = jsonb_set(result, '{sellers,0,packs}', '3')",
    "another history": "UPDATE allocation_run SET problem = jsonb_set(problem, '{sellers,0,history_grams}', '7')",
    "another digest": f"UPDATE allocation_run SET digest = '{'0' * 64}'",
    "an unreadable problem": "UPDATE allocation_run SET problem = '{}'",
    "an unreadable result": "UPDATE allocation_run SET result = '[]'",
    "shares that swapped": "UPDATE share SET boxes = 6 - boxes WHERE code <> 'YJ03'",
}


@pytest.mark.parametrize("tampered", TAMPERED)
def test_a_stored_split_that_was_tampered_with_is_not_approved(life: Life, tampered: str) -> None:
    as_owner(life.market, "CREATE TABLE kept_run AS SELECT * FROM allocation_run")
    as_owner(life.market, "CREATE TABLE kept_share AS SELECT * FROM share")
    try:
        assert as_owner(life.market, TAMPERED[tampered]) > 0
        with life.market.unchanged():
            refusal = assert_refused(life.approve(), 409, "run_not_proved")
        assert refusal["violations"]
        assert life.market.stored(Share, _any_share(life)).state == "proposed"
    finally:
        as_owner(
            life.market,
            "UPDATE allocation_run r SET problem = k.problem, result = k.result, digest = k.digest FROM kept_run k",
        )
        as_owner(
            life.market,
            "UPDATE share s SET boxes = k.boxes, quantity_grams = k.quantity_grams FROM kept_share k WHERE k.id = s.id",
        )
        as_owner(life.market, "DROP TABLE kept_run")
        as_owner(life.market, "DROP TABLE kept_share")
    life.approved()


def _any_share(life: Life) -> str:
    return life.members[0].get("/v1/shares").json["items"][0]["id"]


# Answers


def test_when_all_confirm_the_order_is_committed(life: Life) -> None:
    life.approved()
    for code in ("YJ01", "YJ02"):
        response = life.confirm(code)
        assert response.json["state"] == "confirmed"
        assert "share.confirmed" in life.market.actions(response)
        assert life.state == "approved"
    life.done(life.confirm("YJ03"))
    assert life.state == "committed"
    assert season_grams(life.market) == {
        "YJ01": 2 * PACK_GRAMS,
        "YJ02": 4 * PACK_GRAMS,
        "YJ03": 6 * PACK_GRAMS,
    }


def test_a_share_confirmed_by_its_number_of_boxes_is_confirmed_whole(life: Life) -> None:
    life.approved().done(life.confirm("YJ03", 6))
    assert life.states()[1, "YJ03"] == ("confirmed", 6)


def test_a_share_confirmed_in_part_gives_the_rest_to_others(life: Life) -> None:
    """Whoever said how many it has is not asked for more; accepted shares stay as they are."""
    life.approved().done(life.confirm("YJ03", 2))
    life.done(life.confirm("YJ01"))
    assert life.state == "approved"
    life.done(life.confirm("YJ02"))
    states = life.states()
    assert {where: states[where] for where in states if where[0] == 1} == {
        (1, "YJ01"): ("confirmed", 2),
        (1, "YJ02"): ("confirmed", 4),
        (1, "YJ03"): ("confirmed", 2),
    }
    assert sum(boxes for (run, _), (_, boxes) in states.items() if run == 2) == 4
    assert (2, "YJ03") not in states
    for run, code in list(states):
        if run == 2:
            life.done(life.confirm(code, run=2))
    assert life.state == "committed"
    assert season_grams(life.market)["YJ03"] == 2 * PACK_GRAMS


def test_a_second_split_counts_what_was_accepted_as_sold(life: Life) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.confirm("YJ02")).done(life.decline("YJ03"))
    second = life.seen()["runs"][1]["problem"]
    assert {seller["id"]: seller["history_grams"] for seller in second["sellers"]} == {
        "YJ01": 2 * PACK_GRAMS,
        "YJ02": 4 * PACK_GRAMS,
    }
    assert {seller["id"]: seller["cap_packs"] for seller in second["sellers"]} == {"YJ01": 18, "YJ02": 16}
    states = life.states()
    assert (states[1, "YJ01"], states[1, "YJ02"]) == (("confirmed", 2), ("confirmed", 4))
    assert (states[2, "YJ01"], states[2, "YJ02"]) == (("offered", 2), ("offered", 4))


def test_a_third_split_asks_nobody_who_refused_in_the_first_or_second(life: Life) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.confirm("YJ02")).done(life.decline("YJ03"))
    life.done(life.confirm("YJ01", run=2)).done(life.decline("YJ02", run=2))
    third = life.seen()["runs"][2]
    assert [seller["id"] for seller in third["problem"]["sellers"]] == ["YJ01"]
    assert life.states()[3, "YJ01"] == ("offered", 4)
    assert life.states()[1, "YJ02"] == ("confirmed", 4)
    life.done(life.confirm("YJ01", run=3))
    assert life.state == "committed"
    assert season_grams(life.market) == {"YJ01": 8 * PACK_GRAMS, "YJ02": 4 * PACK_GRAMS, "YJ03": 0}


def test_a_refused_share_tells_why_and_holds_nothing(life: Life) -> None:
    response = life.approved().decline("YJ01")
    assert (response.json["state"], response.json["boxes_kept"]) == ("declined", 0)
    assert (response.json["reason"], response.json["boxes"]) == ("rain", 2)
    assert held_by_lot(life.market, response.json["id"]) == {}
    assert {"share.declined", "share.give_back", "hold.release"} <= life.market.actions(response)


@pytest.mark.parametrize("counts", [False, True])
def test_refusals_count_in_the_season_if_the_order_says_so(
    market: Market, place: Place, counts: bool
) -> None:
    for cooperative in range(3):
        market.lot(20, cooperative=cooperative)
    life = place(12, refusals_count=counts).approved()
    life.done(life.decline("YJ03")).done(life.confirm("YJ01")).done(life.confirm("YJ02", 1))
    assert season_grams(market)["YJ03"] == (6 * PACK_GRAMS if counts else 0)
    assert season_grams(market)["YJ02"] == (4 if counts else 1) * PACK_GRAMS
    market.lot(40, cooperative=2)
    again = place(6, season="2026-27").seen()["runs"][0]["problem"]["sellers"]
    assert again[2]["history_grams"] == (6 * PACK_GRAMS if counts else 0)


def test_fruit_that_is_not_there_after_all_never_counts(market: Market, place: Place) -> None:
    for cooperative in range(3):
        market.lot(20, cooperative=cooperative)
    life = place(12, refusals_count=True).committed()
    life.done(life.reduce("YJ03", 5))
    assert season_grams(market)["YJ03"] == PACK_GRAMS
    life.done(life.leave("YJ03"))
    assert season_grams(market)["YJ03"] == 0


def answers_of(life: Life, share_url: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{share_url}/confirmation", {}),
        (f"{share_url}/confirmation", {"boxes": 1}),
        (f"{share_url}/refusal", WHY),
        (f"{share_url}/reduction", {**WHY, "boxes": 1}),
    ]


def test_nobody_answers_before_the_approval(life: Life) -> None:
    with life.market.unchanged():
        for url, body in answers_of(life, life.share_url("YJ01")):
            assert_refused(life.members[0].post(url, json=body), 409, "share_state")


def test_nobody_answers_twice(life: Life) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.decline("YJ02"))
    with life.market.unchanged():
        for answer in (
            life.confirm("YJ01"),
            life.decline("YJ01"),
            life.confirm("YJ02"),
            life.decline("YJ02"),
        ):
            assert_refused(answer, 409, "share_state")
        assert_refused(life.reduce("YJ02", 1), 409, "share_state")
        assert_refused(life.reduce("YJ03", 1), 409, "share_state")


def test_nobody_promises_more_than_the_share(life: Life) -> None:
    life.approved()
    with life.market.unchanged():
        refusal = assert_refused(life.confirm("YJ01", 3), 409, "more_than_its_share")
    assert (refusal["share_boxes"], refusal["asked_boxes"]) == (2, 3)
    life.done(life.confirm("YJ01"))
    with life.market.unchanged():
        refusal = assert_refused(life.reduce("YJ01", 3), 409, "more_than_its_share")
    assert (refusal["share_boxes"], refusal["asked_boxes"]) == (2, 3)


def test_an_answer_after_its_time_is_refused_even_before_the_clock_writes_it_down(life: Life) -> None:
    life.approved().let_time_pass()
    with life.market.unchanged():
        for answer in (life.confirm("YJ01"), life.confirm("YJ01", 1), life.decline("YJ01")):
            assert assert_refused(answer, 410, "answer_too_late")["answer_due_at"]


def test_a_share_without_boxes_has_nothing_to_answer(market: Market, place: Place) -> None:
    market.lot(20)
    life = place(3).approved()
    with market.unchanged():
        for url, body in answers_of(life, life.share_url("YJ02")):
            assert_refused(life.members[1].post(url, json=body), 409, "share_state")


def test_foreign_and_missing_shares_look_alike(life: Life, anyone: Caller, as_role: Any) -> None:
    life.approved()
    others = (life.buyer, as_role(Role.AUDITOR), as_role(Role.SHOPPER))
    with life.market.unchanged():
        for share_url in (life.share_url("YJ01"), f"/v1/shares/{uuid.uuid4()}"):
            for url, body in answers_of(life, share_url):
                assert_refused(life.members[1].post(url, json=body), 404, "share_not_found")
                assert_refused(anyone.post(url, json=body), 401, "unauthenticated")
                for caller in others:
                    assert_refused(caller.post(url, json=body), 403, "forbidden")


def test_an_operator_answers_for_a_cooperative(life: Life) -> None:
    url = life.approved().share_url("YJ01")
    assert life.operator.post(f"{url}/confirmation", json={}).json["state"] == "confirmed"
    reduced = life.operator.post(f"{url}/reduction", json={**WHY, "boxes": 1})
    assert reduced.json["boxes_kept"] == 1
    declined = life.operator.post(f"{life.share_url('YJ02')}/refusal", json=WHY)
    assert declined.json["state"] == "declined"


@pytest.mark.parametrize(
    ("ending", "body"),
    [
        ("confirmation", {"boxes": 0}),
        ("confirmation", {"boxes": -1}),
        ("confirmation", {"boxes": 1.0}),
        ("confirmation", {"boxes": "1"}),
        ("confirmation", {"boxes": 10**7}),
        ("confirmation", {"crates": 1}),
        ("refusal", {}),
        ("refusal", {"reason": ""}),
        ("refusal", {"reason": "a\nb"}),
        ("reduction", {"reason": "rot"}),
        ("reduction", {"reason": "rot", "boxes": 0}),
        ("reduction", {"boxes": 1}),
    ],
)
def test_a_malformed_answer_is_refused(life: Life, ending: str, body: dict[str, Any]) -> None:
    url = life.approved().share_url("YJ01")
    with life.market.unchanged():
        assert_refused(life.members[0].post(f"{url}/{ending}", json=body), 422, "invalid")


@pytest.mark.parametrize(
    ("ending", "body"),
    [
        ("cancellation", {}),
        ("cancellation", {"reason": " "}),
        ("departures", WHY),
        ("departures", {**WHY, "cooperative_id": "YJ01"}),
    ],
)
def test_a_malformed_word_on_an_order_is_refused(life: Life, ending: str, body: dict[str, Any]) -> None:
    with life.market.unchanged():
        assert_refused(life.operator.post(f"{life.url}/{ending}", json=body), 422, "invalid")


def test_an_answer_sent_twice_under_one_key_is_one_answer(life: Life) -> None:
    url, key = f"{life.approved().share_url('YJ03')}/confirmation", str(uuid.uuid4())
    first, second = (life.member("YJ03").post(url, json={"boxes": 2}, key=key) for _ in range(2))
    assert (first.json, second.headers["Idempotent-Replayed"]) == (second.json, "true")
    assert life.seen()["terms"]["boxes_open"] == 4


def test_members_see_their_own_shares_and_staff_all(life: Life, as_role: Any) -> None:
    for code, member in zip(("YJ01", "YJ02", "YJ03"), life.members, strict=True):
        assert [each["code"] for each in member.get("/v1/shares").json["items"]] == [code]
    for caller in (life.operator, as_role(Role.AUDITOR)):
        assert len(caller.get("/v1/shares").json["items"]) == 3
    assert as_role(Role.COOPERATIVE).get("/v1/shares").json["items"] == []
    assert_refused(life.buyer.get("/v1/shares"), 403, "forbidden")
    page = life.operator.get("/v1/shares?limit=2").json
    rest = life.operator.get(f"/v1/shares?limit=2&cursor={page['next_cursor']}").json
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)


# Silence


def test_silence_declines_unless_the_order_says_otherwise(life: Life) -> None:
    life.approved().done(life.confirm("YJ01"))
    assert lapse(life.market) == 0
    life.let_time_pass()
    assert lapse(life.market) == 2
    states = life.states()
    assert (states[1, "YJ02"], states[1, "YJ03"]) == (("lapsed", 0), ("lapsed", 0))
    assert life.shares()[1, "YJ02"]["reason"] == "no answer"
    assert states[2, "YJ01"] == ("offered", 10)
    assert lapse(life.market) == 0
    with life.market.unchanged():
        assert_refused(life.confirm("YJ02"), 409, "share_state")


def test_silence_confirms_if_the_order_says_so(market: Market, place: Place) -> None:
    for cooperative in range(3):
        market.lot(20, cooperative=cooperative)
    life = place(12, silence="confirms", answer_hours=1).approved()
    life.done(life.confirm("YJ01"))
    assert lapse(market, market.later(minutes=59)) == 0
    life.let_time_pass()
    assert lapse(market) == 2
    assert set(life.states().values()) == {("confirmed", 2), ("confirmed", 4), ("confirmed", 6)}
    assert life.state == "committed"


def test_when_all_are_silent_nobody_is_left(life: Life) -> None:
    life.approved().let_time_pass()
    assert lapse(life.market) == 3
    assert (life.state, life.seen()["terms"]["boxes_short"]) == ("short", 12)
    assert season_grams(life.market) == {"YJ01": 0, "YJ02": 0, "YJ03": 0}


def test_a_lapsed_second_split_goes_to_a_third(life: Life) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.confirm("YJ02")).done(life.decline("YJ03"))
    life.done(life.confirm("YJ02", run=2)).let_time_pass()
    assert lapse(life.market) == 1
    assert life.states()[2, "YJ01"] == ("lapsed", 0)
    assert life.states()[3, "YJ02"] == ("offered", 2)


def test_the_clocks_jobs_end_the_silence_of_each_order_by_itself(market: Market, place: Place) -> None:
    for cooperative in range(3):
        market.lot(20, cooperative=cooperative)
    life, other, answered = (place(6).approved() for _ in range(3))
    for _, code in answered.states():
        answered.done(answered.confirm(code))
    life.let_time_pass()
    jobs = market.app.extensions["jobs"]
    lives.enqueue(market, "orders.lapse_shares")
    while worker.run_next(market.app, jobs):
        pass
    assert [each.state for each in (life, other, answered)] == ["short", "short", "committed"]
    with database.reading() as session:
        names = session.scalars(select(StoredJob.name).where(StoredJob.name.like("orders.lapse%"))).all()
    assert len(names) == 3
    assert queue.known("orders.lapse_order").cron is None


# Reduction


def test_confirmed_boxes_that_are_taken_back_are_split_again(life: Life) -> None:
    life.committed()
    response = life.reduce("YJ03", 2)
    assert (response.json["state"], response.json["boxes_kept"], response.json["reason"]) == (
        "confirmed",
        4,
        "rain",
    )
    assert life.state == "approved"
    second = {code: state for (run, code), state in life.states().items() if run == 2}
    assert sum(boxes for _, boxes in second.values()) == 2
    assert "YJ03" not in second
    for code in second:
        life.done(life.confirm(code, run=2))
    assert life.state == "committed"


def test_a_share_taken_back_wholly_is_declined(life: Life) -> None:
    life.committed().done(life.reduce("YJ01", 2))
    assert life.states()[1, "YJ01"] == ("declined", 0)
    assert (life.state, season_grams(life.market)["YJ01"]) == ("approved", 0)


def test_a_reduction_while_others_are_asked_waits_for_them(life: Life) -> None:
    life.approved().done(life.confirm("YJ03")).done(life.reduce("YJ03", 1))
    assert (life.state, life.seen()["terms"]["boxes_open"], len(life.seen()["runs"])) == ("approved", 1, 1)
    life.done(life.confirm("YJ01")).done(life.confirm("YJ02"))
    assert (life.state, life.seen()["terms"]["boxes_open"], len(life.seen()["runs"])) == ("approved", 0, 2)


def test_boxes_taken_back_that_nobody_has_leave_a_committed_order_short(tight: Life) -> None:
    tight.committed().done(tight.reduce("YJ02", 1))
    assert (tight.state, tight.seen()["terms"]["boxes_short"]) == ("short", 1)
    tight.done(tight.reduce("YJ02", 1))
    assert (tight.state, tight.seen()["terms"]["boxes_short"]) == ("short", 2)


def test_the_right_grams_are_freed_first_expired_is_kept(market: Market, place: Place) -> None:
    lots = {days: market.lot(5, best_before_on=market.today + timedelta(days=days)) for days in (30, 10, 20)}
    life = place(13).approved()
    share_id = life.shares()[1, "YJ01"]["id"]
    assert held_by_lot(market, share_id) == {lots[10].id: 5, lots[20].id: 5, lots[30].id: 3}
    life.done(life.confirm("YJ01", 9))
    assert held_by_lot(market, share_id) == {lots[10].id: 5, lots[20].id: 4}
    life.done(life.reduce("YJ01", 5))
    assert held_by_lot(market, share_id) == {lots[10].id: 4}
    assert owed_by_lot(market, *(lots[days].id for days in (10, 20, 30))) == [(0, 4), (0, 0), (0, 0)]


def test_what_a_cooperative_confirms_is_owed_and_what_it_takes_back_is_free(
    market: Market, place: Place
) -> None:
    lot = market.lot(20)
    life = place(12).approved()
    assert owed_by_lot(market, lot.id) == [(12, 0)]
    life.done(life.confirm("YJ01", 10))
    assert owed_by_lot(market, lot.id) == [(0, 10)]
    life.done(life.reduce("YJ01", 4))
    assert owed_by_lot(market, lot.id) == [(0, 6)]
    life.done(life.leave("YJ01"))
    assert owed_by_lot(market, lot.id) == [(0, 0)]


def test_stopped_fruit_is_not_confirmed_until_it_is_cleared_but_it_is_declined(life: Life) -> None:
    life.approved()
    lot_ids = {each.code: each.id for each in all_lots(life.market)}
    for code in ("L-1", "L-2"):
        stop(life.market, lot_ids[code])
    with life.market.unchanged():
        refusal = assert_refused(life.confirm("YJ01"), 409, "lot_status_forbids")
        assert refusal["lot_status"] == "quarantined"
    clear(life.market, lot_ids["L-1"])
    life.done(life.confirm("YJ01")).done(life.decline("YJ02"))
    assert life.states()[1, "YJ01"] == ("confirmed", 2)


def test_silence_is_no_yes_to_fruit_that_is_stopped(market: Market, place: Place) -> None:
    lots = [market.lot(20, cooperative=cooperative) for cooperative in range(3)]
    life = place(12, silence="confirms", answer_hours=1).approved()
    stop(market, lots[1].id)
    life.let_time_pass()
    assert lapse(market) == 3
    states = life.states()
    assert [states[1, code] for code in ("YJ01", "YJ02", "YJ03")] == [
        ("confirmed", 2),
        ("lapsed", 0),
        ("confirmed", 6),
    ]
    assert owed_by_lot(market, lots[0].id, lots[1].id)[1] == (0, 0)
    assert season_grams(market)["YJ02"] == 0, "it is not held against the cooperative"


def all_lots(market: Market) -> list[Lot]:
    with database.reading() as session:
        return list(session.scalars(select(Lot).order_by(Lot.id)))


def stop(market: Market, lot_id: uuid.UUID) -> None:
    database.transact(
        lambda session: quality.quarantine(session, market.ctx, lot_id=lot_id, reason="a smell")
    )


def clear(market: Market, lot_id: uuid.UUID) -> None:
    database.transact(lambda session: quality.clear(session, market.ctx, lot_id=lot_id, reason="tested"))


def test_boxes_that_spoil_before_the_delivery_cannot_be_kept(market: Market, place: Place) -> None:
    """What is kept is held anew, of fruit that is still good; what is not good can only be given back."""
    old = market.lot(5, best_before_on=market.today)
    good = market.lot(5)
    life = place(10).approved()
    as_owner(
        market,
        "UPDATE lot SET best_before_on = best_before_on - 1 WHERE id = :lot_id",
        lot_id=old.id,
    )
    with market.unchanged():
        assert_refused(life.confirm("YJ01", 6), 409, "sold_out")
    life.done(life.confirm("YJ01", 5))
    assert held_by_lot(market, life.shares()[1, "YJ01"]["id"]) == {good.id: 5}


def test_a_second_split_takes_only_fruit_that_is_good_on_the_day_of_delivery(
    market: Market, place: Place
) -> None:
    market.lot(10, cooperative=0)
    market.lot(10, cooperative=1, best_before_on=market.today + timedelta(days=5))
    market.lot(10, cooperative=2)
    life = place(4, delivered_on=str(market.today + timedelta(days=6))).approved()
    assert {code for _, code in life.states()} == {"YJ01", "YJ03"}
    life.done(life.confirm("YJ01")).done(life.decline("YJ03"))
    sellers = life.seen()["runs"][1]["problem"]["sellers"]
    assert {each["id"]: each["cap_packs"] for each in sellers}["YJ02"] == 0
    assert {code for run, code in life.states() if run == 2} == {"YJ01"}


def test_a_second_split_after_the_delivery_takes_no_fruit_that_has_spoiled(
    market: Market, place: Place
) -> None:
    for cooperative in range(2):
        market.lot(10, cooperative=cooperative)
    spoiled = market.lot(10, cooperative=1)
    life = place(3, delivered_on=str(market.today)).committed()
    as_owner(market, 'UPDATE "order" SET delivered_on = delivered_on - 2')
    as_owner(
        market,
        "UPDATE lot SET best_before_on = :day WHERE id = :lot_id",
        day=market.today - timedelta(days=1),
        lot_id=spoiled.id,
    )
    life.done(life.reduce("YJ01", 1))
    held = held_by_lot(market, life.shares()[2, "YJ02"]["id"])
    assert (sum(held.values()), spoiled.id in held) == (1, False)


# Stock below its promises


def test_a_lot_corrected_below_what_it_promised_is_refused_until_the_share_is_reduced(life: Life) -> None:
    life.committed()
    member = life.member("YJ03")
    [lot] = member.get("/v1/lots").json["items"]
    url = f"/v1/lots/{lot['id']}/corrections"
    wrong = {"delta_grams": -15 * PACK_GRAMS, "reason": "counted twice"}
    with life.market.unchanged():
        assert_refused(member.post(url, json=wrong), 409, "fruit_promised")
    life.done(life.reduce("YJ03", 1))
    response = member.post(url, json=wrong)
    assert response.status_code < 300, response.json
    assert life.market.stored(Lot, lot["id"]).free_grams == 0


# Departure


def test_a_departure_before_the_approval_is_split_again_and_asks_nobody_yet(life: Life) -> None:
    response = life.leave("YJ02")
    assert {"bulk_order.leave", "bulk_order.split_again", "share.declined"} <= life.market.actions(response)
    assert life.state == "proposed"
    states = life.states()
    assert states[1, "YJ02"] == ("declined", 0)
    assert {state for where, (state, _) in states.items() if where != (1, "YJ02")} == {"proposed"}
    assert {seller["id"] for seller in life.seen()["runs"][1]["problem"]["sellers"]} == {"YJ01", "YJ03"}
    life.committed()


def test_a_departure_while_asked_is_split_again_when_all_have_answered(life: Life) -> None:
    life.approved().done(life.leave("YJ02"))
    assert (life.state, len(life.seen()["runs"])) == ("approved", 1)
    life.done(life.confirm("YJ01")).done(life.confirm("YJ03"))
    assert {code for run, code in life.states() if run == 2} == {"YJ01", "YJ03"}
    with life.market.unchanged():
        assert_refused(life.confirm("YJ02"), 409, "share_state")


def test_a_departure_after_confirming_takes_every_share_of_every_run(life: Life) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.confirm("YJ02")).done(life.decline("YJ03"))
    life.done(life.confirm("YJ01", run=2)).done(life.confirm("YJ02", run=2))
    assert life.state == "committed"
    life.done(life.leave("YJ02"))
    states = life.states()
    assert (states[1, "YJ02"], states[2, "YJ02"]) == (("declined", 0), ("declined", 0))
    assert states[3, "YJ01"] == ("offered", 8)
    assert season_grams(life.market)["YJ02"] == 0


def test_the_last_one_to_answer_may_leave_instead(life: Life) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.confirm("YJ02")).done(life.leave("YJ03"))
    assert len(life.seen()["runs"]) == 2


def test_when_all_leave_before_the_approval_the_order_is_short_of_everything(life: Life) -> None:
    for code in ("YJ01", "YJ02", "YJ03"):
        life.done(life.leave(code))
    assert (life.state, life.seen()["terms"]["boxes_short"]) == ("proposed", 12)
    life.approved()
    assert life.state == "short"
    with life.market.unchanged():
        assert_refused(life.accept_short(), 409, "state")
    life.done(life.cancel())


def test_who_is_not_in_the_order_cannot_leave_it(life: Life, market: Market, place: Place) -> None:
    with market.unchanged():
        body = {**WHY, "cooperative_id": str(uuid.uuid4())}
        assert_refused(life.operator.post(f"{life.url}/departures", json=body), 404, "not_in_order")
    life.done(life.leave("YJ01"))
    with market.unchanged():
        assert_refused(life.leave("YJ01"), 404, "not_in_order")
    life.done(life.cancel())
    with market.unchanged():
        assert_refused(life.leave("YJ02"), 409, "state")


# Shortfall


def test_a_buyer_takes_what_there_is(tight: Life) -> None:
    tight.approved().done(tight.confirm("YJ01")).done(tight.confirm("YJ02")).done(tight.decline("YJ03"))
    assert (tight.state, tight.seen()["terms"]["boxes_short"]) == ("short", 4)
    response = tight.accept_short()
    assert (response.json["order"]["state"], response.json["order"]["boxes"]) == ("committed", 8)
    assert response.json["order"]["total_minor"] == 8 * PRICE_MINOR
    assert response.json["terms"]["boxes_short"] == 0
    assert "bulk_order.accept_short" in tight.market.actions(response)
    with tight.market.unchanged():
        assert_refused(tight.accept_short(), 409, "state")
    tight.done(tight.reduce("YJ01", 4))
    assert (tight.state, tight.seen()["order"]["boxes"]) == ("short", 8)


def test_a_buyer_does_without(tight: Life) -> None:
    tight.approved().done(tight.confirm("YJ01")).done(tight.decline("YJ02")).done(tight.decline("YJ03"))
    tight.done(tight.cancel())
    assert (tight.state, tight.states()[1, "YJ01"]) == ("cancelled", ("released", 0))


def test_when_all_refuse_there_is_nothing_to_take(tight: Life) -> None:
    tight.approved()
    for code in ("YJ01", "YJ02", "YJ03"):
        tight.done(tight.decline(code))
    with tight.market.unchanged():
        assert_refused(tight.accept_short(), 409, "state")
    tight.done(tight.cancel())


def test_a_shortage_is_only_accepted_where_there_is_one(life: Life) -> None:
    for step in (lambda: life, life.approved):
        step()
        with life.market.unchanged():
            assert_refused(life.accept_short(), 409, "state")
    for code in ("YJ01", "YJ02", "YJ03"):
        life.done(life.confirm(code))
    with life.market.unchanged():
        assert_refused(life.accept_short(), 409, "state")


# Cancellation


def test_a_proposed_order_is_cancelled_and_its_fruit_is_free(life: Life) -> None:
    response = life.cancel()
    assert response.json["order"]["state"] == "cancelled"
    assert set(life.states().values()) == {("released", 0)}
    assert {share["reason"] for share in life.shares().values()} == {"rain"}
    assert season_grams(life.market) == {"YJ01": 0, "YJ02": 0, "YJ03": 0}
    assert {"bulk_order.cancelled", "share.released", "hold.release"} <= life.market.actions(response)


def test_an_order_is_cancelled_while_its_cooperatives_are_asked(life: Life) -> None:
    life.approved().done(life.confirm("YJ01")).done(life.decline("YJ02")).done(life.cancel())
    assert {where: state for where, (state, _) in life.states().items()} == {
        (1, "YJ01"): "released",
        (1, "YJ02"): "declined",
        (1, "YJ03"): "released",
    }
    with life.market.unchanged():
        for answer in (life.confirm("YJ03"), life.decline("YJ03"), life.reduce("YJ01", 1)):
            assert_refused(answer, 409, "share_state")
        for step in (life.cancel, life.approve, life.accept_short):
            assert_refused(step(), 409, "state")
    assert lapse(life.market, life.market.later(days=3)) == 0


def test_a_committed_order_is_not_cancelled_until_it_is_open_again(life: Life) -> None:
    life.committed()
    with life.market.unchanged():
        assert_refused(life.cancel(), 409, "state")
    life.done(life.reduce("YJ01", 1)).done(life.cancel())
    assert life.state == "cancelled"


def test_only_its_buyer_and_operators_decide_on_an_order(life: Life, anyone: Caller, as_role: Any) -> None:
    others = (life.members[0], as_role(Role.AUDITOR), as_role(Role.SHOPPER))
    other_buyer = as_role(Role.BUYER)
    for ending, body in (("cancellation", WHY), ("shortfall-acceptance", None)):
        url = f"{life.url}/{ending}"
        with life.market.unchanged():
            assert_refused(anyone.post(url, json=body), 401, "unauthenticated")
            for caller in others:
                assert_refused(caller.post(url, json=body), 403, "forbidden")
            assert_refused(other_buyer.post(url, json=body), 404, "order_not_found")
    assert life.operator.post(f"{life.url}/cancellation", json=WHY).status_code == 200


def test_a_half_answered_order_breaks_no_promise_at_any_step(life: Life) -> None:
    steps: list[Callable[[], Any]] = [
        life.approve,
        lambda: life.confirm("YJ02", 1),
        lambda: life.decline("YJ03"),
        lambda: life.confirm("YJ01"),
        lambda: life.confirm("YJ01", 3, run=2),
        lambda: life.reduce("YJ01", 1, run=2),
        life.accept_short,
        lambda: life.leave("YJ02"),
        life.cancel,
    ]
    for step in steps:
        life.done(step())
        assert broken(life.market.app) == []
