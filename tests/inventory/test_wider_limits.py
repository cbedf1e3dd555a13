"""Limits by household and by network: counted under the pool's lock, so that no race passes them."""

import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from inventory import counter, grant_rules, holds, measures
from inventory.counter import Request
from inventory.grant_rules import Ask, Line
from inventory.models import Hold, Pool
from inventory.networks import network_of
from marketplace import database
from marketplace.context import Context
from marketplace.idempotency import Answer, Claim
from marketplace.identity import households
from marketplace.identity.models import Account
from marketplace.values import new_id
from tests.inventory.yard import Yard, at_once

HERE = "a" * 32
THERE = "b" * 32


def ask(ctx: Context, pool: Pool, boxes: int = 1, *, network: str | None = None, **changes) -> Ask:
    assert ctx.actor.id is not None
    facts = {"minutes": 10, "network": network, **changes}
    return Ask(buyer_id=ctx.actor.id, lines=(Line(pool_id=pool.id, boxes=boxes),), **facts)


def grant(yard: Yard, ctx: Context, pool: Pool, boxes: int = 1, **changes) -> Hold:
    asked = ask(ctx, pool, boxes, **changes)
    [placed] = database.transact(lambda session: holds.place_on_pools(session, ctx, asked))
    return yard.stored(Hold(id=placed.hold_id))


def live_together(*some: Context) -> None:
    ids = [ctx.actor.id for ctx in some]
    database.transact(
        lambda session: session.execute(
            update(Account).where(Account.id.in_(ids)).values(household=uuid.uuid4().hex)
        )
    )


def with_household_limit(yard: Yard, pool: Pool, boxes: int) -> Pool:
    database.transact(
        lambda session: session.execute(
            update(Pool).where(Pool.id == pool.id).values(boxes_per_household_max=boxes)
        )
    )
    return yard.stored(pool)


def boxes_of(yard: Yard, pool: Pool, *, network: str) -> int:
    with database.reading() as session:
        held = select(func.coalesce(func.sum(Hold.boxes), 0)).where(
            Hold.pool_id == pool.id, Hold.network == network, Hold.state.in_(["active", "converting"])
        )
        return int(session.scalar(held) or 0)


def test_a_household_has_no_more_than_its_limit_held_and_bought(yard: Yard) -> None:
    pool = with_household_limit(yard, yard.full_pool(20, per_buyer=5), 6)
    one, other, stranger = (yard.shopper() for _ in range(3))
    live_together(one, other)
    bought = yard.hold(pool, one, 4)
    database.transact(lambda session: holds.start_payment(session, one, hold_id=bought.id))
    database.transact(lambda session: holds.consume(session, yard.ctx, hold_id=bought.id))
    yard.hold(pool, other, 2)
    with pytest.raises(holds.HouseholdLimit) as refused:
        yard.hold(pool, other, 3)
    assert refused.value.facts == {"requested_boxes": 3, "counted_boxes": 4, "boxes_max": 6}
    with pytest.raises(holds.HouseholdLimit):
        yard.hold(pool, one, 1)
    assert yard.hold(pool, other, 1).boxes == 1
    assert yard.hold(pool, one, 1).boxes == 1
    assert yard.hold(pool, stranger, 5).boxes == 5


def test_a_limit_by_household_asks_nothing_of_who_told_no_household(yard: Yard) -> None:
    pool = with_household_limit(yard, yard.full_pool(20), 3)
    assert yard.hold(pool, yard.shopper(), 9).boxes == 9


def test_members_of_a_household_in_one_batch_are_counted_after_each_other(yard: Yard) -> None:
    pool = with_household_limit(yard, yard.full_pool(20), 5)
    family = [yard.shopper() for _ in range(4)]
    live_together(*family)
    replies = [
        told for _, told in counter.serve([counter.let_in(request(ctx, ask(ctx, pool, 2))) for ctx in family])
    ]
    assert [reply.status for reply in replies] == [201, 201, 409, 409]
    assert json.loads(replies[2].body)["code"] == "household_limit"


