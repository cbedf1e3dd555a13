"""The address book at its doors: one's own alone, sealed in the database, one default, no trace elsewhere."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from marketplace.access import Role
from marketplace.addresses.addresses import PER_PERSON_MAX
from tests import servers
from tests.addresses.book import AT_HOME, IN_DUBAI, URL, added
from tests.builders import assert_refused, broken

SECRETS = ("王小明", "丈八东路", "雁塔区", "138001380", "710061")


@pytest.fixture
def shopper(as_role):
    return as_role(Role.SHOPPER)


def put(shopper, address, version, **changes):
    body = {**AT_HOME, "is_default": address["is_default"], **changes}
    return shopper.put(f"{URL}/{address['id']}", json=body, headers={"If-Match": f'"{version}"'})


def test_an_address_is_kept_in_its_one_form(shopper):
    home = added(shopper)
    assert (home["phone"], home["province"], home["is_default"]) == ("+8613800138000", "陕西省", True)
    dubai = added(shopper, IN_DUBAI)
    assert (dubai["country"], dubai["postal_code"], dubai["is_default"]) == ("AE", None, False)
    assert shopper.get(URL).json == {"items": [home, dubai]}
    as_shown = {name: value for name, value in dubai.items() if name not in ("id", "version")}
    again = shopper.put(f"{URL}/{dubai['id']}", json=as_shown, headers={"If-Match": '"1"'})
    assert again.json == {**dubai, "version": 2}
    answer = shopper.get(f"{URL}/{home['id']}")
    assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == ('"1"', "private, no-store")


def test_what_nobody_could_deliver_to_is_refused_without_repeating_it(shopper):
    answer = shopper.post(URL, json={**AT_HOME, "postal_code": "7100617", "province": "Atlantis"})
    document = assert_refused(answer, 422, "address_not_valid")
    assert {each["pointer"] for each in document["errors"]} == {"/postal_code", "/province"}
    assert "Atlantis" not in answer.get_data(as_text=True)
    for bad in ("a\u202eb", "a\nb", "a\x00b", "\ufeffa"):
        refused = shopper.post(URL, json={**AT_HOME, "street": bad})
        assert refused.status_code == 422
    assert shopper.get(URL).json == {"items": []}


def test_an_edit_says_what_it_saw(shopper):
    home = added(shopper)
    assert_refused(shopper.put(f"{URL}/{home['id']}", json=AT_HOME), 428, "precondition_required")
    assert_refused(put(shopper, home, 7), 412, "version")
    changed = put(shopper, home, 1, street="Another street")
    assert (changed.status_code, changed.json["street"], changed.json["version"]) == (
        200,
        "Another street",
        2,
    )
    assert changed.headers["ETag"] == '"2"'
    assert_refused(put(shopper, home, 1), 412, "version")


def test_there_is_always_one_default(app, shopper):
    first, second, third = (added(shopper, street=str(number)) for number in range(3))
    assert_refused(put(shopper, first, 1, is_default=False), 409, "default_stays")
    assert put(shopper, second, 1, is_default=True).json["is_default"]
    assert shopper.get(f"{URL}/{first['id']}").json["is_default"] is False
    fourth = added(shopper, is_default=True)
    assert [each["is_default"] for each in shopper.get(URL).json["items"]] == [False, False, False, True]
    assert shopper.delete(f"{URL}/{fourth['id']}").status_code == 204
    assert [each["is_default"] for each in shopper.get(URL).json["items"]] == [False, False, True]
    for each in (third, second, first):
        assert shopper.delete(f"{URL}/{each['id']}").status_code == 204
        assert broken(app) == []
    assert_refused(shopper.delete(f"{URL}/{first['id']}"), 404, "address_not_found")


def test_a_book_is_full_at_some_point(shopper):
    for _ in range(PER_PERSON_MAX):
        added(shopper)
    document = assert_refused(shopper.post(URL, json=AT_HOME), 409, "too_many_addresses")
    assert document["most"] == PER_PERSON_MAX


def test_two_first_addresses_at_once_are_one_default(app, shopper):
    gate = threading.Barrier(6)

    def add(number):
        gate.wait()
        return shopper.post(URL, json={**AT_HOME, "is_default": number % 2 == 0}).status_code

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(add, range(6))) == [201] * 6
    assert sum(each["is_default"] for each in shopper.get(URL).json["items"]) == 1


def test_only_its_owner_sees_an_address(shopper, as_role):
    home = added(shopper)
    other = as_role(Role.SHOPPER)
    url = f"{URL}/{home['id']}"
    assert other.get(URL).json == {"items": []}
    for answer in (other.get(url), other.delete(url), put(other, home, 1)):
        assert_refused(answer, 404, "address_not_found")
    for role in (Role.OPERATOR, Role.AUDITOR, Role.COOPERATIVE, Role.BUYER):
        assert as_role(role).get(url).status_code == 403


def test_no_byte_of_an_address_stands_in_the_database_or_the_log(shopper, database_urls, caplog):
    caplog.set_level(logging.DEBUG)
    home = added(shopper)
    assert put(shopper, home, 1).status_code == 200
    assert shopper.delete(f"{URL}/{added(shopper)['id']}").status_code == 204
    assert shopper.post(URL, json={**AT_HOME, "postal_code": "1"}).status_code == 422
    with psycopg.connect(servers.plain(database_urls.owner_url)) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [connection.execute(f'SELECT t::text FROM "{name}" t').fetchall() for (name,) in names]
    stored = str(rows) + caplog.text
    assert home["id"] in stored
    for secret in SECRETS:
        assert secret not in stored
        assert secret.encode().hex() not in stored
