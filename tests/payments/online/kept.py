"""A deposit whose card is kept for the balance, and what becomes of it: steps that tests share."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text

from marketplace import database
from marketplace.notifications.models import Notification
from marketplace.payments.saved.models import BalanceConsent, SavedCard
from orders import charging
from tests.builders import Market, Sale, ordered
from tests.campaigns import presale
from tests.house import Caller
from tests.payments.online.there import There

BOXES = 2
DEPOSIT = BOXES * 1_000
BALANCE = BOXES * (6_000 - 1_500)
"""At the price of the first step."""
AGED = text("UPDATE balance_consent SET charge_at = charge_at - :by WHERE charge_at IS NOT NULL")


def pay(caller: Caller, order: dict[str, Any], method: str | None = "pm_card_visa", **body: Any) -> Any:
    body = {"save_for_balance": True, **({} if method is None else {"payment_method": method}), **body}
    return caller.post(f"/v1/payments/{order['payment_id']}/online", json=body)


def deposit(online: There, shopper: Caller, sale: Sale, method: str = "pm_card_visa") -> dict[str, Any]:
    """Paid by a card that is kept, with the consent that the balance is charged to it."""
    order = ordered(shopper, sale, BOXES)
    response = pay(shopper, order, method)
    assert response.status_code == 200, response.json
    online.work()
    return order


def opened(online: There, market: Market, shopper: Caller, method: str = "pm_card_visa") -> dict[str, Any]:
    """The same, and its balance is open."""
    sale = presale.on_sale(market)
    order = deposit(online, shopper, sale, method)
    presale.opened(market, sale)
    run_tells(online)
    return order | {"sale": sale}


def run_tells(online: There) -> None:
    """The jobs that tell what is planned."""
    ctx = online.wait()

    def work(session: Any) -> None:
        found = session.execute(
            text("DELETE FROM job WHERE name = 'orders.tell_charges' RETURNING arguments")
        ).scalars()
        for arguments in found:
            charging.tell_planned(session, ctx, **arguments)

    database.transact(work)


def charge(online: There, *, minutes: int = 2, work: bool = True, **passed: float) -> None:
    """So much time passes, and then some minutes, in each of which what is due is charged."""
    age(**passed)
    for _ in range(minutes):
        age(minutes=1)
        due(online)
        if work:
            online.work(minutes=3)


def age(**passed: float) -> None:
    database.transact(lambda session: session.execute(AGED, {"by": timedelta(**passed)}))


def due(online: There) -> None:
    """The job of every minute, and what it puts in."""
    ctx = online.wait()
    database.transact(lambda session: charging.charge_due(session, ctx))

    def take(session: Any) -> list[dict[str, Any]]:
        found = session.execute(
            text("DELETE FROM job WHERE name = 'orders.charge_balance' RETURNING arguments")
        )
        return list(found.scalars())

    for arguments in database.transact(take):
        database.transact(lambda session, told=arguments: charging.charge(session, ctx, **told))


def consents(online: There, order: dict[str, Any]) -> list[BalanceConsent]:
    found = online.rows(BalanceConsent, BalanceConsent.order_id == uuid.UUID(order["id"]))
    return sorted(found, key=lambda each: each.id)


def card(online: There) -> SavedCard:
    [found] = online.rows(SavedCard)
    return found


def declining(online: There, code: str, decline: str | None) -> None:
    """From now on the bank declines the kept card."""
    online.stand_in.books.rows[card(online).method]["_declined"] = (code, decline)


def switch(shopper: Caller, order: dict[str, Any], *, is_given: bool, **body: Any) -> Any:
    return shopper.put(
        f"/v1/orders/{order['id']}/balance-consent", json={"is_given": is_given, **body}, key=None
    )


def shown(shopper: Caller, order: dict[str, Any]) -> dict[str, Any]:
    response = shopper.get(f"/v1/orders/{order['id']}/balance-consent")
    assert response.status_code == 200, response.json
    told: dict[str, Any] = response.json
    return told


def told(kind: str) -> list[Notification]:
    with database.reading() as session:
        found = list(session.scalars(select(Notification).where(Notification.kind == kind)))
        session.expunge_all()
        return found


def balance_of(shopper: Caller, order: dict[str, Any]) -> dict[str, Any]:
    """The payment of its balance, as `pay` takes it."""
    payment_id = presale.seen(shopper, order)["deposit"]["balance_payment_id"]
    return {"id": order["id"], "payment_id": payment_id}
