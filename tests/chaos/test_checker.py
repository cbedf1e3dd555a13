"""The checker on histories made by hand: silent where all is well, and one check for each thing that can be wrong."""

from dataclasses import replace

import pytest

from bench.chaos import checker
from bench.chaos.findings import SENTENCES
from bench.chaos.stored import Kept, LotLine, PoolLine, Stored
from tests.chaos.history import ITEM, LATER, PRICE, Sale, a_sale


def broken(sale: Sale, stored: Stored | None = None) -> set[str]:
    return checker.check(sale.history, stored or sale.stored).broken()


def test_a_sale_that_went_well_is_clean_and_every_check_has_looked():
    report = checker.check(a_sale().history, a_sale().stored)

    assert report.found == {name: [] for name in SENTENCES}
    idle = {name for name, count in report.looked_at.items() if count == 0}
    assert idle == {"verify", "outage", "redis", "unsold"}


def test_a_hold_that_was_told_and_is_not_there_is_lost():
    sale = a_sale()
    del sale.holds["hold of Cui"]

    assert "lost" in broken(sale)


def test_a_release_that_was_told_and_did_not_happen_is_lost():
    sale = a_sale()
    sale.change_hold("hold of Ben", state="active")

    assert "lost" in broken(sale)


@pytest.mark.parametrize("what", ["orders", "payments"])
def test_an_order_that_was_told_and_is_not_there_is_lost(what):
    sale = a_sale()
    getattr(sale, what).clear()

    assert "lost" in broken(sale)


def test_a_receipt_whose_payment_did_not_succeed_is_lost():
    sale = a_sale()
    sale.payments[0] = replace(sale.payments[0], state="processing", received_minor=0)

    assert broken(sale) == {"lost"}


@pytest.mark.parametrize(
    "change", [{"boxes": 2}, {"item": "another"}, {"owner": "Eve"}, {"unit_price_minor": PRICE + 1}]
)
def test_a_hold_that_is_stored_otherwise_is_changed(change):
    sale = a_sale()
    sale.change_hold("hold of Cui", **change)

    assert "changed" in broken(sale)


def test_an_order_that_is_stored_otherwise_is_changed():
    sale = a_sale()
    sale.orders[0] = replace(sale.orders[0], total_minor=1)

    assert "changed" in broken(sale)


@pytest.mark.parametrize("state", ["released", "converting", "consumed", "expired"])
def test_a_hold_in_a_state_nobody_asked_for_is_changed(state):
    sale = a_sale()
    sale.change_hold("hold of Cui", state=state)

    assert "changed" in broken(sale)


def test_a_hold_whose_time_was_over_may_have_expired():
    sale = a_sale()
    sale.change_hold("hold of Cui", state="expired", expires_at=sale.now - 1)

    assert "changed" not in broken(sale)
    assert "lost" not in broken(sale)


def test_two_holds_for_one_key_are_an_effect_twice():
    sale = a_sale()
    sale.holds["again"] = replace(sale.holds["hold of Cui"], id="again")

    assert "twice" in broken(sale)


def test_a_hold_that_was_refused_and_yet_made_is_an_effect_too_many():
    sale = a_sale()
    sale.holds["secret"] = replace(sale.holds["hold of Cui"], id="secret", owner="Dan")

    assert "twice" in broken(sale)


def test_a_hold_of_somebody_who_never_asked_is_an_effect_too_many():
    sale = a_sale()
    sale.holds["secret"] = replace(sale.holds["hold of Cui"], id="secret", owner="Eve")

    assert "twice" in broken(sale)


def test_an_unanswered_hold_may_have_been_made_or_not():
    sale = a_sale()
    sale.history = [each for each in sale.history if each.shopper != "Cui"]
    lost = replace(sale.history[0], op=99, key="key-99", shopper="Cui", status=None, body=None, error="reset")
    sale.history.append(replace(lost, sent_body={"item_id": ITEM, "boxes": 3}))

    assert broken(sale) == {"unanswered"}
    assert checker.check(sale.history, sale.stored, is_over=False).is_clean()


