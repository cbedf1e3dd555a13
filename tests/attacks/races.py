"""Browser, events, sweeper, clock and cancel against each other: whoever comes first, goods or money, charged once."""

import itertools
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from marketplace.access import Role
from orders import jobs as order_jobs
from tests.attacks.ground import ANSWER_SECONDS_MAX, Ground, Remote, all_at_once, intents_of, together
from tests.builders import Sale, held, ordered
from tests.payments.online.there import pay
from tests.stripe_stand_in.books import Refused

AT_ONCE: Final = 4
"""So many orders are fought over at the same time."""
ACTORS: Final = ("browser", "event", "event again", "sweeper", "cancel")
WITHIN_SECONDS: Final = 0.05
JITTER_SECONDS: Final = 0.1
PASSING: Final = (200, 409, 503)
"""What a door may answer in a race."""
HAVE_BOXES: Final = "have the boxes"
MONEY_BACK: Final = "have their money back"
NEVER_PAID: Final = "never paid"
GOODS: Final = frozenset({"committed", "deposit_paid"})


@dataclass
class Fight:
    """One order, and all events that its payment sets off."""

    ground: Ground
    person: Remote
    order: dict[str, Any]
    sale: Sale
    intent_id: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def pay(self, method: str = "pm_card_visa") -> None:
        """The payer's device confirms; it may be canceled there already."""
        with suppress(Refused):
            self.ground.stand_in.pay_in_browser(self.intent_id, method)

    def come_back(self) -> None:
        path = f"/v1/payments/{self.order['payment_id']}/refresh"
        self._heard(self.person.once("POST", path).status_code)

    def tell(self, web: int) -> None:
        for event in list(self.events):
            self._heard(self.ground.post_event(*self.ground.stand_in.signed(event), web=web))

    def look(self) -> None:
        self.ground.enqueue("payments.look", payment_id=self.order["payment_id"])

    def cancel(self) -> None:
        self._heard(self.person.once("POST", f"/v1/orders/{self.order['id']}/withdrawal").status_code)

    def expire(self) -> None:
        self.ground.enqueue(order_jobs.EXPIRE_UNPAID)

    def act(self, who: str, *, pays: bool) -> None:
        if who == "browser":
            if pays:
                self.pay()
            self.come_back()
        elif who == "cancel":
            self.cancel()
        elif who == "sweeper":
            self.look()
        else:
            self.tell(1 if who == "event" else 0)

    def _heard(self, status: int) -> None:
        self.statuses[status] += 1


def begun(ground: Ground, count: int, *, boxes: int = 1, sale: Sale | None = None) -> list[Fight]:
    """So many orders whose payers are about to pay by card."""
    sale = sale or ground.market.on_sale(2 * count * boxes, per_buyer=10)
    people = ground.people(count)
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def heard(event: dict[str, Any]) -> None:
        about = event["data"]["object"]
        intent_id = about["id"] if about["object"] == "payment_intent" else about.get("payment_intent")
        events[str(intent_id)].append(event)

    ground.stand_in.books.listeners.append(heard)
    orders = together(lambda each: ordered(each, sale, boxes), people)
    for response in together(lambda each: pay(*each), zip(people, orders, strict=True)):
        assert response.status_code == 200, response.json
    intents = intents_of(ground.stand_in)
    fights = [Fight(ground, person, order, sale) for person, order in zip(people, orders, strict=True)]
    for fight in fights:
        fight.intent_id = intents[fight.order["payment_id"]]
        fight.events = events[fight.intent_id]
    return fights


def in_turn(fight: Fight, acts: Sequence[Callable[[], None]]) -> None:
    """One after the other, each to its end, the jobs that it puts in included: who comes first is certain."""
    for act in acts:
        act()
        fight.ground.drain()


def five_in_turn(ground: Ground) -> dict[str, str]:
    """Each of the five comes first once, of payers who have paid before and of those who pay as they come back.

    How each ended, by who came first.
    """
    fights = begun(ground, 2 * len(ACTORS))
    ended = {}
    for number, each in enumerate(fights):
        first, pays = ACTORS[number % len(ACTORS)], number >= len(ACTORS)
        if not pays:
            each.pay()
        way = (first, *(who for who in ACTORS if who != first))
        in_turn(each, [partial(each.act, who, pays=pays) for who in way])
        ended[f"{first}, {'pays then' if pays else 'paid before'}"] = each
    return ends_of(ground, ended)


