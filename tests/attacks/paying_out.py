"""A season of paying out, played by a script: advances, settlements, payouts by bank and at the payment service.

It begins where the season of money ends: an order is paid and its boxes are confirmed. Three cooperatives bring two,
four and six boxes at 52 yuan; the first two are paid at their bank, the third at the payment service.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from campaigns.advancing import ADVANCE
from marketplace import database
from marketplace.access import Role
from marketplace.payouts import destinations
from marketplace.payouts.models import Payout
from orders.settlements.jobs import LAPSE
from tests import house
from tests.attacks import paying_out_dump
from tests.attacks.dumps import Dump
from tests.attacks.ground import Ground, Remote
from tests.builders import ordered
from tests.campaigns import allotted
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.settling import scene
from tests.campaigns.settling.scene import Settling, done
from tests.payments.online.there import pay
from tests.payments.statements import files
from tests.payouts.desk import BANK, OTHER

PRICE: Final = 5_200
KEPT_DAYS: Final = 180
STRIPE: Final = 2
"""The cooperative that is paid at the payment service."""


@dataclass
class PayingOut:
    """Who asks at the doors of processes that may be lost."""

    ground: Ground
    sending: Sending
    operator: Remote
    approver: Remote
    members: tuple[Remote, ...]
    advances: dict[int, str] = field(default_factory=dict)
    """The latest of each cooperative."""
    settling: Settling | None = None

    def quiet(self) -> None:
        """What was set off is done."""
        self.ground.mend()
        self.ground.deliver()
        self.ground.drain()

    def coop(self, number: int) -> uuid.UUID:
        return self.ground.market.cooperative_ids[number]

    @property
    def settled(self) -> Settling:
        assert self.settling is not None, "boxes are delivered first"
        return self.settling

    # -- advances

    def ask(self, number: int, minor: int) -> None:
        body = {"cooperative_id": str(self.coop(number)), "currency": "CNY", "amount_minor": minor}
        self.advances[number] = done(
            self.members[number].post(f"{self.sending.sale.url}/advances", json=body)
        )["id"]

    def grant(self, number: int) -> str:
        """Its payout."""
        done(self.operator.post(f"/v1/advances/{self.advances[number]}/grant", json={}))
        return self.running(uuid.UUID(self.advances[number]))

    # -- payouts

    def running(self, purpose_id: uuid.UUID) -> str:
        with database.reading() as session:
            found = (
                session.query(Payout.id).filter(Payout.purpose_id == purpose_id).order_by(Payout.id.desc())
            )
            return str(found.limit(1).scalar())

    def drafted(self, number: int) -> str:
        """Of its settlement."""
        return str(done(self.settled.step(number, "payout"))["id"])

    def approve(self, number: int, payout_id: str) -> None:
        with database.reading() as session:
            now_is = destinations.standing(session, [self.coop(number)])[self.coop(number)].id
        body = {"destination_id": str(now_is)}
        done(self.approver.post(f"/v1/payouts/{payout_id}/approval", json=body))

    def batch(self, *payout_ids: str, file_format: str = "csv") -> dict[str, Any]:
        body = {"currency": "CNY", "format": file_format, "payout_ids": list(payout_ids)}
        return done(self.operator.post("/v1/payout-batches", json=body))

    def send(self, payout_id: str) -> None:
        done(self.operator.post(f"/v1/payouts/{payout_id}/sending"))

    def state(self, payout_id: str) -> str:
        return str(self.ground.market.stored(Payout, payout_id).state)

    def come_back(self, payout_id: str, reason: str) -> None:
        done(self.operator.post(f"/v1/payouts/{payout_id}/return", json={"reason": reason}))

    def debits(self, *told: tuple[str, str, int]) -> None:
        """The bank's statement: key, the reference that it names, amount."""
        lines = [
            files.line(key, direction="debit", minor=minor, remittance=f"付款 {reference}")
            for key, reference, minor in told
        ]
        assert files.send(self.operator, files.table(*lines)).status_code == 201

    def reference(self, payout_id: str) -> tuple[str, int]:
        found = self.ground.market.stored(Payout, payout_id)
        return found.reference, found.amount_minor

    def age(self, sql: str) -> None:
        with self.ground.owner() as connection:
            connection.execute(sql)

    def take_back_there(self, payout_id: str) -> None:
        """On the payment service's own page."""
        stand_in = self.ground.stand_in
        with stand_in.books.lock:
            [transfer] = [
                each for each in stand_in.books.all("transfer") if each["metadata"]["payout_id"] == payout_id
            ]
            stand_in.connect.reverse(transfer["id"], {})

    def refund(self, minor: int) -> str:
        """So much of the order goes back after the sale."""
        return scene.refunded(self.sending.orders[0], minor)