@pytest.mark.parametrize("what", ["orders", "payments"])
def test_two_orders_of_a_hold_or_payments_of_an_order_are_an_effect_twice(what):
    sale = a_sale()
    rows = getattr(sale, what)
    rows.append(replace(rows[0], id="again"))

    assert "twice" in broken(sale)


def test_a_hold_that_goes_into_the_journal_twice_is_an_effect_twice():
    sale = a_sale()
    sale.change_line(-1, hold_id="hold of Ann")

    assert "twice" in broken(sale)


def test_the_same_key_with_another_answer_is_seen():
    sale = a_sale()
    sale.again(body={**sale.history[-1].body, "available_boxes": -1})

    assert broken(sale) == {"answers"}


def test_the_same_answer_given_afresh_is_seen():
    sale = a_sale()
    sale.again(replayed=False)

    assert broken(sale) == {"answers"}


def test_copies_that_were_told_to_come_back_do_not_count():
    sale = a_sale()
    sale.again(status=409, body={"code": "key_in_flight"}, replayed=False)
    sale.again(-2, status=503, body={"code": "database_unavailable"}, replayed=False, retry_after="1")
    sale.again(-3, status=None, body=None, replayed=False, error="ConnectionResetError")

    assert broken(sale) == set()


def test_an_answer_that_is_not_kept_under_its_key_is_seen():
    sale = a_sale()
    del sale.keys["key-1"]

    assert broken(sale) == {"kept"}


def test_an_answer_that_is_kept_otherwise_is_seen():
    sale = a_sale()
    sale.keys["key-1"] = Kept(status=201, body={})

    assert broken(sale) == {"kept"}


def test_more_held_and_sold_than_pledged_is_an_oversell_even_for_a_moment():
    sale = a_sale()
    sale.change_line(2, pledged=1)

    assert "oversold" in broken(sale)


def test_promises_beyond_what_is_pledged_are_an_oversell_whatever_the_counters_say():
    """A writer that computed from an old read: the counters look well, and one promise is not in them."""
    sale = Sale()
    sale.hold("Ann", 3)
    before = sale.lines[-1]
    sale.hold("Ben", 2)
    sale.lines.append(replace(before, held=3, number=before.number + 2, held_delta=0))

    assert "oversold" in broken(sale)


def test_more_held_of_a_lot_than_is_there_is_an_oversell_even_for_a_moment():
    sale = a_sale()
    more = LotLine(lot_id="lot", number=3, on_hand_delta=-5, held_delta=0, on_hand=4, held=5)
    less = LotLine(lot_id="lot", number=4, on_hand_delta=5, held_delta=0, on_hand=9, held=5)
    stored = sale.stored
    stored = replace(
        stored, lot_lines=[*stored.lot_lines, more, less], lots=[replace(stored.lots[0], version=4)]
    )

    assert broken(sale, stored) == {"oversold"}


@pytest.mark.parametrize(
    "change", [{"number": 3}, {"number": 9}, {"held": 4}, {"held_delta": 1}, {"sold": 1}, {"pledged": 6}]
)
def test_a_line_that_does_not_follow_is_seen(change):
    sale = a_sale()
    sale.change_line(3, **change)

    assert "journal" in broken(sale)


def test_a_journal_that_ends_before_the_stored_state_is_seen():
    sale = a_sale()
    stored = sale.stored

    assert "journal" in broken(sale, replace(stored, pools=[replace(stored.pools[0], version=99)]))
    assert "journal" in broken(sale, replace(stored, lots=[replace(stored.lots[0], held=0)]))


def test_an_app_whose_journal_differs_from_what_the_witness_saw_is_seen():
    sale = a_sale()
    told: list[PoolLine] = [*sale.lines]
    told[2] = replace(told[2], held=told[2].held - 1)

    assert "journal" in broken(sale, replace(sale.stored, journal=told))


