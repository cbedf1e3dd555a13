"""What moves orders one by one and what moves many at once is told alike: the catalogue is true of both.

Every step that the audit trail tells of an order is compared with what partners were told of it, in each scene.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from campaigns.shortage import closing
from marketplace import context, database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.jobs.models import StoredJob
from marketplace.payments.models import PartRefund
from marketplace.webhooks import outbox
from marketplace.webhooks.catalogue import BY_NAME, WISHED
from marketplace.webhooks.models import Delivery, Message
from orders import checkout
from orders.models import Order
from orders.states import OrderState
from orders.telling import TOLD
from tests.builders import Market, broken, confirmed, ordered, paid
from tests.campaigns import presale
from tests.campaigns.fulfilment import stage as wave_stage
from tests.campaigns.shortage import stage
from tests.house import Caller
from tests.orders import life
from tests.webhooks.conftest import URL, Receiver, registered, worked

ADVANCE = {"type": "advance", "per_box_minor": 5_000, "counts_minor": 5_200, "funder": "county"}
WHY = {"reason": "hail"}


class Scene:
    """A market in which something happens, with a partner that asked for everything."""

    def __init__(self, market: Market, operator: Caller, as_role: Callable[..., Caller]) -> None:
        self.market, self.operator, self.as_role = market, operator, as_role
        registered(operator)

    def buyers(self, count: int) -> list[Caller]:
        return [self.as_role(Role.SHOPPER) for _ in range(count)]

    def done(self, response: Any) -> None:
        assert response.status_code == 200, response.json


def one_by_one(scene: Scene) -> None:
    """Paid, withdrawn, failed, expired."""
    sale = scene.market.on_sale(20)
    happy, sorry, unlucky, silent = scene.buyers(4)
    paid(happy, scene.operator, sale, 2)
    order = ordered(sorry, sale)
    scene.done(sorry.post(f"/v1/orders/{order['id']}/withdrawal"))
    failing = confirmed(unlucky, sale)
    scene.done(scene.operator.post(f"/v1/payments/{failing['payment_id']}/failure", json=WHY))
    ordered(silent, sale)
    expired = database.transact(
        lambda session: checkout.expire_unpaid(session, context.system(), minutes=0, batch=10)
    )
    assert expired == 1


def goal_reached(scene: Scene) -> None:
    """Three deposits are committed by one statement."""
    goal = {"item": {"deposit": presale.DEPOSIT}, "balance": presale.BALANCE, "goal_boxes": 3}
    sale = scene.market.on_sale(8, **goal)
    for buyer in scene.buyers(3):
        presale.bought(buyer, scene.operator, sale, 2)
    scene.done(scene.operator.post(f"{sale.url}/closing", json=WHY))
    scene.done(scene.operator.post(f"{sale.url}/evaluation"))


def balances_due(scene: Scene) -> None:
    """Committed and asked for the rest in the same moment; one pays, two do not."""
    sale = presale.on_sale(scene.market)
    buyers = scene.buyers(3)
    orders = [presale.bought(buyer, scene.operator, sale, 2) for buyer in buyers]
    presale.opened(scene.market, sale)
    payment = presale.confirm(buyers[0], presale.balance(buyers[0], orders[0]))
    scene.done(presale.book(scene.operator, payment))
    presale.closed(scene.market, sale)


def balances_covered(scene: Scene) -> None:
    """What was paid covers the price: nothing is left to pay."""
    sale = presale.on_sale(scene.market, deposit=ADVANCE)
    for buyer in scene.buyers(2):
        presale.bought(buyer, scene.operator, sale, 3)
    presale.opened(scene.market, sale)


def goal_missed(scene: Scene) -> None:
    """All orders are released together, an unpaid one among them, and their money goes back."""
    sale = scene.market.on_sale(20, goal_boxes=19)
    for buyer in scene.buyers(3):
        paid(buyer, scene.operator, sale, 2)
    scene.done(scene.operator.post(f"{sale.url}/closing", json=WHY))
    scene.done(scene.operator.post(f"{sale.url}/evaluation"))


def given_up(scene: Scene) -> None:
    sale = scene.market.on_sale(20)
    paid(scene.buyers(1)[0], scene.operator, sale, 2)
    for buyer in scene.buyers(2):
        ordered(buyer, sale)
    for word in ("pause", "cancellation"):
        scene.done(scene.operator.post(f"{sale.url}/{word}", json=WHY))


def cut(scene: Scene) -> None:
    """Too few boxes: everybody has fewer, and somebody none."""
    short = stage.harvested(scene.market, scene.as_role, scene.operator, (1, 2, 5, 10), there=2)
    stage.opened(short, cause="force_majeure", evidence="hail")
    stage.let_pass(short, hours=49)
    database.transact(lambda session: closing.advance_due(session, context.system()))


def bulk(scene: Scene) -> None:
    """A bulk order is committed, another is cancelled."""
    market = scene.market
    for number in range(2):
        market.lot(40, cooperative=number)
    members = life.members_of(market)
    buyer = scene.as_role(Role.BUYER)
    life.place(market, buyer, scene.operator, members, 12).committed()
    life.place(market, buyer, scene.operator, members, 6).approved().done(
        life.place(market, buyer, scene.operator, members, 6).cancel()
    )


def sent(scene: Scene) -> None:
    """Three orders are taken up by one wave; all their parcels leave, and arrive."""
    made = wave_stage.closed(scene.market, scene.operator)
    made.released()
    made.all_go("packing", "shipment", "delivery")


SCENES = (
    one_by_one,
    goal_reached,
    balances_due,
    balances_covered,
    goal_missed,
    given_up,
    cut,
    bulk,
    sent,
)
TOGETHER = {
    "order.committed": goal_reached,
    "order.balance_due": balances_due,
    "order.balance_paid": balances_covered,
    "order.packing": sent,
    "order.cut": cut,
    "order.ended": goal_missed,
    "payment.refund_due": goal_missed,
}
"""Of these many may be told of at once, and where they are here."""
ALONE = {
    "campaign.state_changed": "a campaign is moved under its own lock",
    "campaign.pledged": "a pledge is moved by its own door",
    "order.placed": "a bulk order is placed by its own door",
    "order.shipped": "each parcel is handed over for itself",
    "order.delivered": "each parcel arrives for itself",
    "allocation.approved": "an operator approves one",
    "share.offered": "each share is published for itself",
    "share.answered": "each share is published for itself",
    "case.opened": "each case is opened for itself",
    "case.settled": "a person settles one",
    "lot.status_changed": "each lot is stopped for itself",
    "claim.opened": "a buyer claims for itself",
    "claim.decided": "an operator decides on one",
    "payment.received": "each receipt is booked for itself",
    "payment.failed": "each payment fails for itself",
    "payout.paid": "each payout is confirmed for itself",
    "payout.returned": "each payout comes back for itself",
    "trace.checkpoint": "each county's chain is signed for itself",
}


@pytest.fixture
def scene(market: Market, operator: Caller, as_role: Callable[..., Caller], receiver: Receiver) -> Scene:
    return Scene(market, operator, as_role)


def audited() -> dict[uuid.UUID, list[tuple[str, str]]]:
    """By order: what partners should have been told, and the state in it, step by step."""
    found: defaultdict[uuid.UUID, list[tuple[str, str]]] = defaultdict(list)
    with database.reading() as session:
        for entry in session.scalars(
            select(AuditEntry).where(AuditEntry.subject_kind == "order").order_by(AuditEntry.id)
        ):
            word = entry.action.split(".")[1]
            if word not in set(OrderState) or entry.before is None:
                continue
            order_id = uuid.UUID(str(entry.subject_id))
            if word == OrderState.CUT:
                found[order_id].append(("order.cut", str(entry.after["state"])))
                if entry.after["boxes"]:
                    continue
            name = TOLD[OrderState(word)]
            if name is not None:
                found[order_id].append((name, word))
    return dict(found)


def messages(*kinds: str) -> list[Message]:
    with database.reading() as session:
        found = session.scalars(select(Message).where(Message.type.in_(kinds)).order_by(Message.id)).all()
        session.expunge_all()
    return list(found)


def told_of_orders() -> dict[uuid.UUID, list[tuple[str, str]]]:
    names = sorted({name for name in TOLD.values() if name} | {"order.cut"})
    found: defaultdict[uuid.UUID, list[tuple[str, str]]] = defaultdict(list)
    for message in messages(*names):
        found[uuid.UUID(message.data["order_id"])].append((message.type, message.data["state"]))
    return dict(found)


@pytest.mark.parametrize("play", SCENES, ids=lambda play: play.__name__)
def test_partners_are_told_each_step_of_each_order_once_and_in_its_order(
    app: Flask, scene: Scene, receiver: Receiver, play: Callable[[Scene], None]
) -> None:
    play(scene)
    worked(app)
    expected = audited()
    assert expected, "something happened to orders"
    assert told_of_orders() == expected
    sent: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    for each in receiver.of(URL):
        if each["type"] in set(TOLD.values()) | {"order.cut"}:
            sent[uuid.UUID(each["data"]["order_id"])].append(each["type"])
    assert sent == {order_id: [name for name, _ in steps] for order_id, steps in expected.items()}
    assert broken(app) == []


@pytest.mark.parametrize("name", WISHED)
def test_every_event_is_told_of_one_alone_or_of_many_together(name: str) -> None:
    assert (name in TOGETHER) != (name in ALONE)


def test_every_state_of_an_order_is_told_or_left_out_on_purpose() -> None:
    assert set(TOLD) == set(OrderState)
    assert {name for name in TOLD.values() if name} <= set(BY_NAME)


@pytest.mark.parametrize("name", sorted(TOGETHER))
def test_many_at_once_are_told_in_one_round_each_with_its_own_data(
    app: Flask, scene: Scene, name: str
) -> None:
    TOGETHER[name](scene)
    worked(app)
    found = messages(name)
    subject = "payment_id" if name.startswith("payment") else "order_id"
    together = max(Counter(each.at for each in found).values())
    assert together >= 2, "of one moment"
    assert len({each.data[subject] for each in found}) == len(found), "each of them once"
    for message in found:
        assert set(message.data) == set(BY_NAME[name].data)
        assert message.told_count == 1
    if subject == "order_id":
        for message in found:
            order = scene.market.stored(Order, message.data["order_id"])
            assert (message.data["boxes"], message.data["total_minor"]) == (order.boxes, order.total_minor)
            assert message.data["quantity_grams"] == order.boxes * order.pack_grams


def test_what_a_balance_is_due_for_is_told_with_it(app: Flask, scene: Scene) -> None:
    balances_due(scene)
    for message in messages("order.balance_due"):
        assert (message.data["balance_boxes"], message.data["balance_minor"]) == (2, 2 * 3_700)
        assert message.data["balance_due_at"].endswith("Z")


def test_what_goes_back_is_told_to_the_unit(app: Flask, scene: Scene) -> None:
    goal_missed(scene)
    cut(scene)
    worked(app)
    found = messages("payment.refund_due")
    with database.reading() as session:
        due = session.scalar(select(func.sum(PartRefund.amount_minor)))
    assert sum(each.data["refund_minor"] + each.data["compensation_minor"] for each in found) == due
    assert {each.data["reason"] for each in found} == {"failed", "shortage"}


def test_what_a_cut_leaves_is_told(app: Flask, scene: Scene) -> None:
    cut(scene)
    found = [(each.data["boxes_before"], each.data["boxes_after"]) for each in messages("order.cut")]
    assert sum(before - after for before, after in found) == 16
    ended = {each.data["order_id"] for each in messages("order.ended")}
    assert ended == {each.data["order_id"] for each in messages("order.cut") if not each.data["boxes_after"]}


def test_a_thousand_are_told_by_few_statements_and_one_job(market: Market, operator: Caller) -> None:
    """Rows are written together; the senders are woken once."""
    registered(operator)
    said: list[str] = []
    data = [{"payment_id": uuid.uuid4(), "order_id": uuid.uuid4()} for _ in range(1_000)]

    def note(*arguments: Any) -> None:
        said.append(arguments[2])

    def work(session: Session) -> None:
        event.listen(session.get_bind(), "before_cursor_execute", note)
        try:
            outbox.tell_many(session, market.ctx, "payment.failed", data=data)
        finally:
            event.remove(session.get_bind(), "before_cursor_execute", note)

    database.transact(work)
    assert len(said) <= 8, said
    with database.reading() as session:
        put_in = select(func.count()).select_from(StoredJob).where(StoredJob.name == outbox.WAKE)
        assert session.scalar(put_in) == 1
        assert session.scalar(select(func.count()).select_from(Delivery)) == 1_000
    found = messages("payment.failed")
    assert [each.data["payment_id"] for each in found] == [str(each["payment_id"]) for each in data], (
        "in their order"
    )


def test_nobody_reads_orders_for_nobody(market: Market) -> None:
    def data() -> Any:
        raise AssertionError("asked for")
        yield

    database.transact(lambda session: outbox.tell_many(session, market.ctx, "order.committed", data=data()))
    assert messages("order.committed") == []