def play(ground: Ground, *, after_step: Callable[[str], None] = lambda _: None) -> PayingOut:
    """The whole script; `after_step` hears the name of each step."""
    season = begun(ground)
    season.quiet()
    for step in STEPS:
        step(season)
        season.quiet()
        after_step(step.__name__)
    ground.settle()
    return season


def begun(ground: Ground) -> PayingOut:
    """Twelve boxes are sold to one buyer, paid by card and confirmed by those who bring them."""
    market = ground.market
    operator = house.caller(ground.app, Role.OPERATOR)
    made = allotted.sold(market, operator, pledged=(20, 20, 20), orders=())
    buyer = house.caller(ground.app, Role.SHOPPER)
    order = ordered(buyer, made.sale, 12)
    ground.drain()
    assert pay(buyer, order, "pm_card_visa").status_code == 200
    sending = Sending(
        market=market,
        sale=made.sale,
        operator=operator,
        buyers=[buyer],
        orders=[order],
        members=made.members,
    )
    ground.deliver()
    ground.drain()
    sending.choose(0)
    made.start()
    ground.drain()  # who confirms before the job has asked is not asked
    made.done(*(made.confirm(each.code) for each in made.commitments() if each.boxes))
    for _ in range(3):
        sending.advance()
    assert sending.state == "balance_closed", sending.state
    return PayingOut(
        ground=ground,
        sending=sending,
        operator=Remote(ground, operator),
        approver=ground.somebody(Role.OPERATOR),
        members=tuple(Remote(ground, each) for each in made.members),
    )


def places_to_be_paid_at(season: PayingOut) -> None:
    """Two banks; the third has asked for an advance before it says where it is paid."""
    for number, bank in enumerate((BANK, OTHER)):
        body = {"cooperative_id": str(season.coop(number)), "kind": "bank", "bank_account": bank}
        done(season.members[number].post("/v1/payout-destinations", json=body))
    terms = {
        "confirmation_permille": 300,
        "intake_permille": 400,
        "delivery_permille": 300,
        "factor_permille": 500,
        "clearing_days": 0,
    }
    done(season.operator.put(f"{season.sending.sale.url}/advance-terms", json=terms))
    season.ask(STRIPE, 2_500)
    season.grant(STRIPE)
    member, body = season.members[STRIPE], {"cooperative_id": str(season.coop(STRIPE)), "country": "DE"}
    done(member.post("/v1/payout-onboardings", json=body))
    stand_in = season.ground.stand_in
    with stand_in.books.lock:
        [account] = stand_in.books.all("account")
        stand_in.connect.onboard(account["id"])
    assert done(member.post("/v1/payout-onboardings", json=body))["is_ready"]
    body = {"cooperative_id": str(season.coop(STRIPE)), "kind": "stripe"}
    done(member.post("/v1/payout-destinations", json=body))
    season.age("UPDATE payout_destination SET named_at = named_at - interval '3 days'")


def advances_by_bank(season: PayingOut) -> None:
    """Two in one batch, which the bank books in one sum."""
    sent = []
    for number, minor in ((0, 3_000), (1, 2_000)):
        season.ask(number, minor)
        sent.append(season.grant(number))
        season.approve(number, sent[-1])
    made = season.batch(*sent)
    season.debits(("ADV", made["reference"], made["total_minor"]))


def an_advance_at_the_payment_service(season: PayingOut) -> None:
    """It is away at first; what it has paid is asked back, and paid again."""
    payout_id = season.running(uuid.UUID(season.advances[STRIPE]))
    season.approve(STRIPE, payout_id)
    stand_in = season.ground.stand_in
    stand_in.fail_next("busy", "POST /v1/transfers", times=1_000_000)
    season.send(payout_id)
    season.quiet()
    assert season.state(payout_id) == "sent"
    stand_in.faults.clear()
    season.ground.age(minutes=3)
    season.ground.enqueue("payouts.sweep")
    season.quiet()
    assert season.state(payout_id) == "paid"
    done(season.operator.post(f"/v1/payouts/{payout_id}/reversal"))
    season.quiet()
    assert season.state(payout_id) == "returned"
    again = season.grant(STRIPE)
    season.approve(STRIPE, again)
    season.send(again)


def boxes_are_delivered(season: PayingOut) -> None:
    found = scene.delivered(season.sending)
    assert found.sending.state == "completed"
    behind_doors = Sending(
        market=found.market,
        sale=season.sending.sale,
        operator=season.operator,
        buyers=season.sending.buyers,
        orders=season.sending.orders,
        members=season.members,
    )
    season.settling = Settling(sending=behind_doors, members=season.members)


