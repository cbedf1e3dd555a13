"""Facts and accounts as JSON: read back as they were, every wrong place named; a digest of exactly one statement."""

import json
from dataclasses import replace

import pytest
from hypothesis import given

from orders.settlements.account import Account
from orders.settlements.facts import Facts
from orders.settlements.json_form import (
    FormRefused,
    from_json,
    settled_from_json,
    statement_to_json,
    to_json,
)
from orders.settlements.rules import settle
from tests.orders.settlements.cases import accounts, delivery, facts, random_facts

EMPTY = Account(currency="CNY")


@given(random_facts(), accounts())
def test_what_is_written_reads_back_and_settles_again(told, before):
    text = json.dumps({"facts": to_json(told), "before": to_json(before)})
    read = json.loads(text)

    assert from_json(Facts, read["facts"]) == told
    assert from_json(Account, read["before"]) == before
    assert statement_to_json(settled_from_json(read)) == statement_to_json(settle(told, before))


def test_a_digest_is_of_one_statement():
    one = statement_to_json(settle(facts(delivery(1)), EMPTY))
    assert one["digest"] == statement_to_json(settle(facts(delivery(1)), EMPTY))["digest"]
    assert one["digest"] != statement_to_json(settle(facts(delivery(2)), EMPTY))["digest"]
    assert one["digest"] != statement_to_json(settle(facts(delivery(1)), EMPTY.owing(1)))["digest"]
    assert one["lines"][0]["formula"] == {"of": "times", "count": 1, "each_minor": 5_200}
    assert one["payout_minor"] == 4_992


def test_a_before_may_be_left_out():
    told = {"facts": to_json(facts(delivery(1)))}
    assert settled_from_json(told) == settle(facts(delivery(1)), EMPTY)


def changed(path, value):
    document = {"facts": to_json(facts(delivery(1), permille=50)), "before": to_json(EMPTY)}
    *way, last = path
    place = document
    for each in way:
        place = place[each]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (["facts"], ..., ""),
        (["facts"], 1, "/facts"),
        (["more"], 1, "/more"),
        (["facts", "more"], 1, "/facts/more"),
        (["facts", "currency"], ..., "/facts/currency"),
        (["facts", "currency"], "XXX", "/facts"),
        (["facts", "settled_on"], "yesterday", "/facts/settled_on"),
        (["facts", "settled_on"], 5, "/facts/settled_on"),
        (["facts", "deliveries"], {}, "/facts/deliveries"),
        (["facts", "deliveries", 0, "boxes"], True, "/facts/deliveries/0/boxes"),
        (["facts", "deliveries", 0, "boxes"], "1", "/facts/deliveries/0/boxes"),
        (["facts", "deliveries", 0, "boxes"], 1.0, "/facts/deliveries/0/boxes"),
        (["facts", "deliveries", 0, "boxes"], 0, "/facts/deliveries/0"),
        (["facts", "deliveries", 0, "item"], 7, "/facts/deliveries/0/item"),
        (["facts", "terms", "commission_bps"], 10_001, "/facts/terms"),
        (["before", "currency"], "JPY", ""),
        (["before", "owed_minor"], -1, "/before"),
        (
            ["facts", "claims"],
            [{"reference": "C", "remedy": "gift", "amount_minor": 1, "at_fault": True}],
            "/facts/claims/0/remedy",
        ),
    ],
)
def test_what_is_wrong_is_named(path, value, pointer):
    with pytest.raises(FormRefused) as refused:
        settled_from_json(changed(path, value))
    assert refused.value.pointer == pointer


def test_no_document_at_all():
    for wrong in (None, [], "x", 1):
        with pytest.raises(FormRefused):
            settled_from_json(wrong)
    assert replace(EMPTY) == from_json(Account, {"currency": "CNY"})