def three_in_turn(ground: Ground) -> dict[str, str]:
    """All orders of cancel, pay and the clock; how each ended."""
    ways = list(itertools.permutations(("cancel", "pay", "clock")))
    ended = {}
    for way, each in zip(ways, begun(ground, len(ways)), strict=True):
        _opened(ground, [each], time.time() - 3_600)
        acts = {"cancel": each.cancel, "pay": partial(_pays, each), "clock": each.expire}
        in_turn(each, [acts[who] for who in way])
        ended[", ".join(way)] = each
    return ends_of(ground, ended)


def ends_of(ground: Ground, fights: Mapping[str, Fight]) -> dict[str, str]:
    """After everything has come to rest, and nothing is strange."""
    ground.settle()
    assert strange_ends(list(fights.values())) == []
    return {name: next(iter(ends([fight]))) for name, fight in fights.items()}


def five(ground: Ground, count: int, step: Callable[[str], None]) -> list[Fight]:
    """All orders of the five within 50 ms. Half of the payers have paid before, the others pay as they come back."""
    fights = begun(ground, count)
    ways = list(itertools.permutations(ACTORS))
    gap = WITHIN_SECONDS / len(ACTORS)

    def fight(number: int) -> None:
        each, way = fights[number], ways[number % len(ways)]
        pays = number % 2 == 1 if count < len(ways) else number // len(ways) % 2 == 1
        if not pays:
            each.pay()
        wrong = all_at_once(
            [(place * gap, lambda who=who: each.act(who, pays=pays)) for place, who in enumerate(way)]
        )
        assert not wrong, wrong
        step(f"order {number + 1} of {count}")

    together(fight, range(count), threads=AT_ONCE)
    return fights


def three(ground: Ground, count: int, step: Callable[[str], None], *, seed: int = 3) -> list[Fight]:
    """The payer cancels, pays, and the clock ends the order, each within 100 ms of the others."""
    fights = begun(ground, count)
    seeded = random.Random(seed)
    waits = [[seeded.uniform(0, JITTER_SECONDS) for _ in range(3)] for _ in fights]

    def pay_and_tell(each: Fight) -> None:
        each.pay()
        each.tell(0)

    def fight(number: int) -> None:
        each = fights[number]
        _opened(ground, [each], time.time() - 3_600)
        works = (each.cancel, lambda: pay_and_tell(each), each.expire)
        wrong = all_at_once(zip(waits[number], works, strict=True))
        assert not wrong, wrong
        step(f"order {number + 1} of {count}")

    together(fight, range(count), threads=AT_ONCE)
    return fights


# -- late money


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """When the money comes, whether boxes are left then, and whether the clock's job runs."""

    after_seconds: float
    is_left: bool
    is_swept: bool


INSTANTS: Final = tuple(
    Instant(after_seconds=seconds, is_left=left, is_swept=swept)
    for seconds in (-1.0, 0.0, 1.0, 86_400.0)
    for left in (True, False)
    for swept in (True, False)
)
EXACT_SECONDS: Final = 0.01
"""“At the very moment” is twenty tries within this."""
PATIENCE_MINUTES: Final = 20
"""Of an order whose payer says nothing, as set."""


