"""Random walks through the lives of sponsorships: after each step every promise of escrow, stock and orders holds.

Small numbers on purpose: little fruit, odd prices, so that shortage, second splits, taken back tranches and ends are
frequent. Whatever is refused changes nothing of the sponsorship.
"""

from collections import Counter
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from marketplace import database, verify
from marketplace.access import Role
from marketplace.embedded.databases import DatabaseUrls
from orders.sponsoring import drawing
from tests import builders, house
from tests.orders.life import Quiet
from tests.orders.sponsoring.fund import WHY, Fund, address_of, drafted, stocked

PICKS = st.integers(0, 99)
"""The how-manieth of what there is, around and around."""
PRICE_MINOR = 333
REFUSED = range(400, 500)

Met = Counter[str]
"""How often a sponsorship was met in this state."""


class Sponsorships(RuleBasedStateMachine):
    def __init__(self, app: Flask, urls: DatabaseUrls, met: Met, begins: str) -> None:
        super().__init__()
        self.app = app
        self.urls = urls
        self.met = met
        self.begins = begins

    @initialize(
        stock=st.tuples(*[st.integers(2, 8)] * 3),
        boxes=st.integers(3, 12),
        end=st.sampled_from(["donated", "returned", "carried_on"]),
        permille=st.sampled_from([300, 600, 1_000]),
        token=st.integers(0, 1),
    )
    def build(self, stock: tuple[int, ...], boxes: int, end: str, permille: int, token: int) -> None:
        house.empty(self.urls)
        self.market = stocked(builders.build(self.app), *stock)
        self.player = house.caller(self.app, Role.SHOPPER)
        self.address = address_of(self.player)
        sponsor, operator = (house.caller(self.app, role) for role in (Role.BUYER, Role.OPERATOR))
        fund = drafted(
            self.market,
            sponsor,
            operator,
            boxes,
            unit_price_minor=PRICE_MINOR,
            escrow_permille=permille,
            end_policy=end,
            shopper_pays_minor=token,
            tranches={"confirmation": 300, "intake": 333, "delivery": 367},
            **({"carry_days": 3} if end == "carried_on" else {}),
        )
        quiet = [Quiet.of(each) for each in (fund.sponsor, fund.operator, *fund.members)]
        self.player = Quiet.of(self.player)
        self.fund = Fund(
            market=self.market,
            sponsor=quiet[0],
            operator=quiet[1],
            members=tuple(quiet[2:]),
            id=fund.id,
        )
        self.draws: list[dict[str, Any]] = []
        self.gifts: list[str] = []
        self.tokens: list[dict[str, Any]] = []
        begins = self.begins
        if begins != "draft":
            self.fund.funded()
        if begins not in ("draft", "funded"):
            self.allocate()
            self.approve()
        if begins in ("drawing", "ended"):
            self.all_answer(["yes"] * 3)
            self.accept_short()
        if begins == "ended":
            self.move_all()
            self.end(is_over=True)

    @rule()
    def sign(self) -> None:
        self.step(self.fund.sponsor, "signature")

    @rule()
    def accept(self) -> None:
        self.step(self.fund.operator, "acceptance")

    @rule(seriously=st.integers(0, 3), who=st.booleans())
    def refuse(self, seriously: int, who: bool) -> None:
        if seriously == 3:
            self.step(self.fund.operator, "rejection", WHY)
        elif seriously == 2:
            self.step(self.fund.sponsor if who else self.fund.operator, "cancellation", WHY)

    @rule(percent=st.integers(1, 120), arrives=st.booleans())
    def pay(self, percent: int, arrives: bool) -> None:
        """A part of the price, which may never come, or comes when another is under way."""
        seen = self.fund.seen()
        opened = self.step(
            self.fund.sponsor, "payments", {"amount_minor": max(1, seen["total_minor"] * percent // 100)}
        )
        if opened.status_code == 201:
            self.ok(self.fund.sponsor.post(f"/v1/payments/{opened.json['id']}/confirm"))
            if arrives:
                self.ok(self.fund.receive(opened.json))

    @rule()
    def allocate(self) -> None:
        self.step(self.fund.operator, "allocation")

    @rule()
    def approve(self) -> None:
        if self.has_order():
            self.ok(self.fund.order.approve())

    @rule(pick=PICKS, boxes=st.none() | st.integers(1, 4))
    def confirm(self, pick: int, boxes: int | None) -> None:
        if (found := self.share(pick, "offered")) is not None:
            run, code, kept = found
            self.ok(self.fund.order.confirm(code, run=run, boxes=boxes and min(boxes, kept)))

    @rule(pick=PICKS)
    def decline(self, pick: int) -> None:
        if (found := self.share(pick, "offered")) is not None:
            self.ok(self.fund.order.decline(found[1], run=found[0]))

    @rule(said=st.lists(st.sampled_from(["yes", "yes", "no"]), min_size=3, max_size=6))
    def all_answer(self, said: list[str]) -> None:
        for word in said:
            if word == "yes":
                self.confirm(0, None)
            else:
                self.decline(0)

    @rule(pick=PICKS, boxes=st.integers(1, 3))
    def reduce(self, pick: int, boxes: int) -> None:
        """A cooperative finds that it cannot bring so many."""
        if (found := self.share(pick, "confirmed")) is not None:
            self.ok(self.fund.order.reduce(found[1], min(boxes, found[2]), run=found[0]))

    @rule()
    def accept_short(self) -> None:
        if self.has_order():
            self.ok(self.fund.order.accept_short())

    @rule(seriously=st.integers(0, 5))
    def give_up_the_order(self, seriously: int) -> None:
        if seriously == 5 and self.has_order():
            self.ok(self.fund.order.cancel())

    @rule(pick=PICKS, boxes=st.integers(1, 6), word=st.sampled_from(["intakes", "deliveries"]))
    def move_fruit(self, pick: int, boxes: int, word: str) -> None:
        shares = self.fund.told()["shares"]
        if shares:
            share_id = shares[pick % len(shares)]["share_id"]
            url = f"/v1/sponsored-shares/{share_id}/{word}"
            self.ok(self.fund.operator.post(url, json={"boxes": boxes}))

    @rule()
    def move_all(self) -> None:
        """Whatever is confirmed is taken in and delivered, as far as escrow reaches."""
        for share in self.fund.told()["shares"]:
            for word, boxes in (
                ("intakes", share["boxes"] - share["boxes_taken_in"]),
                ("deliveries", share["boxes"] - share["boxes_delivered"]),
            ):
                if boxes:
                    url = f"/v1/sponsored-shares/{share['share_id']}/{word}"
                    self.ok(self.fund.operator.post(url, json={"boxes": boxes}))

    @rule(boxes=st.integers(1, 4))
    def draw(self, boxes: int) -> None:
        response = self.ok(self.fund.draw(self.player, boxes))
        if response.status_code == 201:
            self.draws.append(response.json)

    @rule(boxes=st.integers(1, 3))
    def give(self, boxes: int) -> None:
        response = self.step(self.fund.sponsor, "gifts", {"boxes": boxes})
        if response.status_code == 201:
            self.gifts.append(response.json["code"])

    @rule(pick=PICKS)
    def claim(self, pick: int) -> None:
        if self.gifts:
            body = {"code": self.gifts[pick % len(self.gifts)], **self.address}
            self.ordered(self.player.post("/v1/gift-claims", json=body))

    @rule(pick=PICKS)
    def redeem(self, pick: int) -> None:
        if self.draws:
            draw = self.draws[pick % len(self.draws)]
            self.ordered(self.player.post(f"/v1/draws/{draw['id']}/redemption", json=self.address))

    @rule(pick=PICKS, arrives=st.booleans())
    def pay_token(self, pick: int, arrives: bool) -> None:
        if not self.tokens:
            return
        token = self.tokens[pick % len(self.tokens)]
        url = f"/v1/payments/{token['payment_id']}"
        self.ok(self.player.post(f"{url}/confirm"))
        if arrives:
            body = {
                "amount_minor": token["total_minor"],
                "currency": "CNY",
                "receipt_reference": f"bank-{token['payment_id']}",
            }
            self.ok(self.fund.operator.post(f"{url}/receipts", json=body))
        else:
            self.ok(self.fund.operator.post(f"{url}/failure", json={"reason": "bounced"}))

    @rule(pick=PICKS)
    def release(self, pick: int) -> None:
        if self.draws:
            self.ok(self.fund.operator.post(f"/v1/draws/{self.draws[pick % len(self.draws)]['id']}/release"))

    @rule()
    def draws_lapse(self) -> None:
        later = self.market.later(days=20)
        database.transact(lambda session: drawing.expire_due(session, later))

    @rule(is_over=st.booleans())
    def end(self, is_over: bool) -> None:
        if is_over and self.fund.state == "drawing":
            self.fund.over()
        self.step(self.fund.operator, "ending")

    @rule()
    def close(self) -> None:
        self.step(self.fund.operator, "closing")

    @rule(parts=st.sampled_from([1, 2, 3, 3]))
    def finish(self, parts: int) -> None:
        """What a good end looks like, or some of it: all is brought, the time is over, the books are closed."""
        for work in (self.move_all, self.end_in_time, self.close)[:parts]:
            work()
            self.every_promise_holds()

    def end_in_time(self) -> None:
        self.end(is_over=True)

    def step(self, who: Any, word: str, body: Any = None) -> Any:
        """Asked at the door; what is refused leaves the sponsorship as it was."""
        before = self.fund.seen()
        response = self.ok(self.fund.step(who, word, body))
        if response.status_code in REFUSED:
            assert self.fund.seen() == before
        return response

    def ordered(self, response: Any) -> None:
        self.ok(response)
        if response.status_code < REFUSED.start and response.json.get("payment_id"):
            self.tokens.append(response.json)

    def ok(self, response: Any) -> Any:
        """Done, or refused in words; nothing broke."""
        assert response.status_code < REFUSED.stop, response.json
        assert response.status_code != 422, response.json
        return response

    def has_order(self) -> bool:
        return self.fund.seen()["order_id"] is not None

    def share(self, pick: int, state: str) -> tuple[int, str, int] | None:
        """One of the shares in this state: its run, its cooperative's code, the boxes it keeps."""
        if not self.has_order():
            return None
        found = [
            (run, code, kept)
            for (run, code), (its, kept) in self.fund.order.states().items()
            if its == state and kept
        ]
        return found[pick % len(found)] if found else None

    @invariant()
    def every_promise_holds(self) -> None:
        modules = [each for each in self.app.extensions["modules"] if each.name in {"inventory", "orders"}]
        database.db.session.remove()
        with database.reading() as session:
            findings = verify.check(session, verify.invariants_of(modules))
            assert [found.invariant.id for found in findings if not found.holds] == []
        seen = self.fund.seen()
        self.met[seen["state"]] += 1
        assert (
            seen["escrowed_minor"] == seen["escrow_minor"] + seen["released_minor"] + seen["returned_minor"]
        )
        if seen["state"] in ("closed", "cancelled"):
            assert seen["escrow_minor"] == 0


@pytest.mark.parametrize(
    ("begins", "meets"),
    [
        ("draft", {"draft"}),
        ("funded", {"funded"}),
        ("approved", {"allocating"}),
        ("drawing", {"drawing"}),
        ("ended", {"delivering", "closed"}),
    ],
)
def test_whatever_happens_to_sponsorships_every_promise_holds(
    app: Flask, database_urls: DatabaseUrls, begins: str, meets: set[str]
) -> None:
    met: Met = Counter()
    run_state_machine_as_test(
        lambda: Sponsorships(app, database_urls, met, begins),
        settings=settings(
            max_examples=6,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,  # the same walks every time: which states they meet is no matter of luck
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert builders.broken(app) == []
    assert met.keys() >= meets
