"""Two who do the same with a wave or a parcel at once: one of them does it, and nothing is done twice."""

from datetime import timedelta

import pytest

from campaigns.fulfilment import sending
from marketplace import database, errors
from marketplace.access import Role
from orders.fulfilment import parcels
from orders.fulfilment.states import ParcelStateForbids
from tests.builders import Market, broken
from tests.campaigns.fulfilment import stage
from tests.house import Caller
from tests.inventory.yard import at_once


def test_a_parcel_that_two_pack_at_once_is_packed_once(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(2,))
    made.released()
    [first, *_] = made.parcels()
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    outcomes = at_once(market.app, [lambda session: parcels.pack(session, ctx, parcel_id=first["id"])] * 2)
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [type(each) for each in refused] == [ParcelStateForbids]
    assert broken(market.app) == []


def test_the_parcels_of_one_order_that_arrive_at_once_deliver_it_once(
    market: Market, operator: Caller
) -> None:
    made = stage.closed(market, operator, pledged=(3, 3, 3), orders=(9,))
    made.released()
    made.all_go("packing", "shipment")
    found = made.parcels()
    ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    assert len(found) == 3, "each cooperative has a part of it"

    def arrive(parcel_id: str):
        return lambda session: parcels.deliver(session, ctx, parcel_id=parcel_id)

    outcomes = at_once(market.app, [arrive(each["id"]) for each in found])
    assert not [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert made.states == ["delivered"]
    assert broken(market.app) == []


@pytest.mark.parametrize("orders", [(2,), (1, 1, 1)])
def test_two_waves_released_at_once_send_no_order_twice(
    market: Market, operator: Caller, orders: tuple[int, ...]
) -> None:
    made = stage.closed(market, operator, orders=orders)
    on = market.today + timedelta(days=4)
    outcomes = at_once(
        market.app,
        [
            lambda session: sending.release(
                session, market.ctx, campaign_id=made.sale.campaign_id, delivered_on=on, orders_max=None
            )
        ]
        * 3,
    )
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert {type(each) for each in refused} == {sending.NothingToSend}
    assert len(refused) == 2
    assert sum(each["boxes"] for each in made.parcels()) == sum(orders)
    assert broken(market.app) == []


def test_a_wave_planned_by_two_jobs_at_once_takes_each_order_once(
    market: Market, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BATCH", 1)
    made = stage.closed(market, operator, orders=(1, 2, 1))
    wave = made.released()
    for _ in range(2):
        outcomes = at_once(
            market.app, [lambda session: sending.plan_on(session, market.ctx, wave_id=wave["id"])] * 2
        )
        assert not [each for each in outcomes if isinstance(each, Exception)]
    database.transact(lambda session: sending.plan_on(session, market.ctx, wave_id=wave["id"]))
    assert made.overview()["waves"][0]["orders"] == 3
    assert broken(market.app) == []
