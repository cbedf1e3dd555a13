"""Two who want something else of one settlement at the same moment; two campaigns that begin with the same account."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from marketplace import database
from orders.settlements import settling
from tests.builders import Market, at_once
from tests.campaigns import presale
from tests.campaigns.settling import scene
from tests.campaigns.settling.scene import Settling, done
from tests.campaigns.settling.test_settling import books, payable
from tests.house import Caller

ROUNDS = 3


def asked(caller: Caller, url: str, **body: Any) -> Callable[[], int]:
    return lambda: caller.post(url, json=body or None).status_code


def test_one_of_acceptance_and_objection_wins(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    for cooperative in (0, 1):
        member, found = made.members[cooperative], made.of(cooperative)
        url = f"/v1/settlements/{found['id']}"
        codes = at_once(
            market.app,
            [
                asked(member, f"{url}/objection", digest=found["digest"], reason="no"),
                asked(member, f"{url}/acceptance", digest=found["digest"]),
            ],
        )
        assert sorted(codes) == [200, 409]
        assert made.of(cooperative)["state"] == ("objected" if codes[0] == 200 else "final")


def test_a_lapse_and_an_objection_leave_one_of_two_states_and_one_booking(
    market: Market, operator: Caller
) -> None:
    made = scene.presold(market, operator).proposed()
    scene.let_pass(days=7, seconds=-1)
    member, found = made.members[0], made.of(0)
    objection = asked(member, f"/v1/settlements/{found['id']}/objection", digest=found["digest"], reason="no")
    codes = at_once(market.app, [objection, lambda: late_lapse(market)])
    assert codes[0] in (200, 409, 410)
    while late_lapse(market):
        pass
    state = made.of(0)["state"]
    assert state == ("objected" if codes[0] == 200 else "final")
    assert payable(market, 0) == (0 if state == "objected" else found["payout_minor"])


def late_lapse(market: Market) -> int:
    def work() -> int:
        scene.let_pass(seconds=2)
        return database.transact(lambda session: settling.lapse(session, presale.now(market)))

    return work()


def test_all_who_accept_at_once_book_it_once(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    found = made.of(0)
    url = f"/v1/settlements/{found['id']}/acceptance"
    codes = at_once(market.app, [asked(made.members[0], url, digest=found["digest"]) for _ in range(5)])
    assert sorted(codes) == [200, 409, 409, 409, 409]
    assert books()["commission_income"] == 208


def test_of_two_campaigns_of_one_cooperative_one_is_looked_at(market: Market, operator: Caller) -> None:
    both: list[Settling] = [scene.presold(market, operator, pledged=(2,)).drafted() for _ in range(2)]
    for _ in range(ROUNDS):
        codes = at_once(market.app, [asked(operator, f"{each.url}/proposal") for each in both])
        assert codes == [200, 200]
        states = [each.of(0)["state"] for each in both]
        assert sorted(states) == ["draft", "proposed"]
        first = both[states.index("proposed")]
        done(first.step(0, "withdrawal", reason="once more"))
    assert int(count("SELECT count(*) FROM settlement_move WHERE event = 'propose'")) == ROUNDS


def test_drafts_at_once_make_one_settlement_for_each(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator)
    codes = at_once(market.app, [asked(operator, made.url, **scene.TERMS) for _ in range(4)])
    assert (set(codes), made.count()) == ({200}, 2)


def test_one_key_drafts_once(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator)
    first, again = (operator.post(made.url, json=scene.TERMS, key="settle-once-0123456789") for _ in range(2))
    assert (first.status_code, first.json) == (200, again.json)
    assert again.headers.get("Idempotent-Replayed") == "true"
    other = operator.post(made.url, json={"commission_bps": 1}, key="settle-once-0123456789")
    assert other.status_code == 422


def count(sql: str) -> Any:
    with database.reading() as session:
        return session.scalar(text(sql))