def test_holds_that_are_granted_together_are_one_sight_for_the_witness():
    sale = Sale()
    sale.hold("Ann", 1)
    sale.hold("Ben", 2)
    sale.together = sale.lines[-2]

    assert [line.number for line in sale.stored.witness] == [2, 4]
    assert broken(sale) == set()


def test_a_state_that_the_witness_saw_and_no_line_tells_of_is_seen():
    sale = Sale()
    sale.hold("Ann", 1)
    sale.hold("Ben", 2)
    stored = sale.stored
    witness = [*stored.witness[:-1], replace(stored.witness[-1], number=9)]

    assert "journal" in broken(sale, replace(stored, witness=witness))


@pytest.mark.parametrize("kind", ["resized", "released", "pledged", "sold", None])
def test_a_line_of_another_kind_than_what_it_changes_is_seen(kind):
    sale = Sale()
    sale.hold("Ann", 1)
    sale.change_line(-1, kind=kind)

    assert "journal" in broken(sale) if kind != "resized" else {"twice", "versions"} <= broken(sale)


def test_a_hold_that_is_resized_is_the_same_hold_with_other_boxes():
    sale = Sale()
    hold_id = sale.hold("Ann", 1)
    sale.resize(hold_id, 3)
    sale.resize(hold_id, 2)
    sale.again(-3)

    assert broken(sale) == set()


def test_a_resizing_that_is_told_and_not_stored_is_seen():
    sale = Sale()
    hold_id = sale.hold("Ann", 1)
    sale.resize(hold_id, 3)
    sale.change_hold(hold_id, boxes=1)

    assert "changed" in broken(sale)


def test_boxes_that_are_added_where_they_should_be_set_are_seen():
    sale = Sale()
    hold_id = sale.hold("Ann", 1)
    sale.resize(hold_id, 3)
    sale.change(sent_body={"item_id": ITEM, "boxes": 2}, body={**sale.history[-1].body, "boxes": 2})

    assert {"changed", "versions"} <= broken(sale)


def test_more_resizings_than_were_asked_for_are_an_effect_twice():
    sale = Sale()
    hold_id = sale.hold("Ann", 1)
    sale.resize(hold_id, 3)
    sale.history.pop()

    assert broken(sale) == {"twice", "changed"}


def test_a_hold_that_leaves_the_journal_twice_is_an_effect_twice():
    sale = Sale()
    sale.release(sale.hold("Ann", 1))
    sale.lines.append(replace(sale.lines[-1], number=sale.lines[-1].number + 1, held=-1))

    assert {"twice", "oversold"} <= broken(sale)


@pytest.mark.parametrize(("boxes", "wanted"), [(3, {"false_sold_out"}), (4, set())])
def test_who_asks_for_more_of_what_it_holds_is_refused_only_beyond_its_own_and_the_free(boxes, wanted):
    sale = Sale()
    sale.hold("Ann", 2)
    sale.hold("Ben", 2)
    sale.refuse("Ben", boxes)

    assert broken(sale) == wanted


@pytest.mark.parametrize("told", [{"version": 77}, {"version": 4}, {"available": 3}])
def test_a_version_that_is_not_what_was_told_is_seen(told):
    sale = Sale()
    sale.hold("Ann", 1, **told)
    sale.hold("Ben", 2)

    assert "versions" in broken(sale)


def test_two_who_were_told_the_same_version_are_seen():
    sale = Sale()
    sale.hold("Ann", 1)
    sale.hold("Ben", 1, version=3, available=4)

    assert "versions" in broken(sale)


def test_a_version_that_the_journal_gives_to_another_hold_is_seen():
    sale = a_sale()
    stored = sale.stored
    journal = [replace(line, hold_id="hold of Eve") if line.number == 3 else line for line in sale.lines]

    assert "versions" in broken(sale, replace(stored, journal=journal))


