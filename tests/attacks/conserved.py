"""Money is never made and never lost: the trial balance is read while everything moves, and sums must be whole."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import select

from inventory.deposit_rules import Deposit, DepositType, Funder
from marketplace import database, errors, verify
from marketplace.access import Role
from marketplace.catalogue import products
from marketplace.catalogue.models import Pack
from marketplace.ledger.invariants import INVARIANTS
from marketplace.ledger.rules import AMOUNT_MAX
from marketplace.payments import part_refunds, payments
from marketplace.payments.states import PartRefundKind
from orders import balance_rules
from tests.attacks import races
from tests.attacks.ground import Ground, together
from tests.attacks.races import Fight
from tests.builders import Sale, receipt
from tests.ledger import money

READERS: Final = 20
EVERY_SECONDS: Final = 0.1
TRIAL_BALANCE: Final = "/v1/ledger/trial-balance"
SALES: Final = (
    ("CNY", 1),
    ("CNY", 2),
    ("CNY", 3),
    ("CNY", 7_777),
    ("JPY", 1),
    ("JPY", 333),
    ("KWD", 10),
    ("KWD", 12_340),
)
"""Currencies with two decimals, none and three; boxes at such prices, in minor units."""
NASTY: Final = (1, 2, 3, 7, 10**13, 2**53 - 1, 2**53 + 1)
"""And the largest one allowed, a few times."""


# -- readers


@dataclass
class Seen:
    """What the readers of a run were told."""

    answers: int = 0
    currencies: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    slow: int = 0
    """Answers after which their reader was late for the next."""


@contextmanager
def watched(ground: Ground, *, readers: int = READERS) -> Iterator[Seen]:
    """So many readers, each ten times a second; every single answer is checked."""
    seen, over, lock = Seen(), threading.Event(), threading.Lock()
    operator = ground.somebody(Role.OPERATOR)

    def read(number: int) -> None:
        while not over.is_set():
            begun = time.monotonic()
            answer = operator.once("GET", TRIAL_BALANCE, web=number)
            with lock:
                _check(seen, answer.status_code, answer.json if answer.status_code == 200 else None)
            rest = EVERY_SECONDS - (time.monotonic() - begun)
            seen.slow += rest < 0
            over.wait(max(0.0, rest))

    threads = [threading.Thread(target=read, args=(number,), daemon=True) for number in range(readers)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _check(seen: Seen, status: int, body: Any) -> None:
    seen.answers += 1
    if body is None:
        seen.wrong.append(f"answered {status}")
        return
    sums: Counter[str] = Counter()
    for line in body["lines"]:
        sums[line["currency"]] += line["debits_posted_minor"] - line["credits_posted_minor"]
        sums[f"{line['currency']} reserved"] += line["debits_pending_minor"] - line["credits_pending_minor"]
        grows = 1 if line["normal_side"] == "debit" else -1
        sums[f"{line['currency']} balances"] += grows * line["balance_minor"]
        seen.currencies.add(line["currency"])
    seen.wrong += [f"{currency} is off by {minor}" for currency, minor in sums.items() if minor]
    seen.wrong += [
        f"{each['currency']} says it is off" for each in body["totals"] if each["difference_minor"]
    ]


# -- what moves


def sale_in(ground: Ground, currency: str, price_minor: int, boxes: int) -> Sale:
    """Of the same apples, for another money."""

    def work(session: Any) -> uuid.UUID:
        product_id = session.scalar(select(Pack.product_id).where(Pack.id == ground.market.pack_id))
        made = products.create_pack(
            session,
            ground.market.ctx,
            product_id=product_id,
            code=f"P{uuid.uuid4().hex[:8]}",
            net_grams=5_000,
            list_price_minor=price_minor,
            currency=currency,
        )
        return made.id

    market = replace(ground.market, pack_id=database.transact(work))
    return market.on_sale(boxes, per_buyer=10, price_minor=price_minor)


def moved(ground: Ground, count: int, step: Callable[[str], None]) -> list[Fight]:
    """For each sale so many orders: paid, partly given back, disputed, given up, ended, all at once."""
    fights: list[Fight] = []
    for currency, price_minor in SALES:
        sale = sale_in(ground, currency, price_minor, 6 * count)
        fights += races.begun(ground, count, boxes=3, sale=sale)
        step(f"orders of {price_minor} {currency}")
    seeded = random.Random(8)
    seeded.shuffle(fights)
    together(lambda each: _live(ground, *each), enumerate(fights), threads=races.AT_ONCE)
    step("everything moves")
    return fights


def _live(ground: Ground, number: int, fight: Fight) -> None:
    fate = number % 6
    if fate == 0:
        fight.cancel()
    fight.pay("pm_card_createDispute" if fate == 1 else "pm_card_visa")
    fight.tell(number)
    fight.come_back()
    if fate in (2, 3, 4):
        total = int(fight.order["total_minor"])
        for part in {2: (1,), 3: (total // 3, 1), 4: (total,)}[fate]:
            owe(ground, fight, part, PartRefundKind.REFUND)
        owe(ground, fight, 1, PartRefundKind.COMPENSATION)


def owe(ground: Ground, fight: Fight, minor: int, kind: PartRefundKind) -> None:
    """A part of a paid order goes back, as the packages above decide it."""
    order_id = uuid.UUID(fight.order["id"])

    def work(session: Any) -> None:
        [payment] = payments.lock_of_orders(session, [order_id])[order_id]
        if payment.state == "succeeded" and minor:
            parts = [(payment, kind, minor)]
            part_refunds.owe_parts(
                session, ground.market.ctx, parts, reason="shortage", source_id=uuid.uuid4()
            )

    with ground.app.app_context():
        database.transact(work)


def pay_back_by_hand(ground: Ground) -> int:
    """Everything that an operator has to pay; how much it was."""
    operator, number = ground.somebody(Role.OPERATOR), 0
    while found := operator.get("/v1/refunds?state=due&limit=100").json["items"]:
        for each in found:
            number += 1
            body = {
                "means": ("bank_transfer", "cash", "credit")[number % 3],
                "receipt_reference": f"R{number}",
            }
            answer = operator.post(f"/v1/refunds/{each['id']}/payments", json=body)
            assert answer.status_code == 200, answer.json
    return number


def booked_by_bank(ground: Ground, currency: str, price_minor: int) -> None:
    """Sums that no card pays: by bank transfer, and a part of it back."""
    sale = sale_in(ground, currency, price_minor, 10)
    operator = ground.somebody(Role.OPERATOR)
    [person] = ground.people(1)
    held = person.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 10}).json
    order = person.post("/v1/orders", json={"hold_id": held["hold_id"]}).json
    path = f"/v1/payments/{order['payment_id']}"
    assert person.post(f"{path}/confirm").status_code == 200
    assert operator.post(f"{path}/receipts", json=receipt(order)).status_code == 200
    assert order["total_minor"] == 10 * price_minor


# -- the ledger alone, with the worst of amounts


def hammered(ground: Ground, count: int, *, threads: int = 4, largest: int = 12) -> int:
    """Post, reserve, post a part, void, reverse; how many transfers were asked for. No payments stand behind these."""
    cooperative = [uuid.UUID(int=number) for number in range(1, 5)]
    done = Counter[str]()

    def work(thread: int) -> None:
        seeded = random.Random(thread)
        with ground.app.app_context():
            for number in range(count // threads):
                currency = seeded.choice(("CNY", "JPY", "KWD"))
                is_large = number < largest // threads
                minor = AMOUNT_MAX if is_large else seeded.choice(NASTY)
                to = money.payable(seeded.choice(cooperative), currency)
                with suppress(errors.Refusal):
                    _one(number % 5, currency, to, minor)
                done["asked"] += 1

    together(work, range(threads), threads=threads)
    return done["asked"]


def _one(way: int, currency: str, to: Any, minor: int) -> None:
    if way == 0:
        money.post(money.clearing(currency), to, minor)
    elif way == 1:
        booked = money.post(money.clearing(currency), to, minor)
        money.reverse(booked)
    elif way == 2:
        reserved = money.reserve(to, money.bank(currency), minor)
        money.void(reserved)
    elif way == 3:
        reserved = money.reserve(to, money.bank(currency), minor)
        part = max(1, minor // 3)
        money.settle(reserved, *money.lines(to, money.bank(currency), part))
    else:
        split = [money.fact(money.clearing(currency), to, part) for part in parts(minor, 3)]
        money.post_many(split)


def parts(minor: int, count: int) -> list[int]:
    """Whole, above zero, and together what is divided."""
    share, rest = divmod(minor, count)
    return [each for each in (share + (number < rest) for number in range(count)) if each]


def broken_ledger() -> list[str]:
    """The promises of the ledger alone."""
    database.db.session.remove()
    with database.reading() as session:
        return [each.invariant.id for each in verify.check(session, INVARIANTS) if not each.holds]


# -- deposits and balances


def off(totals: Sequence[int], percents: Sequence[int]) -> list[tuple[int, int]]:
    """The totals and percents of deposit for which deposit, bonus and balance are not the total."""
    wrong = []
    for total in totals:
        for percent in percents:
            now = total * percent // 100
            deposit = Deposit(type=DepositType.ADVANCE, per_box_minor=now, counts_minor=now)
            due = balance_rules.due(boxes=1, unit_price_minor=total, deposit=deposit)
            if due.now_minor + due.later_minor != total or due.later_minor < 0:
                wrong.append((total, percent))
    return wrong


def off_with_bonus(total: int, percent: int, worth_percent: int, discount: int) -> bool:
    """The same with a deposit that counts as more, and something taken off."""
    now = total * percent // 100
    counts = max(now, now * worth_percent // 100)
    funder = Funder.PLATFORM if counts > now else None
    deposit = Deposit(type=DepositType.EARNEST, per_box_minor=now, counts_minor=counts, funder=funder)
    due = balance_rules.due(boxes=1, unit_price_minor=total, deposit=deposit, discount_minor=discount)
    parts_of = (due.now_minor, due.later_minor, due.bonus_minor, due.discount_minor)
    return sum(parts_of) != total or min(parts_of) < 0
