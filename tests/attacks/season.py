"""A season of money, played by a script: deposits, balances, refunds, disputes and bank statements, step by step.

After each step everything that it set off is done, so that each run of it passes the same points. What it leaves is
told by `dump`, in which every id is a letter of the script.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from campaigns import balances as campaign_balances
from marketplace.access import Role
from orders import jobs as order_jobs
from tests.attacks import dumps
from tests.attacks.dumps import Dump
from tests.attacks.ground import Ground, Remote
from tests.builders import Sale, ordered
from tests.campaigns import presale
from tests.payments.online.there import pay, refresh
from tests.payments.statements import files

BOXES: Final = 40


@dataclass
class Season:
    ground: Ground
    sale: Sale
    operator: Remote
    people: dict[str, Remote] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: dict[str, str] = field(default_factory=dict)
    """The ids of payments, by their names in the script."""

    def order(self, letter: str, boxes: int = 1) -> dict[str, Any]:
        self.people[letter] = self.ground.somebody(Role.SHOPPER)
        made = self.orders[letter] = ordered(self.people[letter], self.sale, boxes)
        self.payments[f"{letter} deposit"] = made["payment_id"]
        return made

    def balance(self, letter: str) -> dict[str, Any]:
        asked = presale.balance(self.people[letter], self.orders[letter])
        self.payments[f"{letter} balance"] = asked["id"]
        return {**asked, "payment_id": asked["id"]}

    def intent(self, order: dict[str, Any]) -> str:
        return str(self.ground.stand_in.intent_of(order["payment_id"])["id"])

    def card(self, letter: str, order: dict[str, Any], method: str = "pm_card_visa") -> None:
        assert pay(self.people[letter], order, method).status_code == 200

    def begin(self, letter: str, order: dict[str, Any]) -> str:
        assert pay(self.people[letter], order).status_code == 200
        return self.intent(order)

    def withdraw(self, letter: str) -> None:
        path = f"/v1/orders/{self.orders[letter]['id']}/withdrawal"
        assert self.people[letter].post(path).status_code == 200

    def reference(self, letter: str, payment: dict[str, Any]) -> str:
        payment_id = payment.get("payment_id") or payment["id"]
        confirmed = presale.confirm(self.people[letter], {"id": payment_id})
        return str(confirmed["reference"])

    def statement(self, *lines: dict[str, str]) -> None:
        assert files.send(self.operator, files.table(*lines)).status_code == 201

    def quiet(self) -> None:
        """What was set off is done."""
        self.ground.mend()
        self.ground.deliver()
        self.ground.drain()


def play(ground: Ground, *, after_step: Callable[[str], None] = lambda _: None) -> Season:
    """The whole script; `after_step` hears the name of each step."""
    sale = presale.on_sale(ground.market, BOXES)
    season = Season(ground=ground, sale=sale, operator=ground.somebody(Role.OPERATOR))
    for step in STEPS:
        step(season)
        season.quiet()
        after_step(step.__name__)
    ground.settle()
    return season


def deposits_by_card(season: Season) -> None:
    season.card("A", season.order("A", 6))
    order = season.order("B")
    season.begin("B", order)
    season.ground.stand_in.pay_in_browser(season.intent(order))


def a_declined_card(season: Season) -> None:
    order = season.order("C", 2)
    assert pay(season.people["C"], order, "pm_card_chargeDeclined").status_code == 402
    season.card("C", order)


def a_payment_service_that_is_away(season: Season) -> None:
    order = season.order("D")
    season.ground.stand_in.fail_next("busy", "POST /v1/payment_intents")
    season.card("D", order)


def deposits_by_bank(season: Season) -> None:
    lines = []
    for letter, boxes in (("E", 1), ("F", 2), ("G", 1)):
        order = season.order(letter, boxes)
        text = f"deposit {season.reference(letter, order).lower()}"
        lines.append(files.line(f"DEP-{letter}", minor=boxes * 1_000, remittance=text))
    short = dict(lines[2], amount="3.00", entry_key="DEP-G1")
    rest = dict(lines[2], amount="7.00", entry_key="DEP-G2")
    season.statement(*lines[:2], short, files.line("INTEREST", minor=12))
    season.quiet()
    season.statement(*lines[:2], rest)


def given_up_before_it_was_paid(season: Season) -> None:
    season.begin("H", season.order("H"))
    season.withdraw("H")


def a_deposit_that_goes_back_to_its_card(season: Season) -> None:
    season.card("I", season.order("I", 3))
    season.quiet()
    season.withdraw("I")


def wallets_that_pay_back_later(season: Season) -> None:
    for letter in ("J", "K"):
        order = season.order(letter)
        assert pay(season.people[letter], order, wallet(season)).status_code == 200
        season.ground.stand_in.answer_bank(season.intent(order))
        refresh(season.people[letter], order)
        season.quiet()
        season.withdraw(letter)
        season.quiet()
        [refund_id] = refunds(season, letter)
        refund = season.ground.stand_in.refund_of(refund_id)
        season.ground.stand_in.books.settle_refund(refund["id"], succeeds=letter == "J")
        season.quiet()
    pay_back(season, "K")


def a_bank_deposit_that_goes_back(season: Season) -> None:
    season.withdraw("E")
    season.quiet()
    pay_back(season, "E")


def a_dispute(season: Season) -> None:
    season.card("L", season.order("L"), "pm_card_createDispute")


def money_after_the_end(season: Season) -> None:
    """One payer's order is ended by the clock, the other's by the payer; both pay all the same."""
    late = season.order("M")
    season.begin("M", late)
    season.ground.market.let_age(late["id"], minutes=60)
    withdrawn = season.order("N")
    there = season.begin("N", withdrawn)
    stand_in = season.ground.stand_in
    stand_in.fail_next("busy", "POST /v1/payment_intents/", times=1_000_000)
    season.ground.enqueue(order_jobs.EXPIRE_UNPAID)
    season.withdraw("N")
    season.quiet()
    stand_in.faults.clear()
    stand_in.pay_in_browser(season.intent(late))
    stand_in.pay_in_browser(there)
    season.quiet()
    season.ground.settle()


def the_balance_is_asked_for(season: Season) -> None:
    market, sale = season.ground.market, season.sale
    presale.harvested(market, sale)
    presale.let_pass(market, sale, hours=24)
    season.ground.enqueue(
        campaign_balances.OPEN_BALANCE, campaign_id=str(sale.campaign_id), reason="the balance is due"
    )


def balances_by_card(season: Season) -> None:
    season.card("A", season.balance("A"))
    order = season.balance("B")
    season.begin("B", order)
    season.ground.stand_in.pay_in_browser(season.intent(order))


def balances_by_bank(season: Season) -> None:
    lines = []
    for letter in ("C", "F"):
        due = season.balance(letter)
        text = season.reference(letter, due)
        lines.append(files.line(f"BAL-{letter}", minor=due["amount_minor"], remittance=text))
    season.statement(*lines)
    due = season.balance("G")
    season.reference("G", due)
    assert presale.book(season.operator, {**due, "id": due["payment_id"]}).status_code == 200


def the_balance_is_over(season: Season) -> None:
    market, sale = season.ground.market, season.sale
    presale.let_pass(market, sale, hours=144)
    season.ground.enqueue(
        campaign_balances.CLOSE_BALANCE, campaign_id=str(sale.campaign_id), reason="the balance is over"
    )


STEPS: Final[tuple[Callable[[Season], None], ...]] = (
    deposits_by_card,
    a_declined_card,
    a_payment_service_that_is_away,
    deposits_by_bank,
    given_up_before_it_was_paid,
    a_deposit_that_goes_back_to_its_card,
    wallets_that_pay_back_later,
    a_bank_deposit_that_goes_back,
    a_dispute,
    money_after_the_end,
    the_balance_is_asked_for,
    balances_by_card,
    balances_by_bank,
    the_balance_is_over,
)


def wallet(season: Season) -> str:
    return season.ground.stand_in.make_method("alipay")


def refunds(season: Season, letter: str) -> list[str]:
    payment_id = season.payments[f"{letter} deposit"]
    shown = season.people[letter].get(f"/v1/payments/{payment_id}/refunds").json
    return [each["id"] for each in shown["items"]]


def pay_back(season: Season, letter: str) -> None:
    """By hand."""
    [refund_id] = refunds(season, letter)
    body = {"means": "bank_transfer", "receipt_reference": f"BACK-{letter}"}
    response = season.operator.post(f"/v1/refunds/{refund_id}/payments", json=body)
    assert response.status_code == 200, response.json


def dump(season: Season) -> Dump:
    """Of the whole season; its payments and people have the letters of the script."""
    names = {order["id"]: letter for letter, order in season.orders.items()}
    names |= {payment_id: name for name, payment_id in season.payments.items()}
    names |= {str(each.account_id): f"payer {letter}" for letter, each in season.people.items()}
    names |= {str(season.sale.item_id): "item", str(season.operator.account_id): "operator"}
    return dumps.dump(season.ground, names)