def settlements_are_drafted(season: PayingOut) -> None:
    """Twice, on other terms; something of a price was given back before."""
    season.refund(300)
    season.quiet()
    season.settled.drafted()
    until = (season.ground.market.today + timedelta(days=KEPT_DAYS)).isoformat()
    season.settled.proposed(retention_permille=50, retained_until=until)


def an_advance_comes_back_while_it_is_read(season: PayingOut) -> None:
    """Granted again, it is not sent before its boxes are settled."""
    season.come_back(season.running(uuid.UUID(season.advances[1])), "the account is closed")
    season.grant(1)
    done(season.settled.step(1, "proposal"))


def they_are_answered(season: PayingOut) -> None:
    """Accepted; objected to, revised, objected to again and dismissed; and nothing said."""
    settled = season.settled
    settled.accept(0)
    done(settled.object_to(1))
    done(settled.step(1, "revision", answer="counted anew"))
    until = (season.ground.market.today + timedelta(days=KEPT_DAYS)).isoformat()
    settled.drafted(retention_permille=50, retained_until=until)
    done(settled.step(1, "proposal"))
    done(settled.object_to(1, "still too few"))
    done(settled.step(1, "dismissal", answer="as weighed"))
    scene.let_pass(days=8)
    season.ground.enqueue(LAPSE)
    season.quiet()
    assert [settled.of(number)["state"] for number in range(3)] == ["final"] * 3


def an_advance_comes_back_that_was_netted(season: PayingOut) -> None:
    season.come_back(season.running(uuid.UUID(season.advances[0])), "the account is closed")
    for number in (0, 1):
        done(season.members[number].post(f"/v1/advances/{season.advances[number]}/cancellation"))


def payouts_by_bank(season: PayingOut) -> None:
    """One arrives; the other comes back and is paid again."""
    first, second = (season.drafted(number) for number in (0, 1))
    for number, payout_id in enumerate((first, second)):
        season.approve(number, payout_id)
    season.batch(first, second, file_format="pain_001")
    season.debits(("PAY-0", *season.reference(first)))
    season.come_back(second, "no such account")
    again = season.drafted(1)
    season.approve(1, again)
    season.batch(again)
    receipt = {"receipt_reference": "PAY-1"}
    done(season.operator.post(f"/v1/payouts/{again}/receipt", json=receipt))
    season.quiet()
    assert [season.state(each) for each in (first, second, again)] == ["paid", "returned", "paid"]


def a_payout_at_the_payment_service(season: PayingOut) -> None:
    """Taken back on the service's own page, and paid again."""
    payout_id = season.drafted(STRIPE)
    season.approve(STRIPE, payout_id)
    season.send(payout_id)
    season.quiet()
    assert season.state(payout_id) == "paid"
    season.take_back_there(payout_id)
    season.quiet()
    assert season.state(payout_id) == "returned"
    again = season.drafted(STRIPE)
    season.approve(STRIPE, again)
    season.send(again)


def refunds_that_come_late(season: PayingOut) -> None:
    """A box at the first one's fault, and something at nobody's."""
    for number, minor, at_fault in ((0, PRICE, True), (1, 100, False)):
        refund_id = season.refund(minor)
        season.quiet()
        body = {"refund_id": refund_id, "amount_minor": minor, "at_fault": at_fault}
        done(season.settled.step(number, "late-refunds", **body))


def the_campaign_is_settled(season: PayingOut) -> None:
    season.ground.enqueue(ADVANCE, campaign_id=str(season.sending.sale.campaign_id))
    season.quiet()
    assert season.sending.state == "settled"


STEPS: Final[tuple[Callable[[PayingOut], None], ...]] = (
    places_to_be_paid_at,
    advances_by_bank,
    an_advance_at_the_payment_service,
    boxes_are_delivered,
    settlements_are_drafted,
    an_advance_comes_back_while_it_is_read,
    they_are_answered,
    an_advance_comes_back_that_was_netted,
    payouts_by_bank,
    a_payout_at_the_payment_service,
    refunds_that_come_late,
    the_campaign_is_settled,
)


def dump(season: PayingOut) -> Dump:
    """Of the whole season; its people have the names of the script."""
    [order] = season.sending.orders
    [buyer] = season.sending.buyers
    names = {
        str(order["id"]): "order",
        str(order["payment_id"]): "payment",
        str(season.sending.sale.item_id): "item",
        str(season.sending.sale.campaign_id): "campaign",
        str(buyer.account_id): "buyer",
        str(season.operator.account_id): "operator",
        str(season.approver.account_id): "approver",
    }
    names |= {str(each.account_id): f"member {number}" for number, each in enumerate(season.members)}
    return paying_out_dump.dump(season.ground, names)
