"""Prices in several currencies at the doors: set by operators, shown as they were set, never converted."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from marketplace import database
from marketplace.access import Role
from marketplace.values import MINOR_DIGITS, amount_text
from tests.builders import PRICE_MINOR, Market, Sale, assert_refused, ordered, receipt
from tests.campaigns import presale
from tests.campaigns.exports.abroad import USD_MINOR, priced
from tests.house import Caller


def page(who: Caller, sale: Sale, currency: str | None = None):  # type: ignore[no-untyped-def]
    return who.get(sale.url, query_string={} if currency is None else {"currency": currency})


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (5200, "CNY", "52.00"),
        (300, "JPY", "300"),
        (1250, "KWD", "1.250"),
        (-5, "USD", "-0.05"),
        (7, "OMR", "0.007"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(minor: int, currency: str, text: str) -> None:
    assert amount_text(minor, currency) == text


def test_currencies_have_the_digits_of_iso_4217() -> None:
    assert {MINOR_DIGITS[each] for each in ("CNY", "USD", "EUR", "AED", "HKD", "SGD")} == {2}
    assert {MINOR_DIGITS[each] for each in ("JPY", "KRW", "VND")} == {0}
    assert {MINOR_DIGITS[each] for each in ("KWD", "BHD", "OMR")} == {3}


def test_a_price_that_was_set_is_shown_in_its_currency(
    market: Market, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale(20)
    told = priced(operator, sale).json
    assert (told["unit_price_minor"], told["minor_digits"]) == (USD_MINOR, 2)
    priced(operator, sale, "JPY", 1_500)

    [offer] = page(anyone, sale, "USD").json["offers"]
    assert (offer["unit_price_minor"], offer["currency"]) == (USD_MINOR, "USD")
    [offer] = page(anyone, sale, "JPY").json["offers"]
    assert (offer["unit_price_minor"], offer["currency"]) == (1_500, "JPY")
    own = page(anyone, sale).json
    assert page(anyone, sale, "CNY").json == own
    [offer] = own["offers"]
    assert (offer["unit_price_minor"], offer["currency"]) == (PRICE_MINOR, "CNY")


def test_without_a_price_in_it_nothing_is_converted(market: Market, anyone: Caller) -> None:
    sale = market.on_sale(20)
    told = assert_refused(page(anyone, sale, "EUR"), 409, "no_price_in_currency")
    assert (told["currency"], told["item_ids"]) == ("EUR", [str(sale.item_id)])
    assert_refused(page(anyone, sale, "XXX"), 422, "invalid")


def test_the_page_in_a_currency_is_revalidated_like_any(
    market: Market, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale(20)
    priced(operator, sale)
    first = page(anyone, sale, "USD")
    again = anyone.get(
        sale.url, query_string={"currency": "USD"}, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304
    assert first.headers["ETag"] != page(anyone, sale).headers["ETag"]


def test_the_list_in_a_currency_has_what_is_wholly_priced_in_it(
    market: Market, operator: Caller, anyone: Caller
) -> None:
    sales = [market.on_sale(5) for _ in range(3)]
    for sale in sales[:2]:
        priced(operator, sale)
    first = anyone.get("/v1/campaigns", query_string={"currency": "USD", "limit": 1})
    following = anyone.get(
        "/v1/campaigns", query_string={"currency": "USD", "limit": 1, "cursor": first.json["next_cursor"]}
    )
    shown = [each["id"] for each in (*first.json["items"], *following.json["items"])]
    assert shown == [str(sale.campaign_id) for sale in sales[:2]]
    assert following.json["next_cursor"] is None
    assert "currency=USD" in first.headers["Link"]
    assert len(anyone.get("/v1/campaigns", query_string={"currency": "CNY"}).json["items"]) == 3
    assert anyone.get("/v1/campaigns", query_string={"currency": "OMR"}).json["items"] == []


def test_all_prices_of_a_campaign_are_listed(market: Market, operator: Caller, anyone: Caller) -> None:
    sale = market.on_sale(20)
    priced(operator, sale)
    priced(operator, sale, "KWD", 3_050)
    items = anyone.get(f"{sale.url}/prices").json["items"]
    assert [(each["currency"], each["unit_price_minor"], each["minor_digits"]) for each in items] == [
        ("CNY", PRICE_MINOR, 2),
        ("KWD", 3_050, 3),
        ("USD", USD_MINOR, 2),
    ]
    draft = market.draft()
    assert_refused(anyone.get(f"{draft.url}/prices"), 404, "campaign_not_found")


def url(sale: Sale, currency: str) -> str:
    return f"{sale.url}/items/{sale.item_id}/prices/{currency}"


def test_a_draft_s_price_may_change_and_a_public_one_may_not(market: Market, operator: Caller) -> None:
    draft = market.draft()
    priced(operator, draft, minor=900)
    changed = priced(operator, draft, minor=950)
    assert "campaign.set_price" in market.actions(changed)
    public = market.on_sale(5)
    priced(operator, public)
    priced(operator, public)  # the same again is no change
    told = assert_refused(operator.put(url(public, "USD"), json={"unit_price_minor": 1}), 409, "price_fixed")
    assert told["unit_price_minor"] == USD_MINOR


def test_every_refusal_of_a_price(market: Market, operator: Caller) -> None:
    sale, other = market.on_sale(5), market.draft()
    good = {"unit_price_minor": 900}
    with market.unchanged():
        assert_refused(operator.put(url(sale, "CNY"), json=good), 409, "own_currency")
        for unknown in ("XXX", "usd", "US", "%20USD"):
            assert_refused(operator.put(url(sale, unknown), json=good), 422, "currency_unknown")
        for bad in (0, -1, 10**9 + 1, "9", 9.5, None):
            answer = operator.put(url(sale, "USD"), json={"unit_price_minor": bad})
            assert_refused(answer, 422, "invalid")
        foreign = f"{sale.url}/items/{other.item_id}/prices/USD"
        assert_refused(operator.put(foreign, json=good), 404, "item_not_found")
    over = market.over(5)
    assert_refused(operator.put(url(over, "USD"), json=good), 409, "state")


@pytest.mark.parametrize("part", [{"ladder": None}, {"deposit": None}])
def test_a_ladder_or_a_deposit_is_in_one_currency(
    market: Market, operator: Caller, part: dict[str, None]
) -> None:
    sale = presale.on_sale(market, **part)
    answer = operator.put(url(sale, "USD"), json={"unit_price_minor": 900})
    assert_refused(answer, 409, "one_price_only")


def test_shoppers_hold_and_pay_in_the_currency_of_the_item(
    market: Market, operator: Caller, shopper: Caller
) -> None:
    sale = market.on_sale(5)
    priced(operator, sale)
    order = ordered(shopper, sale)
    assert (order["unit_price_minor"], order["currency"]) == (PRICE_MINOR, "CNY")
    assert shopper.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    wrong = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order, currency="USD"))
    assert_refused(wrong, 409, "amount_differs")


def test_nobody_may_delete_a_price(market: Market, operator: Caller, as_role: Callable[..., Caller]) -> None:
    sale = market.on_sale(5)
    priced(operator, sale)
    assert as_role(Role.AUDITOR).put(url(sale, "EUR"), json={"unit_price_minor": 1}).status_code == 403
    with pytest.raises(Exception, match="permission denied"):
        database.transact(lambda session: session.execute(text("DELETE FROM campaign_item_price")))
