"""The counter: who asks at once is served in one transaction, and each gets the answer it would have got alone."""

import json
import uuid
from collections.abc import Sequence

from sqlalchemy import func, select

from inventory import counter, granting, holds, pools, waitlist
from inventory.counter import LOOKS_MAX, Request
from inventory.grant_rules import Ask, Cause, Line, Refused
from inventory.granting import Placed, PoolBusy
from inventory.models import Pool
from marketplace import database, errors
from marketplace.context import Context
from marketplace.database import ATTEMPTS_MAX
from marketplace.desk import Broken
from marketplace.idempotency import Answer, Claim, IdempotencyKey, IdempotencyKeyReused
from tests.inventory.yard import Yard


def shape(placed: Sequence[Placed]) -> Answer:
    body = {"boxes": [each.boxes for each in placed], "version": placed[0].pool.version}
    return Answer(status=201, body=json.dumps(body), headers={})


def request(
    shopper: Context, pool: Pool, boxes: int = 1, *, key: str = "", fingerprint: str = "f", answered=shape
) -> Request:
    assert shopper.actor.id is not None
    return Request(
        ctx=shopper,
        ask=Ask(buyer_id=shopper.actor.id, lines=(Line(pool_id=pool.id, boxes=boxes),), minutes=10),
        claim=Claim(principal=shopper.actor.label, key=key or uuid.uuid4().hex, fingerprint=fingerprint),
        answered=answered,
    )


def serve(requests: Sequence[Request]) -> list[object]:
    """What those who are let in already are told."""
    return [reply for _, reply in counter.serve([counter.let_in(each) for each in requests])]


def status(reply: object) -> int:
    assert isinstance(reply, Answer), reply
    return reply.status


def keys() -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(IdempotencyKey)) or 0


def test_a_batch_is_one_transaction_and_its_versions_follow_each_other(yard: Yard, monkeypatch) -> None:
    pool = yard.full_pool(10)
    shoppers = [yard.shopper() for _ in range(4)]
    runs: list[int] = []
    work = counter._work
    monkeypatch.setattr(counter, "_work", lambda *args: (runs.append(1), work(*args))[1])
    replies = serve([request(shopper, pool, 2) for shopper in shoppers])
    assert [status(reply) for reply in replies] == [201] * 4
    assert [json.loads(reply.body)["version"] for reply in replies] == [3, 4, 5, 6]
    assert len(runs) == 1
    assert yard.stored(pool).boxes_held == 8
    assert yard.broken() == []


def test_two_copies_under_one_key_in_one_batch_have_one_effect(yard: Yard) -> None:
    pool, shopper = yard.full_pool(10), yard.shopper()
    asked = request(shopper, pool, 3, key="k" * 16)
    first, second = serve([asked, asked])
    assert (status(first), status(second)) == (201, 201)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.body == second.body
    assert yard.stored(pool).version == 3
    assert keys() == 1


def test_one_key_for_two_requests_is_refused(yard: Yard) -> None:
    pool, shopper = yard.full_pool(10), yard.shopper()
    first, second = serve(
        [request(shopper, pool, boxes, key="k" * 16, fingerprint=str(boxes)) for boxes in (1, 2)]
    )
    assert status(first) == 201
    assert isinstance(second, IdempotencyKeyReused)
    assert yard.stored(pool).boxes_held == 1


def test_two_requests_of_one_buyer_in_one_batch_are_served_after_each_other(yard: Yard) -> None:
    pool, shopper, other = yard.full_pool(10), yard.shopper(), yard.shopper()
    replies = serve([request(shopper, pool, 2), request(other, pool, 1), request(shopper, pool, 5)])
    assert [status(reply) for reply in replies] == [201] * 3
    assert yard.states(pool) == {"active": 2}
    assert yard.stored(pool).boxes_held == 6
    assert yard.broken() == []


def test_a_refusal_is_stored_and_answered_again_when_boxes_have_come_back(yard: Yard) -> None:
    pool, shopper = yard.full_pool(2), yard.shopper()
    held = yard.hold(pool, other := yard.shopper(), 2)
    asked = request(shopper, pool, 1, key="k" * 16)
    [refused] = serve([asked])
    assert (status(refused), json.loads(refused.body)["code"]) == (409, "sold_out")
    database.transact(lambda session: holds.release_own(session, other, hold_id=held.id))
    [again] = serve([asked])
    assert (again.status, again.body, again.replayed) == (409, refused.body, True)
    [fresh] = serve([request(shopper, pool, 1)])
    assert status(fresh) == 201, "a new key asks anew, though the pool was empty a moment ago"