def test_a_household_asking_at_once_does_not_pass_its_limit(yard: Yard) -> None:
    pool = with_household_limit(yard, yard.full_pool(40), 5)
    family = [yard.shopper() for _ in range(12)]
    live_together(*family)
    at_once(
        yard.app,
        [lambda session, ctx=ctx: holds.place_on_pools(session, ctx, ask(ctx, pool, 2)) for ctx in family],
    )
    assert yard.stored(pool).boxes_held == 4
    assert yard.broken() == []


def move_together(yard: Yard, *some: Context, minutes_ago: int = 0) -> None:
    """The same, told as a person tells it: the audit says when."""
    at = replace(yard.ctx, now=yard.ctx.now - timedelta(minutes=minutes_ago))

    def work(session: Session) -> None:
        for ctx in some:
            assert ctx.actor.id is not None
            households.change(session, at, account_id=ctx.actor.id, address="Apple Road 1")

    database.transact(work)


def test_more_than_a_household_may_have_is_found(yard: Yard) -> None:
    pool = with_household_limit(yard, yard.full_pool(20), 6)
    one, other = yard.shopper(), yard.shopper()
    move_together(yard, one, other, minutes_ago=60)
    yard.hold(pool, one, 3)
    yard.hold(pool, other, 3)
    assert yard.broken() == []
    with_household_limit(yard, pool, 5)
    assert yard.broken() == ["H9"]


def test_who_moves_together_with_their_boxes_breaks_nothing(yard: Yard) -> None:
    """The limit bounds what is given: nobody is asked to give boxes back for having moved."""
    pool = with_household_limit(yard, yard.full_pool(20), 6)
    one, other = yard.shopper(), yard.shopper()
    yard.hold(pool, one, 4)
    yard.hold(pool, other, 4)
    move_together(yard, one, other)
    assert yard.broken() == []
    with pytest.raises(holds.HouseholdLimit):
        yard.hold(pool, one, 5)


def request(ctx: Context, asked: Ask) -> Request:
    return Request(
        ctx=ctx,
        ask=asked,
        claim=Claim(principal=ctx.actor.label, key=uuid.uuid4().hex, fingerprint="f"),
        answered=lambda placed: Answer(status=201, body="{}", headers={}),
    )


def test_a_thousand_made_up_buyers_of_one_network_hold_less_than_a_tenth(yard: Yard) -> None:
    """AB-06. Everybody else finds nine tenths left."""
    pool = yard.full_pool(500)
    crowd = [yard.of_account(new_id()) for _ in range(1_000)]
    rows = [
        {"id": ctx.actor.id, "name": "Made up", "status": "active", "created_at": yard.ctx.now, "version": 1}
        for ctx in crowd
    ]
    database.transact(lambda session: session.execute(insert(Account), rows))
    statuses = []
    for start in range(0, 1_000, 64):
        batch = [request(ctx, ask(ctx, pool, network=HERE)) for ctx in crowd[start : start + 64]]
        statuses += [reply.status for _, reply in counter.serve([counter.let_in(each) for each in batch])]
    assert statuses.count(201) == boxes_of(yard, pool, network=HERE) == 49
    assert yard.stored(pool).boxes_held * 10 < 500
    assert grant(yard, yard.shopper(), pool, 400, network=THERE, network_permille=1_000).boxes == 400
    assert yard.broken() == []


def test_requests_at_once_of_one_network_do_not_pass_its_part(yard: Yard) -> None:
    pool = yard.full_pool(300)
    shoppers = [yard.shopper() for _ in range(16)]
    at_once(
        yard.app,
        [
            lambda session, ctx=ctx: holds.place_on_pools(session, ctx, ask(ctx, pool, 3, network=HERE))
            for ctx in shoppers
        ],
    )
    assert boxes_of(yard, pool, network=HERE) == 27
    assert yard.broken() == []


