"""Gifts of a sponsor's pool: a code that is told once, kept as a digest, and claimed once."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from inventory.models import Hold, PoolMovement
from marketplace import database
from marketplace.access import Role
from orders.sponsoring import gifting
from orders.sponsoring.models import SponsorDraw
from tests.builders import Market, assert_refused, at_once
from tests.house import Caller
from tests.orders import life
from tests.orders.sponsoring.fund import Fund, address_of, drafted, pay_token, player, stocked

CLAIMS = "/v1/gift-claims"


@pytest.fixture
def fund(market: Market, buyer: Caller, operator: Caller) -> Fund:
    return drafted(stocked(market), buyer, operator).drawing()


def test_a_gift_is_claimed_to_an_address_and_paid(fund: Fund, shopper: Caller) -> None:
    given = fund.given(2, words="Happy new year 新年快乐")
    gift, code = given["draw"], given["code"]
    assert (gift["kind"], gift["state"], gift["holder_id"]) == ("gift", "open", None)
    assert len(code) == gifting.CODE_LENGTH
    assert fund.figures()["held"] == 2
    fund.keeps_every_promise()
    typed = f" {code[:13].lower()}-{code[13:]} "
    claimed = shopper.post(CLAIMS, json={"code": typed, **address_of(shopper)})
    assert claimed.status_code == 200, claimed.json
    assert (claimed.json["draw"]["holder_id"], claimed.json["total_minor"]) == (str(shopper.account_id), 2)
    fund.keeps_every_promise()
    assert pay_token(shopper, fund.operator, claimed.json).status_code == 200
    fund.keeps_every_promise()
    assert fund.told()["redeemed_by"]["gift"] == 2
    [mine] = shopper.get("/v1/draws").json["items"]
    assert (mine["state"], mine["words"]) == ("redeemed", "Happy new year 新年快乐")


def test_a_gift_goes_from_its_sponsor_to_its_finder_in_one_step(fund: Fund, shopper: Caller) -> None:
    """Two holds in all, the second instead of the first; its boxes are never free in between."""
    given = fund.given(2)
    claimed = shopper.post(CLAIMS, json={"code": given["code"], **address_of(shopper)})
    assert claimed.status_code == 200, claimed.json
    with database.reading() as session:
        lines = session.scalars(
            select(PoolMovement.kind)
            .join(Hold, Hold.id == PoolMovement.hold_id)
            .where(Hold.kind == "game_claim")
            .order_by(PoolMovement.number)
        ).all()
        found = session.execute(
            select(Hold.state, Hold.owner_id).where(Hold.kind == "game_claim").order_by(Hold.id)
        ).all()
    assert lines == ["held", "superseded", "held"]
    assert [(state, owner) for state, owner in found] == [
        ("superseded", fund.sponsor.account_id),
        ("active", shopper.account_id),
    ]
    fund.keeps_every_promise()


def test_the_code_is_nowhere_to_be_read_again(fund: Fund) -> None:
    code = fund.given()["code"]
    with database.reading() as session:
        assert session.scalar(select(SponsorDraw.code_digest)) == gifting.digest(code)
        names = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        for name in names:
            found = session.scalar(
                text(f'SELECT count(*) FROM "{name}" t WHERE t::text LIKE :code'),
                {"code": f"%{code}%"},
            )
            assert found == 0, name


def test_a_code_is_of_use_once_even_for_two_at_once(fund: Fund) -> None:
    code = fund.given(3)["code"]
    people = [player(fund.market) for _ in range(2)]

    def work(who: Caller) -> Callable[[], SponsorDraw]:
        address_id = uuid.UUID(address_of(who)["address_id"])
        ctx = fund.market.acting(who)
        return lambda: database.transact(
            lambda session: gifting.claim(session, ctx, code=code, address_id=address_id)
        )

    results = at_once(fund.market.app, [work(each) for each in people])
    assert sorted(isinstance(each, gifting.GiftNotFound) for each in results) == [False, True]
    assert (fund.figures()["held"], fund.figures()["free"]) == (3, 17)
    fund.keeps_every_promise()
    for who in people:
        again = who.post(CLAIMS, json={"code": code, **address_of(who)})
        assert_refused(again, 404, "gift_not_found")


def test_a_gift_that_nobody_claims_is_in_the_pool_again(fund: Fund, shopper: Caller) -> None:
    until = (fund.market.ctx.now + timedelta(days=2)).isoformat()
    given = fund.given(5, expires_at=until)
    life.as_owner(fund.market, "UPDATE sponsor_draw SET expires_at = now() - interval '1 second'")
    body = {"code": given["code"], **address_of(shopper)}
    assert_refused(shopper.post(CLAIMS, json=body), 410, "draw_expired")
    assert fund.figures()["held"] == 5, "the job has not come yet"
    life.enqueue(fund.market, "sponsoring.expire_draws")
    life.jobs.work(fund.market.app, once=True)
    assert fund.sponsor.get(f"/v1/draws/{given['draw']['id']}").json["state"] == "expired"
    assert (fund.figures()["free"], fund.figures()["expired"]) == (20, 5)
    assert_refused(shopper.post(CLAIMS, json=body), 410, "draw_expired")
    fund.keeps_every_promise()


def test_a_sponsor_takes_an_unclaimed_gift_back(fund: Fund, shopper: Caller) -> None:
    given = fund.given(5)
    released = fund.sponsor.post(f"/v1/draws/{given['draw']['id']}/release")
    assert released.json["state"] == "released"
    assert fund.figures()["free"] == 20
    refused = shopper.post(CLAIMS, json={"code": given["code"], **address_of(shopper)})
    assert_refused(refused, 404, "gift_not_found")
    fund.keeps_every_promise()


def test_a_claimed_gift_is_its_holders_alone(fund: Fund, shopper: Caller) -> None:
    """Not paid, it waits for its holder until its time is over; the sponsor cannot take it back."""
    given = fund.given(2)
    claimed = shopper.post(CLAIMS, json={"code": given["code"], **address_of(shopper)}).json
    order_id, draw_id = claimed["draw"]["order_id"], given["draw"]["id"]
    assert shopper.post(f"/v1/orders/{order_id}/withdrawal").status_code == 200
    assert shopper.get(f"/v1/draws/{draw_id}").json["state"] == "open"
    fund.keeps_every_promise()
    assert_refused(fund.sponsor.post(f"/v1/draws/{draw_id}/release"), 404, "draw_not_found")
    again = shopper.post(f"/v1/draws/{draw_id}/redemption", json=address_of(shopper))
    assert again.status_code == 200, again.json


def test_gifts_that_cannot_be(fund: Fund, shopper: Caller, as_role: Callable[..., Caller]) -> None:
    other = as_role(Role.BUYER)
    assert_refused(other.post(f"{fund.url}/gifts", json={"boxes": 1}), 404, "sponsorship_not_found")
    assert_refused(fund.step(fund.sponsor, "gifts", {"boxes": 21}), 409, "sold_out")
    late = {"boxes": 1, "expires_at": (fund.market.ctx.now + timedelta(days=61)).isoformat()}
    assert_refused(fund.step(fund.sponsor, "gifts", late), 409, "draw_too_long")
    nobody = shopper.post(CLAIMS, json={"code": "A" * gifting.CODE_LENGTH, **address_of(shopper)})
    assert_refused(nobody, 404, "gift_not_found")
    code = fund.given()["code"]
    strange = shopper.post(CLAIMS, json={"code": code, "address_id": str(uuid.uuid4())})
    assert_refused(strange, 404, "address_not_found")
    taken = shopper.post(CLAIMS, json={"code": code, **address_of(shopper)})
    assert taken.status_code == 200, "a wrong address has used nothing up"
    fund.over()
    assert_refused(fund.step(fund.sponsor, "gifts", {"boxes": 1}), 410, "draws_over")