@pytest.mark.parametrize(("taken", "wanted"), [(4, {"unsold"}), (5, set())])
def test_a_pool_that_everybody_asks_for_and_nobody_gives_back_must_sell_out(taken, wanted):
    sale = Sale()
    sale.hold("Ann", taken)
    for number in range(5):
        sale.refuse(f"Shopper {number}", 3)

    assert broken(sale) & {"unsold"} == wanted


def test_a_refusal_while_all_the_while_enough_was_free_is_false():
    sale = Sale()
    sale.hold("Ann", 3)
    sale.refuse("Ben", 2, available_boxes=1)

    assert broken(sale) == {"false_sold_out"}


def test_a_refusal_that_tells_of_enough_boxes_contradicts_itself():
    sale = Sale()
    sale.hold("Ann", 3)
    sale.refuse("Ben", 3, available_boxes=3)

    assert broken(sale) == {"false_sold_out"}


def test_a_refusal_is_right_when_the_boxes_were_gone_for_a_moment_only():
    """Five boxes are held and given back while Ben waits for his answer."""
    sale = Sale()
    since = sale.now
    sale.release(sale.hold("Ann", 5))
    sale.refuse("Ben", 1, available_boxes=0)
    sale.change(sent=since)

    assert broken(sale) == set()


def test_a_refusal_that_was_asked_for_after_the_boxes_were_back_is_false():
    sale = Sale()
    sale.release(sale.hold("Ann", 5))
    sale.hold("Cui", 1)
    sale.refuse("Ben", 1, available_boxes=0)

    assert broken(sale) == {"false_sold_out"}


def test_while_nobody_was_told_that_boxes_are_back_a_refusal_may_be_right():
    sale = Sale()
    hold_id = sale.hold("Ann", 5)
    sale.release(hold_id)
    sale.change(status=None, body=None, error="ConnectionResetError")
    sale.refuse("Ben", 1, available_boxes=0)

    assert broken(sale) == {"unanswered"}


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "body": {"code": "internal"}},
        {"status": 502, "body": {"code": "bad_gateway"}, "retry_after": "1"},
        {"status": 503, "body": {"code": "try_later"}},
        {"status": 503, "body": None, "retry_after": "1"},
    ],
)
def test_a_5xx_that_is_no_clean_503_is_seen(answer):
    sale = a_sale()
    sale.again(0, replayed=False, **answer)

    assert broken(sale) == {"server_error"}


@pytest.mark.parametrize("code", ["hold_limit", "hold_not_found", "not_on_sale", "key_reused"])
def test_a_refusal_that_a_well_behaved_client_cannot_explain_is_seen(code):
    sale = Sale()
    sale.refuse("Ann", code=code)

    assert "unexpected" in broken(sale)


@pytest.mark.parametrize(("expires_at", "wanted"), [(100.0, set()), (LATER, {"unexpected"})])
def test_a_step_may_be_refused_when_its_hold_is_over(expires_at, wanted):
    sale = Sale()
    hold_id = sale.hold("Ann", 1)
    sale.change_hold(hold_id, expires_at=expires_at)
    sale.order(hold_id)
    sale.orders.clear()
    sale.payments.clear()
    sale.change_hold(hold_id, state="active")
    body = {"code": "hold_expired"}
    sale.change(status=410, body=body)
    sale.keys["key-2"] = Kept(status=410, body=body)

    assert broken(sale) == wanted


def test_who_is_turned_away_at_the_gate_may_be_granted_under_the_same_key():
    sale = Sale()
    first = sale.hold("Ann", 5)
    sale.refuse("Ben", 1)
    del sale.keys["key-2"]
    turned_away = sale.history[-1]
    sale.release(first)
    sale.hold("Ben", 1)
    granted = sale.history[-1]
    sale.change(op=turned_away.op, key=turned_away.key, phase="after 1 s")
    sale.keys[turned_away.key] = sale.keys.pop(granted.key)

    assert broken(sale) == set()


def test_a_refusal_that_is_repeated_and_not_kept_is_seen():
    sale = a_sale()
    del sale.keys[sale.history[-1].key]

    assert broken(sale) == {"kept"}
