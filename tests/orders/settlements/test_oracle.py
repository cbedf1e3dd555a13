"""The statement against a second way of computing it: in fractions, from pot to pot."""

import math
from fractions import Fraction

from hypothesis import given, settings

from orders.settlements.facts import Remedy
from orders.settlements.rules import settle
from tests.orders.settlements.cases import accounts, random_facts
from tests.thorough import many


def oracle(told, before):
    """(payout, owed after, held after by reference, advances after by reference)."""
    sold = sum(Fraction(each.unit_price_minor) * each.boxes for each in told.deliveries)
    cut = sum((Fraction(each.amount_minor) for each in told.own_discounts), Fraction(0))
    blamed = [each for each in told.claims if each.at_fault]
    cut += sum(Fraction(each.amount_minor) for each in blamed if each.remedy == Remedy.REFUND)
    commission = math.floor(max(Fraction(0), sold - cut) * Fraction(told.terms.commission_bps, 10_000))
    fees = sum(each.boxes for each in told.deliveries) * sum(fee.per_box_minor for fee in told.terms.fees)
    earned = sold - cut - commission - fees

    pot = earned + sum(each.amount_minor for each in told.forfeits)
    pot -= sum(each.amount_minor for each in told.storage)
    pot -= sum(each.amount_minor for each in blamed if each.remedy == Remedy.COMPENSATION)
    pot -= before.owed_minor
    held = {}
    for each in before.held:
        if each.until <= told.settled_on:
            pot += each.amount_minor
        else:
            held[each.until, each.reference] = each.amount_minor
    advances = {(each.paid_on, each.reference): each.outstanding_minor for each in before.advances}

    pot = _drained(held, pot, sign=+1) if pot < 0 else _drained(advances, pot, sign=-1)
    owed = max(Fraction(0), -pot)
    pot = max(Fraction(0), pot)
    if owed == 0 and told.terms.retained_until is not None:
        kept = min(
            pot, Fraction(math.floor(max(Fraction(0), earned) * told.terms.retention_permille / 1_000))
        )
        if kept:
            held[told.terms.retained_until, told.settlement] = kept
            pot -= kept
    return (
        pot,
        owed,
        {reference: amount for (_, reference), amount in held.items()},
        {reference: amount for (_, reference), amount in advances.items()},
    )


def _drained(sources, pot, *, sign):
    """Bring the pot towards nothing out of the sources, the earliest first; what is used up of them goes."""
    for key in sorted(sources):
        part = min(sources[key], abs(pot))
        if part:
            pot += sign * part
            sources[key] -= part
        if sources[key] == 0:
            del sources[key]
        if pot == 0:
            break
    return pot


@given(random_facts(), accounts())
@settings(max_examples=many(400))
def test_the_statement_is_that_of_the_oracle(told, before):
    statement = settle(told, before)
    payout, owed, held, advances = oracle(told, before)

    assert statement.payout_minor == payout
    assert statement.after.owed_minor == owed
    assert {each.reference: each.amount_minor for each in statement.after.held} == held
    assert {each.reference: each.outstanding_minor for each in statement.after.advances} == advances
