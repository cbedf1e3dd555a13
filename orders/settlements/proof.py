"""Whether a statement holds together: asked before one is stored. It shares no sum with the rules. Pure."""

from fractions import Fraction

from orders.settlements.formulas import (
    AtMost,
    BorneByOthers,
    Difference,
    FairPart,
    Formula,
    Lesser,
    Part,
    Rate,
    Times,
)
from orders.settlements.rules import LineKind, Statement

_CHARGED = {
    LineKind.OWN_DISCOUNT,
    LineKind.REFUND,
    LineKind.COMMISSION,
    LineKind.FEE,
    LineKind.STORAGE,
    LineKind.COMPENSATION,
}


def faults(statement: Statement) -> tuple[str, ...]:
    """What is wrong with it; nothing of a statement that holds together."""
    return tuple(text for is_so, text in _checks(statement) if not is_so)


def _checks(statement: Statement) -> list[tuple[bool, str]]:
    facts, before, after = statement.facts, statement.before, statement.after
    sums: dict[LineKind, int] = dict.fromkeys(LineKind, 0)
    for line in statement.lines:
        sums[line.kind] += line.amount_minor
    kept = sum(each.amount_minor for each in after.held if each.reference == facts.settlement)
    base = sums[LineKind.GOODS] + sums[LineKind.OWN_DISCOUNT] + sums[LineKind.REFUND]
    at_fault = [each for each in facts.claims if each.at_fault]
    brought = sums[LineKind.GOODS] + sums[LineKind.FORFEIT] + sum(sums[each] for each in _CHARGED)
    exact = Fraction(max(0, base) * facts.terms.commission_bps, 10_000) + sums[LineKind.COMMISSION]
    return [
        (all(_is_right(line.formula) for line in statement.lines), "a line is not what its formula gives"),
        (statement.payout_minor >= 0, "the payout is negative"),
        (
            statement.payout_minor == 0 or after.owed_minor == 0,
            "something is paid out while something is owed",
        ),
        (after.owed_minor == sums[LineKind.MISSING], "what is missing is not what is owed next"),
        (sums[LineKind.OWED] == -before.owed_minor, "what was owed before is not what is taken"),
        (before.advanced_minor - after.advanced_minor == -sums[LineKind.ADVANCE], "advances do not add up"),
        (
            before.held_minor - after.held_minor
            == sums[LineKind.RELEASED] + sums[LineKind.SPENT] + sums[LineKind.RETAINED],
            "retention does not add up",
        ),
        (kept in (0, -sums[LineKind.RETAINED]), "what is kept back is not what is held"),
        (0 <= exact < 1, "the commission is not that of what was sold, rounded down"),
        (
            sums[LineKind.GOODS] == sum(each.boxes * each.unit_price_minor for each in facts.deliveries),
            "boxes do not add up",
        ),
        (
            sums[LineKind.FORFEIT] == sum(each.amount_minor for each in facts.forfeits),
            "forfeits do not add up",
        ),
        (
            -sums[LineKind.STORAGE] == sum(each.amount_minor for each in facts.storage),
            "storage does not add up",
        ),
        (
            -sums[LineKind.OWN_DISCOUNT] == sum(each.amount_minor for each in facts.own_discounts),
            "discounts do not add up",
        ),
        (
            -sums[LineKind.FEE]
            == sum(each.boxes * fee.per_box_minor for each in facts.deliveries for fee in facts.terms.fees),
            "fees do not add up",
        ),
        (
            -sums[LineKind.REFUND] - sums[LineKind.COMPENSATION]
            == sum(each.amount_minor for each in at_fault),
            "claims do not add up",
        ),
        (
            brought == statement.payout_minor + after.worth_minor - before.worth_minor,
            "money came from nowhere or went there",
        ),
    ]


def _is_right(formula: Formula) -> bool:
    """The result of a formula, worked out once more in fractions."""
    value = formula.value_minor
    match formula:
        case Times():
            right = value == Fraction(formula.count) * formula.each_minor
        case Rate():
            right = 0 <= Fraction(formula.base_minor * formula.rate, formula.whole) - value < 1
        case Part():
            right = abs(Fraction(formula.total_minor * formula.weight, formula.weights) - value) < 1
        case FairPart():
            apart = abs(Fraction(formula.total_minor * formula.weight, formula.weights) - value)
            most = formula.weights + formula.weight * formula.sharers
            right = 2 * formula.weights * apart <= formula.sums * most
        case Lesser():
            right = value == min(formula.asked_minor, formula.there_minor)
        case AtMost():
            right = _is_right(formula.asked) and value == min(formula.asked.value_minor, formula.there_minor)
        case Difference():
            right = value + formula.less_minor == formula.from_minor
        case BorneByOthers():
            right = value == 0
        case _:
            right = value >= 0
    return right