def test_who_is_refused_does_not_keep_the_others_of_the_batch_from_theirs(yard: Yard) -> None:
    pool = yard.full_pool(5, per_buyer=3)
    replies = serve([request(yard.shopper(), pool, boxes) for boxes in (3, 4, 3, 2)])
    assert [status(reply) for reply in replies] == [201, 409, 409, 201]
    assert [json.loads(replies[place].body)["code"] for place in (1, 2)] == ["hold_limit", "sold_out"]
    assert keys() == 4


def test_what_does_not_sell_is_handed_back_and_nothing_is_stored(yard: Yard) -> None:
    pool, closed = yard.full_pool(5), yard.full_pool(5)
    database.transact(lambda session: pools.set_window(session, yard.ctx, pool_id=closed.id, window=None))
    unknown = Pool(id=uuid.uuid4())
    replies = serve([request(yard.shopper(), each) for each in (closed, pool, unknown)])
    assert [each.cause for each in replies if isinstance(each, Refused)] == [
        Cause.NOT_SELLING,
        Cause.NO_SUCH_POOL,
    ]
    assert status(replies[1]) == 201
    assert keys() == 1


def test_a_broken_request_spoils_nothing_for_the_others_of_its_batch(yard: Yard) -> None:
    pool = yard.full_pool(10)

    def poison(_placed: Sequence[Placed]) -> Answer:
        raise ZeroDivisionError

    good = [request(yard.shopper(), pool) for _ in range(2)]
    first, broken, last = serve([good[0], request(yard.shopper(), pool, answered=poison), good[1]])
    assert isinstance(broken, Broken)
    assert isinstance(broken.problem, ZeroDivisionError)
    assert (status(first), status(last)) == (201, 201)
    replies = serve(good)
    assert [status(reply) for reply in replies] == [201, 201]
    assert [reply.replayed for reply in replies] == [True, True]
    assert yard.stored(pool).boxes_held == 2
    assert yard.broken() == []


def test_a_busy_pool_is_looked_at_again_until_it_is_free(yard: Yard, monkeypatch) -> None:
    pool = yard.full_pool(3)
    tries: list[int] = []
    look = granting.checked

    def busy_twice(*args):
        tries.append(1)
        if len(tries) < ATTEMPTS_MAX:
            raise PoolBusy
        return look(*args)

    monkeypatch.setattr(granting, "checked", busy_twice)
    [reply] = serve([request(yard.shopper(), pool)])
    assert status(reply) == 201
    assert len(tries) == ATTEMPTS_MAX


def test_a_pool_that_stays_busy_is_refused_and_may_be_tried_again(yard: Yard, monkeypatch) -> None:
    pool = yard.full_pool(3)
    looks: list[int] = []

    def always_busy(*_args):
        looks.append(1)
        raise PoolBusy

    monkeypatch.setattr(granting, "checked", always_busy)
    [reply] = serve([request(yard.shopper(), pool)])
    assert isinstance(reply, PoolBusy)
    assert isinstance(reply, errors.TryLater)
    assert len(looks) == ATTEMPTS_MAX
    assert keys() == 0


def test_lapsed_holds_that_somebody_works_on_are_looked_at_again_for_a_while(yard: Yard, monkeypatch) -> None:
    pool = yard.full_pool(3)
    yard.let_expire(yard.hold(pool, yard.shopper(), 3))
    looks: list[int] = []
    monkeypatch.setattr(counter, "_make_room", lambda _pool_ids: looks.append(1) or 0)
    monkeypatch.setattr(counter, "LOOK_AGAIN_SECONDS", 0)
    [reply] = serve([request(yard.shopper(), pool)])
    assert isinstance(reply, PoolBusy)
    assert len(looks) == LOOKS_MAX


def test_those_in_line_are_served_before_a_batch(yard: Yard) -> None:
    pool = yard.full_pool(5)
    held = yard.hold(pool, holder := yard.shopper(), 5)
    waiter = yard.shopper()
    database.transact(lambda session: waitlist.join(session, waiter, pool_id=pool.id, boxes=3))
    database.transact(lambda session: holds.release_own(session, holder, hold_id=held.id))
    replies = serve([request(yard.shopper(), pool, 2), request(yard.shopper(), pool, 1)])
    assert [status(reply) for reply in replies] == [201, 409]
    assert yard.stored(pool).boxes_held == 5
    assert yard.broken() == []


def test_lapsed_holds_make_room_in_the_same_transaction(yard: Yard) -> None:
    pool = yard.full_pool(4)
    yard.let_expire(*(yard.hold(pool, yard.shopper(), 2) for _ in range(2)))
    replies = serve([request(yard.shopper(), pool, 2) for _ in range(3)])
    assert [status(reply) for reply in replies] == [201, 201, 409]
    assert yard.states(pool) == {"expired": 2, "active": 2}
    assert yard.broken() == []
