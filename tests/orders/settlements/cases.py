"""Facts and accounts that several tests share: the example of the handbook, and random ones."""

from datetime import date, timedelta

from hypothesis import strategies as st

from orders.settlements import commission
from orders.settlements.account import Account, Advance, Held
from orders.settlements.facts import (
    Claim,
    Delivery,
    Facts,
    Fee,
    Forfeit,
    OwnDiscount,
    Remedy,
    StorageShare,
    Terms,
)

TODAY = date(2026, 11, 26)
SEASON_END = date(2027, 5, 31)

MINOR = st.integers(0, 10**7)
CURRENCIES = ("CNY", "JPY", "KWD")


def delivery(boxes=1, price=5_200, item="fuji-5kg", grade="A"):
    return Delivery(item=item, grade=grade, unit_price_minor=price, boxes=boxes)


def facts(*deliveries, currency="CNY", commission_bps=400, permille=0, fees=(), settlement="S1", **others):
    terms = Terms(
        commission_bps=commission_bps,
        retention_permille=permille,
        retained_until=SEASON_END if permille else None,
        fees=fees,
    )
    return Facts(
        settlement=settlement,
        currency=currency,
        settled_on=TODAY,
        terms=terms,
        deliveries=deliveries,
        **others,
    )


@st.composite
def accounts(draw, currency="CNY"):
    held = draw(st.lists(st.tuples(st.integers(1, 10**6), st.integers(-30, 200)), max_size=4))
    advances = draw(st.lists(st.tuples(st.integers(1, 10**6), st.integers(-200, 0)), max_size=4))
    return Account(
        currency=currency,
        owed_minor=draw(st.just(0) | st.integers(0, 10**6)),
        held=tuple(
            Held(reference=f"R{n}", amount_minor=amount, until=TODAY + timedelta(days=days))
            for n, (amount, days) in enumerate(held)
        ),
        advances=tuple(
            Advance(reference=f"V{n}", outstanding_minor=amount, paid_on=TODAY + timedelta(days=days))
            for n, (amount, days) in enumerate(advances)
        ),
    )


@st.composite
def some_terms(draw):
    permille = draw(st.integers(0, 1_000))
    fees = draw(st.lists(st.integers(0, 300), max_size=2))
    return Terms(
        commission_bps=draw(st.integers(0, 2_000)),
        retention_permille=permille,
        retained_until=SEASON_END if permille else None,
        fees=tuple(
            Fee(name=f"fee{n}", beneficiary="county", per_box_minor=minor) for n, minor in enumerate(fees)
        ),
    )


@st.composite
def deliveries(draw, terms, max_size=4):
    least = terms.fees_of_a_box_minor
    found = []
    for _ in range(draw(st.integers(0, max_size))):
        price = draw(st.integers(least, least + 20_000))
        if commission.of_a_box_at_most(price, terms.commission_bps) + least > price:
            price = 2 * least + 2
        found.append(
            Delivery(
                item=draw(st.sampled_from(("fuji", "gala"))),
                grade=draw(st.sampled_from(("A", "B"))),
                unit_price_minor=price,
                boxes=draw(st.integers(1, 1_000)),
            )
        )
    return tuple(found)


@st.composite
def random_facts(draw, settlement="S1", currency="CNY"):
    terms = draw(some_terms())
    forfeits = []
    for n in range(draw(st.integers(0, 2))):
        deposit, mine, others = draw(MINOR), draw(st.integers(0, 50)), draw(st.integers(1, 50))
        forfeits.append(
            Forfeit(
                reference=f"D{n}",
                amount_minor=(2 * deposit * mine + mine + others) // (2 * (mine + others)),
                deposit_minor=deposit,
                boxes_kept=mine,
                boxes_kept_by_all=mine + others,
            )
        )
    storage = []
    for n in range(draw(st.integers(0, 2))):
        bill, mine, others = draw(MINOR), draw(st.integers(0, 10**9)), draw(st.integers(1, 10**9))
        storage.append(
            StorageShare(
                reference=f"store{n}",
                amount_minor=-(-bill * mine // (mine + others)),
                bill_minor=bill,
                gram_days=mine,
                gram_days_of_all=mine + others,
            )
        )
    claims = st.builds(
        Claim,
        reference=st.sampled_from(("C1", "C2", "C3")),
        remedy=st.sampled_from(Remedy),
        amount_minor=st.integers(0, 10**6),
        at_fault=st.booleans(),
    )
    discounts = st.builds(
        OwnDiscount, reference=st.sampled_from(("P1", "P2")), amount_minor=st.integers(0, 10**5)
    )
    return Facts(
        settlement=settlement,
        currency=currency,
        settled_on=TODAY,
        terms=terms,
        deliveries=draw(deliveries(terms)),
        own_discounts=tuple(draw(st.lists(discounts, max_size=2, unique_by=lambda each: each.reference))),
        claims=tuple(
            draw(st.lists(claims, max_size=3, unique_by=lambda each: (each.reference, each.remedy)))
        ),
        forfeits=tuple(forfeits),
        storage=tuple(storage),
    )
