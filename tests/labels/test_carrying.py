"""Where eligible grams come from and where they go: each stock movement writes them in its own transaction."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from inventory import lots
from inventory.capacity import weighing
from inventory.families import parentage
from inventory.labels import land, serials
from inventory.models import Hold, Lot
from inventory.quality import quality, quality_holds
from inventory.states import HoldKind
from inventory.transfers import transfers
from marketplace import errors
from marketplace.access import Role
from marketplace.database import reading
from marketplace.values import new_id
from tests.house import Caller
from tests.labels import grove as groves
from tests.labels.grove import NUMBERS, Grove


def part(code: str, grams: int) -> dict[str, object]:
    return {"code": code, "quantity_grams": grams, "room_id": None}


def test_fruit_without_a_certified_plot_earns_nothing(grove: Grove) -> None:
    grove.plot()
    for number, changes in enumerate(
        (
            {"plot": None},
            {"plot": "South"},
            {"cooperative": 1},
            {"harvested_on": date(grove.season - 1, 12, 31)},
        )
    ):
        lot = grove.lot(f"N{number}", grade="A", **changes)
        assert grove.carried(lot) == (0, 0)
    with pytest.raises(AssertionError):
        grove.account()


def test_a_season_without_numbers_earns_nothing(grove: Grove) -> None:
    grove.plot(valid_from=date(grove.season - 1, 1, 1))
    lot = grove.lot(grade="A", harvested_on=date(grove.season - 1, 10, 1))
    assert grove.carried(lot) == (0, 0)


def test_fruit_earns_when_it_has_passed_the_grading(grove: Grove) -> None:
    grove.plot()
    lot = grove.lot(grams=1_000_000)
    assert grove.carried(lot) == (1_000_000, 0)
    assert grove.lines() == []

    good, poor = grove.grade(
        lot,
        ("A1", "A", 820_000),
        ("B1", "B", 130_000),
        culled_grams=35_000,
        lost_grams=12_000,
        reason="sorted",
    )

    assert grove.carried(good) == (820_000, 820_000)
    assert grove.carried(poor) == (130_000, 0)
    assert grove.carried(lot) == (3_000, 0)
    assert grove.lines() == [("harvest_eligible", 820_000), ("shrink", -16_400)]
    account = grove.account()
    assert (account.balance_grams, account.owed_grams, account.eligible_grams) == (803_600, 0, 820_000)


def test_a_load_that_was_picked_to_grade_earns_at_once(grove: Grove) -> None:
    grove.plot()
    assert grove.carried(grove.lot(grams=500_000, grade="A")) == (500_000, 500_000)
    assert grove.account().balance_grams == 490_000


def test_fruit_that_is_graded_down_loses_what_it_had_earned(grove: Grove) -> None:
    grove.plot()
    lot = grove.apples(1_000_000)
    grove.grade(lot, ("A2", "A", 600_000), ("B2", "B", 400_000))
    assert grove.lines()[2:] == [("cull", -400_000)]
    assert grove.account().balance_grams == 580_000


def test_more_than_the_plot_bears_is_not_eligible_and_opens_a_case(grove: Grove) -> None:
    grove.plot(hectares=1)
    assert grove.carried(grove.lot("F1", 29_000_000)) == (29_000_000, 0)
    assert grove.cases("label_harvest") == []
    second = grove.lot("F2", 2_000_000)
    assert grove.carried(second) == (1_000_000, 0)
    assert grove.carried(grove.lot("F3", 1)) == (0, 0)
    first_case, last_case = grove.cases("label_harvest")
    assert first_case.subject_id == second.id
    assert first_case.facts["over_grams"] == 1_000_000
    assert last_case.facts["over_grams"] == 1


def test_a_plot_that_is_certified_anew_in_a_season_has_one_ceiling(grove: Grove) -> None:
    plot = grove.plot(hectares=1, valid_until=date(grove.season, 9, 30))
    grove.lot("F1", 30_000_000, harvested_on=date(grove.season, 9, 1))
    grove.plot(valid_from=date(grove.season, 10, 1), hectares=1)
    assert grove.carried(grove.lot("F2", 5_000)) == (0, 0)
    with pytest.raises(land.LabelPlotOverlaps):
        grove.plot(valid_from=plot.valid_until, hectares=1)


def test_a_grading_that_does_not_add_up_earns_nothing_and_is_kept_back(grove: Grove) -> None:
    grove.plot()
    lot = grove.lot(grams=1_000_000)
    [good] = grove.grade(lot, ("A1", "A", 900_000), input_grams=1_000_000, reason="sorted")
    assert grove.carried(good) == (900_000, 0)
    assert grove.lines() == []
    [case] = grove.cases("label_balance")
    assert case.facts["unexplained_grams"] == 100_000
    with reading() as session:
        hold = session.query(Hold).filter_by(lot_id=good.id).one()
    assert (hold.kind, hold.quantity_grams) == (HoldKind.QUALITY, 900_000)

    grove.do(quality_holds.release, hold_id=hold.id)
    [again] = grove.grade(good, ("A2", "A", 900_000))
    assert grove.carried(again) == (900_000, 0), "sorting it once more explains nothing"

    grove.do(serials.admit, lot_id=again.id, reason="the scale was set wrong")
    assert grove.carried(again) == (900_000, 900_000)
    with pytest.raises(serials.NotSuspended):
        grove.do(serials.admit, lot_id=again.id, reason="twice")


@pytest.mark.parametrize(
    ("input_grams", "is_kept_back"), [(1_000_000, False), (1_000_001, True), (990_050, False)]
)
def test_the_tolerance_is_kept_to_the_gram(grove: Grove, input_grams: int, is_kept_back: bool) -> None:
    grove.plot()
    lot = grove.lot(grams=2_000_000)
    grove.grade(lot, ("A1", "A", 995_000), input_grams=input_grams, reason="sorted")
    assert bool(grove.cases("label_balance")) == is_kept_back


def test_fruit_of_no_certified_land_may_be_graded_as_ever(grove: Grove) -> None:
    grove.plot()
    lot = grove.lot(plot=None)
    grove.grade(lot, ("A1", "A", 500_000), input_grams=1_000_000, reason="sorted")
    assert grove.cases("label_balance") == []


def test_split_and_merge_carry_what_fruit_has_earned(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(1_000_000)
    plain = grove.lot("P1", 500_000, plot=None, grade="A")
    family = grove.do(parentage.split, lot_id=apples.id, parts=[part("S1", 333_333), part("S2", 1)])
    assert [grove.carried(each) for each in family.children] == [(333_333, 333_333), (1, 1)]
    assert grove.carried(apples) == (666_666, 666_666)

    [mixed] = grove.do(
        parentage.merge,
        code="M1",
        parts=[
            {"lot_id": family.children[0].id, "quantity_grams": 333_333},
            {"lot_id": plain.id, "quantity_grams": 500_000},
        ],
    ).children
    assert mixed.on_hand_grams == 833_333
    assert grove.carried(mixed) == (333_333, 333_333)
    assert grove.lines() == [("harvest_eligible", 1_000_000), ("shrink", -20_000)]

    half = grove.do(parentage.split, lot_id=mixed.id, parts=[part("S3", 416_666)]).children[0]
    assert grove.carried(half) == (166_666, 166_666)
    assert grove.carried(mixed) == (166_667, 166_667)


def test_fruit_on_the_road_keeps_its_credit_and_a_gap_takes_its_share(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(1_000_000)
    sent = grove.do(
        transfers.dispatch,
        lot_id=apples.id,
        code="T1",
        to_cold_store_id=grove.market.cold_store_id,
        quantity_grams=400_000,
    )
    assert grove.carried(apples) == (600_000, 600_000)
    assert grove.account().balance_grams == 980_000
    ended = grove.do(
        transfers.arrive, transfer_id=sent.id, quantity_grams=350_000, gap_kind="culled", gap_reason="a crash"
    )
    with reading() as session:
        child = session.get_one(Lot, ended.child_id)
        assert grove.carried(child) == (350_000, 350_000)
    assert grove.lines()[-1] == ("cull", -50_000)


def test_losses_take_their_share_and_shrinkage_first_what_was_allowed_for(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(1_000_000)
    grove.do(lots.lose, lot_id=apples.id, quantity_grams=15_000, reason="dried")
    assert len(grove.lines()) == 2, "the allowance of 2 % has paid for it"
    grove.do(lots.lose, lot_id=apples.id, quantity_grams=10_000, reason="dried on")
    assert grove.lines()[2:] == [("shrink", -5_000)]
    grove.do(lots.lose, lot_id=apples.id, quantity_grams=75_000, reason="rotten", kind="culled")
    assert grove.lines()[3:] == [("cull", -75_000)]
    assert grove.carried(apples) == (900_000, 900_000)
    grove.do(lots.correct, lot_id=apples.id, delta_grams=500_000, reason="counted again")
    assert grove.carried(apples) == (900_000, 900_000), "a better count certifies nothing"


def test_what_a_quality_hold_culls_is_not_labelled_any_more(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(1_000_000)
    hold = grove.do(quality_holds.place, lot_id=apples.id, quantity_grams=100_000, reason="soft")
    grove.do(quality_holds.cull, hold_id=hold.id, reason="too soft")
    assert grove.lines()[-1] == ("cull", -100_000)


def test_a_loss_of_fruit_that_has_labels_already_is_owed_and_stops_the_printing(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(1_000_000)
    grove.printed(190)
    balance = grove.account().balance_grams
    grove.do(lots.lose, lot_id=apples.id, quantity_grams=500_000, reason="frost", kind="culled")
    account = grove.account()
    assert (account.balance_grams, account.owed_grams) == (0, 500_000 - balance)
    [case] = grove.cases("label_credit")
    assert case.subject_id == account.id
    with pytest.raises(errors.Conflict) as refused:
        grove.printed(1)
    assert refused.value.facts["owed_grams"] == account.owed_grams
    grove.apples(1_000_000, "A2")
    assert grove.account().owed_grams == 0
    assert grove.account().balance_grams == balance - 500_000 + 980_000


def test_fruit_that_comes_back_unlabelled_brings_its_eligibility_back(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(100_000)
    [hold] = grove.do(groves.hold_boxes, lot=apples, boxes=8)
    grove.do(groves.consume, hold_id=hold.id)
    assert grove.carried(apples) == (100_000, 100_000)
    back = grove.do(parentage.take_back, lot_id=apples.id, code="R1", quantity_grams=10_000, reason="refused")
    assert grove.carried(back.children[0]) == (10_000, 10_000)
    assert grove.carried(apples) == (90_000, 90_000)


def test_of_a_lot_that_was_not_shipped_labelled_nothing_comes_back_twice(grove: Grove) -> None:
    """Labelled boxes that come back have used up their grams."""
    grove.plot()
    apples = grove.apples(100_000)
    labels = grove.bound(apples, 8)
    [hold] = grove.do(groves.hold_boxes, lot=apples, boxes=8)
    grove.do(groves.consume, hold_id=hold.id)
    grove.do(serials.ship, serials=labels)
    back = grove.do(parentage.take_back, lot_id=apples.id, code="R1", quantity_grams=10_000, reason="refused")
    assert grove.carried(back.children[0]) == (0, 0)
    assert grove.carried(apples) == (60_000, 60_000)


def test_a_weighing_names_its_plot_and_the_same_again_changes_nothing(grove: Grove) -> None:
    grove.plot()
    monday = grove.harvested_on - timedelta(days=grove.harvested_on.weekday())
    capacity = grove.market.capacity(2_000_000, week_on=monday)
    facts = {
        "weighing_id": new_id(),
        "capacity_id": capacity.id,
        "cold_store_id": grove.market.cold_store_id,
        "code": "W1",
        "gross_grams": 600_000,
        "tare_grams": 100_000,
        "harvested_on": capacity.week_on,
        "best_before_on": capacity.week_on + timedelta(days=200),
        "plot": "North",
    }
    for _ in range(2):
        weighed = grove.do(weighing.weigh, **facts)
    with reading() as session:
        lot = session.get_one(Lot, weighed.lot_id)
        assert grove.carried(lot) == (500_000, 500_000)
    with pytest.raises(weighing.WeighingDiffers):
        grove.do(weighing.weigh, **{**facts, "plot": "South"})


def test_the_ceiling_stays_once_fruit_was_weighed_under_it(grove: Grove) -> None:
    plot = grove.plot()
    anew = {**NUMBERS, "ceiling_grams_per_hectare": 1}
    grove.do(land.set_season, area_id=grove.area_id, season=grove.season, **anew)
    grove.do(land.set_season, area_id=grove.area_id, season=grove.season, **NUMBERS)
    grove.lot()
    with pytest.raises(land.LabelCeilingInUse):
        grove.do(land.set_season, area_id=grove.area_id, season=grove.season, **anew)
    grove.do(land.set_season, area_id=grove.area_id, season=grove.season, **{**NUMBERS, "grades": ["A", "B"]})
    assert plot.square_metres == 10_000


def test_a_stopped_lot_keeps_what_it_carries_and_binds_nothing(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(100_000)
    labels = grove.issued(1)
    grove.do(quality.recall, lot_id=apples.id, reason="residues")
    assert grove.carried(apples) == (100_000, 100_000)
    with pytest.raises(lots.LotStatusForbids):
        grove.do(serials.bind, serials=labels, lot_id=apples.id)


def test_only_an_operator_admits(grove: Grove, as_role: Callable[..., Caller]) -> None:
    grove.plot()
    lot = grove.lot()
    [good] = grove.grade(lot, ("A1", "A", 900_000), input_grams=1_000_000, reason="sorted")
    member = as_role(Role.COOPERATIVE, cooperative_ids=grove.market.cooperative_ids[:1])
    with pytest.raises(errors.Forbidden):
        grove.do(
            serials.admit,
            by=grove.acting(member, Role.COOPERATIVE, cooperative=0),
            lot_id=good.id,
            reason="please",
        )
