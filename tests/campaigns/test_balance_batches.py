"""A balance that opens, and is closed, in batches: each finds what is left, and every promise holds between two."""

import resource
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bench.campaigns import crowd
from bench.holds.seed import SHOPPERS_SQL
from campaigns import advancing, balances
from campaigns.shortage import opening as shortage_opening
from campaigns.states import CampaignStateForbids
from marketplace import database
from marketplace.access import Role
from marketplace.notifications.models import Notification
from orders import closing, opening
from orders.books.catching_up import catch_up
from orders.models import Forfeit, Order
from tests import builders
from tests.builders import Market, Sale, assert_refused, broken, confirmed
from tests.campaigns import presale
from tests.campaigns.inbox import told, work
from tests.campaigns.presale import balance, book, bought, confirm, forfeits, let_pass, seen
from tests.house import Caller

BUYERS: Final = 5
ADVANCE: Final = {"type": "advance", "per_box_minor": 1_000}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (opening, closing):
        monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(opening, "GIVEN_BACK_MAX", 2)


class Season:
    """A sale with its buyers, one box each, whose balance may be opened."""

    def __init__(self, market: Market, as_role: Callable[..., Caller], operator: Caller, **item: Any) -> None:
        self.market, self.operator = market, operator
        self.sale: Sale = presale.on_sale(market, 20, **item)
        self.buyers = [as_role(Role.SHOPPER) for _ in range(BUYERS)]
        found = [(buyer, bought(buyer, operator, self.sale, 1)) for buyer in self.buyers]
        found.sort(key=lambda each: uuid.UUID(each[1]["id"]))
        self.buyers, self.orders = [buyer for buyer, _ in found], [order for _, order in found]

    def due(self) -> "Season":
        presale.harvested(self.market, self.sale)
        let_pass(self.market, self.sale, hours=24)
        return self

    @property
    def states(self) -> list[str]:
        return [self.market.stored(Order, order["id"]).state for order in self.orders]

    @property
    def state(self) -> str:
        return str(self.market.campaign(self.sale).state)

    def open_some(self) -> None:
        presale.open_balance(self.market, self.sale)
        assert broken(self.market.app) == []

    def close_some(self) -> None:
        presale.close_balance(self.market, self.sale)
        assert broken(self.market.app) == []

    def opened(self) -> "Season":
        self.due().open_some()
        work(self.market)
        assert self.state == "balance_open"
        return self


@pytest.fixture
def season(market: Market, as_role: Callable[..., Caller], operator: Caller, small: None) -> Season:
    return Season(market, as_role, operator)


def test_between_two_batches_of_an_opening_every_promise_holds(season: Season) -> None:
    season.due()
    found = []
    while season.state == "harvested":
        season.open_some()
        found.append((season.state, season.states.count("balance_due")))
    assert found == [("harvested", 2), ("harvested", 4), ("balance_open", 5)]
    with season.market.unchanged(), pytest.raises(CampaignStateForbids):
        presale.open_balance(season.market, season.sale)


def test_who_has_no_balance_yet_cannot_pay_one_and_who_has_can(season: Season, operator: Caller) -> None:
    season.due().open_some()
    first, last = (season.buyers[0], season.orders[0]), (season.buyers[-1], season.orders[-1])
    assert_refused(last[0].post(f"/v1/orders/{last[1]['id']}/balance"), 409, "state")
    assert book(operator, confirm(first[0], balance(*first))).status_code == 200
    assert broken(season.market.app) == []
    work(season.market)
    assert season.states == ["balance_paid", *["balance_due"] * 4]
    assert [len(told(buyer, "balance_due")) for buyer in season.buyers] == [0, 1, 1, 1, 1]
    assert book(operator, confirm(last[0], balance(*last))).status_code == 200