def late(ground: Ground, instant: Instant, count: int) -> list[Fight]:
    """Money at an instant around the end of so many orders."""
    sale = ground.market.on_sale(count * (2 if instant.is_left else 1), per_buyer=10)
    fights = begun(ground, count, sale=sale)
    is_past = instant.after_seconds > 60
    ground.drain()  # the clock of another instant is not this one's
    ends_at = time.time() - (86_400 if is_past else -2)
    _opened(ground, fights, ends_at - PATIENCE_MINUTES * 60)
    over = threading.Event()
    others = ground.people(count) if not instant.is_left else []
    helpers = [threading.Thread(target=_grab, args=(other, sale, over), daemon=True) for other in others[:4]]
    if instant.is_swept:
        helpers.append(threading.Thread(target=_sweep, args=(ground, over), daemon=True))
    for helper in helpers:
        helper.start()
    if is_past:
        time.sleep(1.5)
        if instant.is_swept:
            _let_end(fights)
    pays_at = time.time() if is_past else ends_at + instant.after_seconds
    works = []
    for number, each in enumerate(fights):
        shift = (number % 20 - 10) / 10 * EXACT_SECONDS / 2 if instant.after_seconds == 0 else 0.0
        works.append((max(0.0, pays_at + shift - time.time()), lambda each=each: _pays(each)))
    wrong = all_at_once(works)
    over.set()
    for helper in helpers:
        helper.join()
    assert not wrong, wrong
    return fights


def late_in_turn(ground: Ground) -> dict[str, str]:
    """The clock has ended the order here, and the payment service did not hear of it: then the money comes."""
    ended = {}
    for is_left in (True, False):
        sale = ground.market.on_sale(1, per_buyer=10)
        [each] = begun(ground, 1, sale=sale)
        _opened(ground, [each], time.time() - 86_400)
        ground.stand_in.fail_next("busy", "POST /v1/payment_intents/", times=1_000_000)
        in_turn(each, [each.expire])
        ground.stand_in.faults.clear()
        if not is_left:
            held(ground.somebody(Role.SHOPPER), sale)
        in_turn(each, [partial(_pays, each)])
        ended["boxes left" if is_left else "boxes taken"] = each
    return ends_of(ground, ended)


def _let_end(fights: Sequence[Fight]) -> None:
    """Until the clock has ended these orders, at the payment service too."""
    ground, until = fights[0].ground, time.monotonic() + ANSWER_SECONDS_MAX
    while {ground.stand_in.books.rows[each.intent_id]["status"] for each in fights} != {"canceled"}:
        assert time.monotonic() < until, "the clock never ends these orders"
        time.sleep(0.05)


def _opened(ground: Ground, fights: Sequence[Fight], at: float) -> None:
    """As if these payments had been opened at another time."""
    with ground.owner() as connection:
        connection.execute(
            "UPDATE payment SET created_at = to_timestamp(%s) WHERE order_id = ANY(%s::uuid[])",
            [at, [each.order["id"] for each in fights]],
        )


def _pays(fight: Fight) -> None:
    fight.pay()
    fight.tell(0)


def _sweep(ground: Ground, over: threading.Event) -> None:
    """The clock's job, much oftener than every minute."""
    while not over.wait(0.05):
        ground.enqueue(order_jobs.EXPIRE_UNPAID)
    ground.enqueue(order_jobs.EXPIRE_UNPAID)


def _grab(other: Remote, sale: Sale, over: threading.Event) -> None:
    """Wants every box that is free, and keeps it."""
    body = {"item_id": str(sale.item_id), "boxes": 1}
    boxes = 1
    while not over.wait(0.02):
        answer = other.once("POST", sale.holds_url, json={**body, "boxes": boxes})
        if answer.status_code == 201 and boxes < 10:
            boxes += 1


# -- how it ended