def test_what_is_paid_lapsed_or_given_back_makes_room_for_the_network(yard: Yard) -> None:
    pool = yard.full_pool(100)
    shoppers = [yard.shopper() for _ in range(5)]
    some = [grant(yard, ctx, pool, 5, network=HERE) for ctx in shoppers[:4]]
    with pytest.raises(holds.NetworkLimit) as refused:
        grant(yard, shoppers[4], pool, 1, network=HERE)
    assert refused.value.facts == {
        "requested_boxes": 1,
        "counted_boxes": 20,
        "boxes_max": grant_rules.NETWORK_BOXES_MIN,
    }
    database.transact(lambda session: holds.start_payment(session, shoppers[0], hold_id=some[0].id))
    with pytest.raises(holds.NetworkLimit):
        grant(yard, shoppers[4], pool, 1, network=HERE)
    database.transact(lambda session: holds.consume(session, yard.ctx, hold_id=some[0].id))
    yard.let_expire(some[1])
    database.transact(lambda session: holds.release_own(session, shoppers[2], hold_id=some[2].id))
    assert grant(yard, shoppers[4], pool, 15, network=HERE).boxes == 15
    assert yard.broken() == []


def test_a_hold_counts_for_the_network_from_which_it_grew_last(yard: Yard) -> None:
    pool, shopper = yard.full_pool(100), yard.shopper()
    assert grant(yard, shopper, pool, 5, network=HERE).network == HERE
    assert grant(yard, shopper, pool, 3, network=THERE).network == HERE
    assert grant(yard, shopper, pool, 9, network=THERE).network == THERE
    assert grant(yard, shopper, pool, 20, network=THERE).boxes == 20
    with pytest.raises(holds.NetworkLimit):
        grant(yard, shopper, pool, 21, network=THERE)
    assert grant(yard, shopper, pool, 1, network=THERE).boxes == 1


@pytest.mark.parametrize(
    "address", [None, "", "x", "127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fe80::1", "100.64.0.1"]
)
def test_what_is_not_on_the_public_internet_is_no_network(address: str | None) -> None:
    assert network_of(address, secret="s") is None


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("8.8.8.8", "8.8.8.250", True),
        ("8.8.8.8", "8.8.9.8", False),
        ("8.8.8.8", "::ffff:8.8.8.9", True),
        ("2400:cb00:1:1::1", "2400:cb00:1:ffff::9", True),
        ("2400:cb00:1::1", "2400:cb00:2::1", False),
    ],
)
def test_a_network_is_told_by_a_digest_alone(one: str, other: str, *, is_same: bool) -> None:
    found = network_of(one, secret="s")
    assert found is not None
    assert len(found) == 32
    assert (found == network_of(other, secret="s")) == is_same
    assert found != network_of(one, secret="another")


def test_holds_are_counted_for_those_who_watch(yard: Yard) -> None:
    def counted() -> list[float]:
        refused = measures.REFUSED.labels("sold_out")
        return [each._value.get() for each in (measures.PLACED, measures.EXPIRED, refused)]

    before = counted()
    pool = yard.full_pool(2)
    yard.let_expire(yard.hold(pool, yard.shopper(), 2))
    yard.hold(pool, yard.shopper(), 2)
    with pytest.raises(holds.SoldOut):
        yard.hold(pool, yard.shopper(), 1)
    assert [after - was for after, was in zip(counted(), before, strict=True)] == [2, 1, 1]


def test_guests_hold_shorter_than_who_has_bought(yard: Yard) -> None:
    pool, shopper = yard.full_pool(100), yard.shopper()
    first = grant(yard, shopper, pool, minutes_guest=4)
    assert (first.expires_at - first.created_at).total_seconds() == 240
    database.transact(lambda session: holds.start_payment(session, shopper, hold_id=first.id))
    database.transact(lambda session: holds.consume(session, yard.ctx, hold_id=first.id))
    second = grant(yard, shopper, pool, minutes_guest=4)
    assert (second.expires_at - second.created_at).total_seconds() == 600
    grant(yard, yard.shopper(), pool, 90)
    hot = grant(yard, replace(yard.shopper()), pool)
    assert (hot.expires_at - hot.created_at).total_seconds() == 300