def test_a_worker_that_dies_in_a_batch_leaves_it_to_the_next(season: Season) -> None:
    season.due().open_some()

    def dies(session: Session) -> None:
        balances.open_balance(session, presale.now(season.market), campaign_id=season.sale.campaign_id)
        raise RuntimeError

    before = season.states
    with pytest.raises(RuntimeError):
        database.transact(dies)
    assert season.states == before
    work(season.market)
    assert season.state == "balance_open"
    assert season.states == ["balance_due"] * BUYERS
    assert [len(told(buyer, "balance_due")) for buyer in season.buyers] == [1] * BUYERS
    assert {seen(season.buyers[0], season.orders[0])["deposit"]["balance_minor"]} == {4_100}, "five were sold"


def test_the_clock_goes_on_where_a_job_was_lost(season: Season) -> None:
    season.due().open_some()
    campaign_id, now = str(season.sale.campaign_id), presale.now(season.market)
    for _ in range(2):
        database.transact(lambda session: advancing.advance(session, now, campaign_id=campaign_id))
    assert season.state == "balance_open"


def test_once_the_first_has_a_balance_nobody_withdraws_and_nothing_is_short(
    market: Market, as_role: Callable[..., Caller], operator: Caller, small: None
) -> None:
    season = Season(market, as_role, operator, deposit=ADVANCE)
    season.due().open_some()
    assert season.states[-1] == "deposit_paid", "its deposit would go back until it is committed"
    refused = season.buyers[-1].post(f"/v1/orders/{season.orders[-1]['id']}/withdrawal")
    assert_refused(refused, 409, "state")
    with season.market.unchanged(), pytest.raises(CampaignStateForbids):
        database.transact(lambda session: start_shortage(session, season))
    work(market)
    assert season.states == ["balance_due"] * BUYERS


def start_shortage(session: Session, season: Season) -> None:
    shortage_opening.start(
        session,
        season.market.ctx,
        campaign_id=season.sale.campaign_id,
        terms=shortage_opening.DEFAULT,
    )


def test_a_campaign_given_up_between_two_batches_pays_everybody_back(
    season: Season, operator: Caller
) -> None:
    season.due().open_some()
    assert operator.post(f"{season.sale.url}/cancellation", json={"reason": "hail"}).status_code == 200
    work(season.market)
    assert season.state == "closed"
    assert season.states == ["released"] * BUYERS
    for buyer in season.buyers:
        assert [each["amount"]["minor"] for each in told(buyer, "refund_due")] == [1_000]
        assert len(told(buyer, "campaign_cancelled")) == 1


def test_who_paid_in_full_gets_the_difference_back_batch_by_batch_and_once(
    market: Market, as_role: Callable[..., Caller], operator: Caller, small: None
) -> None:
    season = Season(market, as_role, operator, deposit=None)
    season.due()
    found = []
    while season.state == "harvested":
        season.open_some()
        found.append(sum(len(told(buyer, "refund_due")) for buyer in season.buyers))
    assert found == [2, 4, 5]
    for buyer in season.buyers:
        assert [each["amount"]["minor"] for each in told(buyer, "refund_due")] == [400]


def test_unpaid_orders_end_in_batches_before_anything_is_counted(
    market: Market, as_role: Callable[..., Caller], operator: Caller, small: None
) -> None:
    sale = presale.on_sale(market)
    paid = bought(buyer := as_role(Role.SHOPPER), operator, sale, 1)
    unpaid = [confirmed(as_role(Role.SHOPPER), sale, 1) for _ in range(3)]
    presale.harvested(market, sale)
    let_pass(market, sale, hours=24)
    presale.open_balance(market, sale)
    states = [market.stored(Order, order["id"]).state for order in unpaid]
    assert (states.count("expired"), seen(buyer, paid)["state"]) == (2, "deposit_paid")
    assert broken(market.app) == []
    work(market)
    assert {market.stored(Order, order["id"]).state for order in unpaid} == {"expired"}
    assert seen(buyer, paid)["state"] == "balance_due"
    assert market.campaign(sale).state == "balance_open"


