"""Where an order goes: a sealed copy of its buyer's choice, until the order is over."""

import psycopg

from marketplace.access import Role
from tests import servers
from tests.addresses.book import AT_HOME, IN_DUBAI, added
from tests.builders import assert_refused, ordered, paid


def choose(caller, order, address):
    return caller.put(f"/v1/orders/{order['id']}/address", json={"address_id": address["id"]})


def test_an_order_keeps_its_copy_when_the_book_changes(market, shopper, operator, database_urls):
    order, home = ordered(shopper, market.on_sale()), added(shopper)
    url = f"/v1/orders/{order['id']}/address"
    assert_refused(shopper.get(url), 404, "address_not_chosen")
    chosen = choose(shopper, order, home)
    assert (chosen.status_code, chosen.json["destination"], chosen.json["version"]) == (200, "country", 1)
    assert chosen.json["address"] == {name: home[name] for name in chosen.json["address"]}
    assert shopper.delete(f"/v1/addresses/{home['id']}").status_code == 204
    assert shopper.get(url).json == chosen.json == operator.get(url).json
    with psycopg.connect(servers.plain(database_urls.owner_url)) as connection:
        rows = connection.execute(
            "SELECT t::text FROM order_address t UNION ALL SELECT t::text FROM audit_entry t"
        )
        assert AT_HOME["recipient"] not in str(rows.fetchall())


def test_another_may_be_chosen_after_payment_too(market, shopper, operator):
    order = paid(shopper, operator, market.on_sale())
    assert choose(shopper, order, added(shopper)).json["destination"] == "country"
    again = choose(shopper, order, added(shopper, IN_DUBAI))
    assert (again.json["destination"], again.json["version"]) == ("abroad", 2)
    assert again.json["address"]["city"] == "Dubai"


def test_what_is_over_goes_nowhere(market, shopper):
    order, home = ordered(shopper, market.on_sale()), added(shopper)
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    document = assert_refused(choose(shopper, order, home), 409, "state")
    assert document["state"] == "withdrawn"


def test_neither_a_foreign_order_nor_a_foreign_address(market, shopper, as_role):
    order, home = ordered(shopper, market.on_sale()), added(shopper)
    other = as_role(Role.SHOPPER)
    assert_refused(choose(other, order, added(other)), 404, "order_not_found")
    assert_refused(choose(shopper, order, added(other)), 404, "address_not_found")
    assert_refused(other.get(f"/v1/orders/{order['id']}/address"), 404, "order_not_found")
    assert choose(shopper, order, home).status_code == 200