def strange_ends(fights: Sequence[Fight]) -> list[str]:
    """What is not as it must be: each payer has the boxes or the money, charged once, or a person decides."""
    ground = fights[0].ground
    rows = ground.rows(
        """SELECT o.id::text, o.state, p.state, p.amount_minor, p.received_minor, p.refund_due_minor, h.state,
            (SELECT coalesce(sum(f.amount_minor) FILTER (WHERE r.state = 'paid'), 0)::bigint FROM part_refund f
                JOIN repayment r ON r.refund_id = f.id WHERE f.payment_id = p.id),
            (SELECT count(*) FROM "case" c WHERE c.subject_id = p.id AND c.state = 'open'),
            (SELECT count(*) FROM gateway_call c WHERE c.payment_id = p.id AND c.state = 'asked')
        FROM "order" o JOIN payment p ON p.order_id = o.id AND p.purpose = 'order'
        JOIN hold h ON h.id = o.hold_id WHERE o.id = ANY(%(ids)s::uuid[])""",
        ids=[each.order["id"] for each in fights],
    )
    known = {row[0]: row[1:] for row in rows}
    books = ground.stand_in.books
    found: list[str] = []
    for fight in fights:
        state, payment, amount, received, owed, hold, repaid, cases, asked = known[fight.order["id"]]
        intent = books.rows[fight.intent_id]
        charges = [
            each
            for each in books.all("charge")
            if each["payment_intent"] == fight.intent_id and each["paid"] and each["captured"]
        ]
        kept = sum(each["amount_captured"] - each["amount_refunded"] for each in charges)
        is_good = (
            len(charges) == (1 if intent["status"] == "succeeded" else 0)
            and asked == 0
            and kept in (0, amount)
            and (
                (state, payment, received, kept - owed + repaid, hold)
                == ("committed", "succeeded", amount, amount, "consumed")
                if state == "committed"
                else payment == "canceled"
                and hold in ("released", "expired")
                and intent["status"] in ("succeeded", "canceled")
                and (kept == 0 or cases > 0)
                and (intent["status"] != "succeeded" or (owed, repaid) == (amount, amount) or cases > 0)
            )
        )
        if not is_good:
            found.append(
                f"order {state}, payment {payment} {received} of {amount}, owed {owed}, repaid {repaid}, hold {hold},"
                f" there {intent['status']} and {kept} kept of {len(charges)} charges, {cases} cases, {asked} asked"
            )
        if strange := {status: n for status, n in fight.statuses.items() if status not in PASSING}:
            found.append(f"a door answered {strange}")
    return found


def totals(ground: Ground) -> tuple[int, int]:
    """What the payment service has of our payers, and what we think it has."""
    [(ours,)] = ground.rows(
        """SELECT (SELECT coalesce(sum(p.amount_minor), 0) FROM payment p WHERE p.receipt_reference IS NOT NULL
                AND p.gateway = 'stripe')::bigint
            - (SELECT coalesce(sum(f.amount_minor), 0) FROM part_refund f JOIN repayment r ON r.refund_id = f.id
                WHERE r.state = 'paid' AND r.means = 'gateway')::bigint"""
    )
    return ground.stand_in.charged(), int(ours)


def ends(fights: Sequence[Fight]) -> Counter[str]:
    """How many have the boxes, how many the money, how many never paid."""
    ground = fights[0].ground
    found: Counter[str] = Counter()
    rows = dict(
        ground.rows(
            'SELECT id::text, state FROM "order" WHERE id = ANY(%(ids)s::uuid[])',
            ids=[each.order["id"] for each in fights],
        )
    )
    for fight in fights:
        there = ground.stand_in.books.rows[fight.intent_id]["status"]
        if rows[fight.order["id"]] in GOODS:
            found[HAVE_BOXES] += 1
        else:
            found[MONEY_BACK if there == "succeeded" else NEVER_PAID] += 1
    return found


def oversold(ground: Ground) -> list[tuple[Any, ...]]:
    return ground.rows(
        "SELECT id, boxes_pledged, boxes_held, boxes_sold FROM pool WHERE boxes_held + boxes_sold > boxes_pledged"
    )


def wait_for_ends(fights: Sequence[Fight], seconds: float) -> float:
    """Real seconds until nothing of these is on its way: the sweeper runs, and no time is made to pass."""
    ground, begun_at = fights[0].ground, time.monotonic()
    ids, swept_at = [each.order["payment_id"] for each in fights], 0.0
    while time.monotonic() - begun_at < seconds:
        ground.mend()
        ground.deliver()
        if time.monotonic() > swept_at + 1:
            ground.enqueue("payments.sweep")
            swept_at = time.monotonic()
        [(asked,)] = ground.rows(
            """SELECT (SELECT count(*) FROM gateway_call WHERE state = 'asked' AND payment_id = ANY(%(ids)s::uuid[]))
                + (SELECT count(*) FROM provider_event WHERE handled_at IS NULL)
                + (SELECT count(*) FROM repayment WHERE state = 'asked' AND payment_id = ANY(%(ids)s::uuid[]))""",
            ids=ids,
        )
        if not asked and not ground.stand_in.queue:
            return time.monotonic() - begun_at
        time.sleep(0.1)
    return seconds