def test_between_two_batches_of_a_closing_every_promise_holds(season: Season, operator: Caller) -> None:
    season.opened()
    book(operator, confirm(season.buyers[2], balance(season.buyers[2], season.orders[2])))
    let_pass(season.market, season.sale, hours=144)
    found = []
    while season.state == "balance_open":
        season.close_some()
        free = season.market.pool(season.sale).available_boxes
        found.append((season.state, season.states.count("balance_defaulted"), free))
    assert found == [("balance_open", 2, 17), ("balance_open", 4, 19), ("balance_closed", 4, 19)]
    assert season.states[2] == "balance_paid"
    assert [sum(forfeits(order)) for order in season.orders] == [1_000, 1_000, 0, 1_000, 1_000]
    work(season.market)
    assert [len(told(buyer, "balance_defaulted")) for buyer in season.buyers] == [1, 1, 0, 1, 1]


def test_a_closing_that_dies_in_a_batch_is_ended_by_the_next(season: Season) -> None:
    season.opened()
    let_pass(season.market, season.sale, hours=144)
    season.close_some()

    def dies(session: Session) -> None:
        balances.close_balance(session, presale.now(season.market), campaign_id=season.sale.campaign_id)
        raise RuntimeError

    before = season.states
    with pytest.raises(RuntimeError):
        database.transact(dies)
    assert season.states == before
    work(season.market)
    assert season.state == "balance_closed"
    assert [forfeits(order) for order in season.orders] == [[1_000]] * BUYERS
    assert season.market.pool(season.sale).available_boxes == 20


MANY: Final = 3_000
BATCH_SECONDS_MAX: Final = 30
KIBIBYTES_MAX: Final = 60_000


def test_thousands_of_orders_open_and_close_in_batches_with_flat_memory(app: Flask) -> None:
    market = builders.build(app)
    sale = presale.on_sale(market, 2 * MANY)
    database.transact(lambda session: _sell(session, sale))
    while database.transact(lambda session: catch_up(session, presale.now(market), batch=5_000)):
        pass
    presale.harvested(market, sale)
    let_pass(market, sale, hours=24)
    opened = _batches(market, sale, balances.open_balance, "balance_open")
    let_pass(market, sale, hours=144)
    closed = _batches(market, sale, balances.close_balance, "balance_closed")
    with database.reading() as session:
        states = dict(session.execute(select(Order.state, func.count()).group_by(Order.state)).all())
        assert states == {"balance_defaulted": MANY}
        assert session.scalar(select(func.count()).select_from(Forfeit)) == MANY
    assert len(opened) == MANY // opening.BATCH
    assert len(closed) == MANY // closing.BATCH + 1, "the last finds nothing"
    assert max(opened + closed) < BATCH_SECONDS_MAX
    work(market)
    with database.reading() as session:
        kinds = session.execute(select(Notification.kind, func.count()).group_by(Notification.kind)).all()
    assert dict(kinds)["balance_defaulted"] == MANY
    assert broken(app) == []


def _sell(session: Session, sale: Sale) -> None:
    connection = session.connection()
    connection.exec_driver_sql(SHOPPERS_SQL, {"count": MANY})
    connection.exec_driver_sql(crowd.ORDERS, {"orders": MANY, "pool_id": sale.pool_id})


def _batches(market: Market, sale: Sale, step: Callable[..., Any], until: str) -> list[float]:
    """The seconds of each; memory is flat after the first."""
    seconds: list[float] = []
    warm = 0
    while market.campaign(sale).state != until:
        begun = time.monotonic()
        now = presale.now(market)
        database.transact(lambda session, now=now: step(session, now, campaign_id=sale.campaign_id))
        database.db.session.remove()
        seconds.append(time.monotonic() - begun)
        if len(seconds) == 1:
            warm = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - warm
    assert grown < KIBIBYTES_MAX, (grown, until)
    if MANY > 50_000:
        print(until, len(seconds), sum(seconds), max(seconds), grown)  # noqa: T201
    return seconds
