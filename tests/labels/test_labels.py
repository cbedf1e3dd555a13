"""Labels: printed against credit, bound to boxes of eligible lots, void with proof; and what two people change."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.orm import Session

from inventory import lots
from inventory.labels import accounts, changes, designs, land, printing, provisional, serials
from inventory.labels.accounts import LabelCreditShort
from inventory.labels.land_models import LabelPlot
from inventory.models import Lot
from inventory.quality import quality
from marketplace import errors
from marketplace.access import Role
from marketplace.catalogue import products
from marketplace.context import Context
from marketplace.database import transact
from marketplace.values import new_id
from tests.builders import at_once
from tests.house import Caller
from tests.labels.grove import GTIN, Grove

AsRole = Callable[..., Caller]


def test_labels_are_printed_as_long_as_the_credit_bears_them(grove: Grove) -> None:
    grove.plot()
    grove.apples(1_000_000)
    batch = grove.printed(194)
    assert batch.consumed_grams == 194 * 5_050
    assert grove.account().balance_grams == 980_000 - 979_700
    assert len(set(grove.serials(batch))) == 194
    assert grove.label(grove.serials(batch)[0]).gtin == GTIN


def test_an_over_printed_quota_is_refused_with_what_is_left(grove: Grove) -> None:
    grove.plot()
    grove.apples(1_000_000)
    with pytest.raises(LabelCreditShort) as refused:
        grove.printed(195)
    assert refused.value.facts == {
        "requested_labels": 195,
        "available_labels": 194,
        "requested_grams": 984_750,
        "available_grams": 980_000,
        "owed_grams": 0,
    }
    assert grove.account().balance_grams == 980_000


def test_two_batches_at_once_never_take_the_same_grams(grove: Grove) -> None:
    grove.plot()
    grove.apples(1_000_000)
    facts = {
        "account_id": grove.account().id,
        "pack_id": grove.market.pack_id,
        "design_id": grove.design_id,
        "labels_count": 100,
    }

    def work() -> object:
        return transact(lambda session: printing.print_batch(session, grove.ctx, **facts))

    done = at_once(grove.market.app, [work] * 6)
    short = [each for each in done if isinstance(each, LabelCreditShort)]
    assert len(short) == 5, done
    assert all(each.facts["available_labels"] == 94 for each in short)
    assert grove.account().balance_grams == 980_000 - 505_000


def test_printing_and_a_loss_at_once_leave_a_balance_that_is_not_negative(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(1_000_000)
    account_id = grove.account().id
    cull = {"lot_id": apples.id, "quantity_grams": 900_000, "reason": "frost", "kind": "culled"}
    facts = {
        "account_id": account_id,
        "pack_id": grove.market.pack_id,
        "design_id": grove.design_id,
        "labels_count": 100,
    }
    at_once(
        grove.market.app,
        [
            partial(transact, lambda session: lots.lose(session, grove.ctx, **cull)),
            partial(transact, lambda session: printing.print_batch(session, grove.ctx, **facts)),
        ],
    )
    account = grove.account()
    printed = sum(-grams for kind, grams in grove.lines() if kind == "label_issue")
    assert account.balance_grams - account.owed_grams == 80_000 - printed


def test_a_pack_needs_a_gtin_and_a_grade_of_the_area(grove: Grove) -> None:
    grove.plot()
    grove.apples()
    other = grove.market.pack("FUJI-X")
    facts = {"account_id": grove.account().id, "design_id": grove.design_id, "labels_count": 1}
    with pytest.raises(printing.PackWithoutGtin):
        grove.do(printing.print_batch, pack_id=other.id, **facts)
    poor = grove.do(
        products.create, code="FUJI-B", variety="Fuji", grade="B", name_en="Fuji B", name_zh="富士二级"
    )
    pack = grove.do(
        products.create_pack,
        product_id=poor.id,
        code="FUJI-B-5",
        net_grams=5_000,
        list_price_minor=2_000,
        currency="CNY",
        gtin="09521234000020",
    )
    with pytest.raises(printing.GradeNotLabelled):
        grove.do(printing.print_batch, pack_id=pack.id, **facts)
    with pytest.raises(designs.LabelDesignNotFound):
        grove.do(
            printing.print_batch,
            account_id=facts["account_id"],
            pack_id=grove.market.pack_id,
            design_id=uuid.uuid4(),
            labels_count=1,
        )


def test_a_label_goes_from_printed_to_retired(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(100_000)
    batch = grove.printed(2)
    [first, second] = grove.serials(batch)
    with pytest.raises(serials.LabelStateForbids):
        grove.do(serials.bind, serials=[first], lot_id=apples.id)
    grove.do(printing.issue, batch_id=batch.id)
    with pytest.raises(printing.LabelBatchIssued):
        grove.do(printing.issue, batch_id=batch.id)
    parcel_id = new_id()
    for _ in range(2):
        grove.do(serials.bind, serials=[first], lot_id=apples.id, parcel_id=parcel_id)
    assert grove.carried(apples) == (95_000, 95_000)
    with pytest.raises(serials.LabelStateForbids):
        grove.do(serials.bind, serials=[first], lot_id=apples.id, parcel_id=new_id())
    grove.do(serials.ship, serials=[first])
    grove.do(serials.activate, serials=[first])
    grove.do(serials.retire, serials=[first])
    label = grove.label(first)
    assert (label.state, label.lot_id, label.parcel_id) == ("retired", apples.id, parcel_id)
    assert grove.label(second).state == "issued"
    with pytest.raises(serials.LabelStateForbids):
        grove.do(serials.void, serials=[first], reason="too late")


def test_a_forged_label_is_bound_to_nothing(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(100_000)
    mine = grove.issued(1)
    with pytest.raises(serials.LabelsUnknown) as refused:
        grove.do(serials.bind, serials=[*mine, "FORGED234567"], lot_id=apples.id)
    assert refused.value.facts["serials"] == ["FORGED234567"]
    assert grove.label(mine[0]).state == "issued"


def test_a_label_fits_only_its_own_cooperative_pack_and_area(grove: Grove) -> None:
    grove.plot()
    grove.plot("East", cooperative=1)
    grove.apples(100_000)
    theirs = grove.lot("T1", 100_000, plot="East", cooperative=1, grade="A")
    gala = grove.lot("G1", 100_000, plot=None, grade="B")
    labels = grove.issued(1)
    with pytest.raises(serials.LabelDoesNotFit) as refused:
        grove.do(serials.bind, serials=labels, lot_id=theirs.id)
    assert refused.value.facts["differing"] == ["area", "cooperative_id"]
    with pytest.raises(serials.LabelDoesNotFit) as refused:
        grove.do(serials.bind, serials=labels, lot_id=gala.id)
    assert refused.value.facts["differing"] == ["grade"]


def test_fruit_of_no_certified_land_bears_no_label(grove: Grove) -> None:
    grove.plot()
    grove.apples(100_000)
    plain = grove.lot("P1", 100_000, plot=None, grade="A")
    labels = grove.issued(1)
    with pytest.raises(serials.LotNotEligible) as refused:
        grove.do(serials.bind, serials=labels, lot_id=plain.id)
    assert refused.value.facts["eligible_grams"] == 0


def test_a_lot_bears_no_more_labels_than_it_has_eligible_fruit_in_the_store(grove: Grove) -> None:
    grove.plot()
    grove.apples(1_000_000)
    small = grove.apples(12_000, "A2")
    labels = grove.issued(3)
    with pytest.raises(serials.LotNotEligible) as refused:
        grove.do(serials.bind, serials=labels, lot_id=small.id)
    assert refused.value.facts == {"lot_code": "A2", "requested_grams": 15_000, "eligible_grams": 12_000}
    grove.do(serials.bind, serials=labels[:2], lot_id=small.id)
    with pytest.raises(serials.LotNotEligible):
        grove.do(serials.bind, serials=labels[2:], lot_id=small.id)


def test_two_packers_at_once_bind_no_more_than_the_lot_has(grove: Grove) -> None:
    grove.plot()
    grove.apples(1_000_000)
    small = grove.apples(12_000, "A2")
    labels = grove.issued(4)

    def work(serial: str) -> object:
        return transact(lambda session: serials.bind(session, grove.ctx, serials=[serial], lot_id=small.id))

    done = at_once(grove.market.app, [partial(work, each) for each in labels])
    assert sum(isinstance(each, serials.LotNotEligible) for each in done) == 2
    assert sorted(grove.label(each).state for each in labels) == ["bound", "bound", "issued", "issued"]


def test_a_quarantined_lot_bears_no_label(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(100_000)
    labels = grove.issued(1)
    grove.do(quality.quarantine, lot_id=apples.id, reason="a smell")
    with pytest.raises(lots.LotStatusForbids):
        grove.do(serials.bind, serials=labels, lot_id=apples.id)


def test_void_gives_credit_back_only_with_a_proof_and_once(grove: Grove, as_role: AsRole) -> None:
    grove.plot()
    apples = grove.apples(100_000)
    first, second, third = grove.issued(3)
    balance = grove.account().balance_grams
    grove.do(serials.void, serials=[first], reason="torn")
    assert grove.account().balance_grams == balance
    member = grove.acting(as_role(Role.COOPERATIVE), Role.COOPERATIVE, cooperative=0)
    with pytest.raises(errors.Forbidden):
        grove.do(serials.void, by=member, serials=[second], reason="torn", proof="burnt", witness="me")
    grove.do(serials.bind, serials=[second], lot_id=apples.id)
    grove.do(serials.void, serials=[second], reason="torn", proof="burnt on the 3rd", witness="Li Hua")
    assert grove.account().balance_grams == balance + 5_050
    assert grove.carried(apples) == (100_000, 100_000)
    with pytest.raises(serials.LabelStateForbids):
        grove.do(serials.void, serials=[second], reason="again", proof="burnt", witness="Li Hua")
    grove.do(serials.bind, serials=[third], lot_id=apples.id)
    grove.do(serials.ship, serials=[third])
    grove.do(serials.flag, serials=[third], reason="seen twice")
    grove.do(serials.void, serials=[third], reason="a copy", proof="burnt", witness="Li Hua")
    assert grove.account().balance_grams == balance + 5_050, "its fruit has left"
    assert grove.carried(apples) == (95_000, 95_000)


def test_a_flag_opens_a_case_for_the_county_office(grove: Grove) -> None:
    grove.plot()
    grove.apples(100_000)
    labels = grove.issued(1)
    for _ in range(2):
        grove.do(serials.flag, serials=labels, reason="seen elsewhere")
    [case] = grove.cases("label_serial")
    assert (case.facts["serial"], case.cooperative_id, case.version) == (labels[0], None, 2)
    assert grove.label(labels[0]).state == "flagged"


def test_a_flagged_label_of_a_box_that_never_left_is_void_and_replaced(grove: Grove) -> None:
    grove.plot()
    apples = grove.apples(100_000)
    [label] = grove.bound(apples, 1)
    grove.do(serials.flag, serials=[label], reason="seen elsewhere")
    with pytest.raises(serials.LabelStateForbids):
        grove.do(serials.ship, serials=[label])
    with pytest.raises(serials.LabelStateForbids):
        grove.do(serials.retire, serials=[label])
    grove.do(serials.void, serials=[label], reason="a copy is about", proof="burnt", witness="Li Hua")
    assert grove.carried(apples) == (100_000, 100_000)
    grove.bound(apples, 1)


@pytest.mark.parametrize("serial", ["", "\x00", "名", "A" * 21, "K7Q2M9XW4TPA"])
def test_a_serial_that_nobody_printed_is_not_there(grove: Grove, serial: str) -> None:
    with pytest.raises(serials.LabelNotFound):
        grove.do(serials.get, serial=serial)


def test_an_adjustment_needs_two_people_and_never_overdraws(grove: Grove, as_role: AsRole) -> None:
    grove.plot()
    grove.apples(100_000)
    one, other = (grove.acting(as_role(Role.OPERATOR), Role.OPERATOR) for _ in range(2))
    with pytest.raises(changes.SecondPersonNeeded):
        grove.adjusted(1_000, proposer=one, approver=one)
    change = grove.adjusted(-8_000, proposer=one, approver=other)
    assert grove.account().balance_grams == 90_000
    with pytest.raises(changes.LabelChangeAnswered):
        grove.do(changes.approve, by=other, change_id=change.id)
    with pytest.raises(LabelCreditShort):
        grove.adjusted(-90_001, proposer=one, approver=other)
    with pytest.raises(errors.Forbidden):
        grove.adjusted(1, proposer=grove.ctx, approver=other)
    assert grove.lines()[-1] == ("adjust", -8_000)


def test_fruit_that_goes_to_another_cooperative_takes_its_credit_along(grove: Grove, as_role: AsRole) -> None:
    grove.plot()
    apples = grove.apples(100_000)
    theirs = grove.lot("T1", 30_000, plot=None, cooperative=1, grade="A")
    one, other = (grove.acting(as_role(Role.OPERATOR), Role.OPERATOR) for _ in range(2))

    def handed(grams: int, to: Lot = theirs) -> None:
        change = grove.do(
            changes.propose_transfer,
            by=one,
            account_id=grove.account().id,
            from_lot_id=apples.id,
            to_lot_id=to.id,
            grams=grams,
            reason="sold to them",
        )
        grove.do(changes.approve, by=other, change_id=change.id)

    handed(25_000)
    assert grove.lines()[-1] == ("transfer_out", -25_000)
    assert grove.lines(1) == [("transfer_in", 25_000)]
    assert grove.carried(apples) == (75_000, 75_000)
    assert grove.carried(theirs) == (25_000, 25_000)
    with pytest.raises(changes.FruitNotEligible):
        handed(5_001)
    with pytest.raises(changes.FruitNotEligible):
        handed(1, to=apples)
    grove.printed(14)
    with pytest.raises(LabelCreditShort):
        handed(5_000)


def test_the_provisional_tranche_is_replaced_by_what_is_weighed(grove: Grove) -> None:
    grove.plot(hectares=1)
    monday = grove.harvested_on - timedelta(days=grove.harvested_on.weekday())
    capacity = grove.market.capacity(1_000_000, week_on=monday)
    season = {"cooperative_id": grove.market.cooperative_ids[0], "area_id": grove.area_id}
    account = grove.do(provisional.grant, season=grove.season, **season)
    granted = account.balance_grams
    assert granted == capacity.low_grams * 300 // 1_000
    with pytest.raises(provisional.ProvisionalGranted):
        grove.do(provisional.grant, season=grove.season, **season)
    grove.apples(100_000)
    assert grove.lines()[1:] == [
        ("harvest_eligible", 100_000),
        ("shrink", -2_000),
        ("provisional_replaced", -98_000),
    ]
    assert grove.account().balance_grams == granted
    grove.printed(grove.account().balance_grams // 5_050)
    left = grove.account().balance_grams
    grove.do(provisional.end, account_id=account.id)
    assert grove.account().owed_grams == granted - 98_000 - left
    assert len(grove.cases("label_credit")) == 1
    with pytest.raises(LabelCreditShort):
        grove.printed(1)
    with pytest.raises(provisional.NothingProvisional):
        grove.do(provisional.end, account_id=account.id)


def test_without_a_forecast_there_is_nothing_provisional(grove: Grove) -> None:
    grove.plot()
    with pytest.raises(provisional.NothingProvisional):
        grove.do(
            provisional.grant,
            cooperative_id=grove.market.cooperative_ids[0],
            area_id=grove.area_id,
            season=grove.season,
        )


def test_foreign_credit_and_labels_look_like_missing_ones(grove: Grove, as_role: AsRole) -> None:
    grove.plot()
    grove.apples(100_000)
    labels = grove.issued(1)
    stranger = grove.acting(as_role(Role.COOPERATIVE), Role.COOPERATIVE, cooperative=1)
    account_id = grove.account().id
    with pytest.raises(accounts.LabelAccountNotFound):
        grove.do(accounts.get, by=stranger, account_id=account_id)
    with pytest.raises(serials.LabelNotFound):
        grove.do(serials.get, by=stranger, serial=labels[0])
    with pytest.raises(accounts.LabelAccountNotFound):
        grove.printed(1, by=stranger)
    auditor = grove.acting(as_role(Role.AUDITOR), Role.AUDITOR)
    assert grove.do(accounts.get, by=auditor, account_id=account_id).id == account_id
    with pytest.raises(accounts.LabelAccountNotFound):
        grove.printed(1, by=auditor)


def test_a_design_is_added_in_versions(grove: Grove) -> None:
    facts = {"area_id": grove.area_id, "season": grove.season, "name": "box"}
    with pytest.raises(designs.SameDesign):
        grove.do(designs.add, media_type="application/pdf", data=b"%PDF-1.7\n%label\n", **facts)
    with pytest.raises(designs.DesignUnreadable):
        grove.do(designs.add, media_type="image/png", data=b"%PDF-1.7", **facts)
    with pytest.raises(designs.DesignUnreadable):
        grove.do(designs.add, media_type="text/html", data=b"<p>", **facts)
    with pytest.raises(designs.DesignTooLarge):
        grove.do(designs.add, media_type="application/pdf", data=b"", **facts)
    second = grove.do(designs.add, media_type="application/pdf", data=b"%PDF-2.0", **facts)
    assert second.number == 2


def test_a_plot_ends_earlier_and_what_is_harvested_later_is_not_certified(grove: Grove) -> None:
    plot = grove.plot()

    def end(session: Session, ctx: Context) -> LabelPlot:
        found = land.plot(session, ctx, plot_id=plot.id, locked=True)
        return land.end_plot(session, ctx, plot=found, valid_until=grove.harvested_on - timedelta(days=1))

    grove.do(end)
    assert grove.carried(grove.lot()) == (0, 0)
