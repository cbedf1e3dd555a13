"""A problem that is not well formed is refused with a pointer, a code and a reason, before anything is computed."""

import pickle

import pytest

from orders.allocation import Link, Order, Policy, Problem, ProblemRefused, Seller
from orders.allocation.json_form import problem_from_json
from orders.allocation.refusal import CODES, Fault
from tests.orders.allocation.cases import a_problem, a_seller


def a_document(**changes):
    document = {
        "sellers": [{"id": "A", "weight": 2, "history_grams": 0, "cap_packs": 9, "pack_grams": 5}],
        "orders": [{"id": "o", "packs": 3}],
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = document
        for step in parents:
            target = target[int(step) if step.isdigit() else step]
        target[int(last) if last.isdigit() else last] = value
    return document


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"sellers__0__weight": 0}, "/sellers/0/weight", "out_of_range"),
        ({"sellers__0__weight": -1}, "/sellers/0/weight", "out_of_range"),
        ({"sellers__0__weight": 10**9 + 1}, "/sellers/0/weight", "out_of_range"),
        ({"sellers__0__weight": True}, "/sellers/0/weight", "wrong_type"),
        ({"sellers__0__weight": 1.0}, "/sellers/0/weight", "wrong_type"),
        ({"sellers__0__weight": "1"}, "/sellers/0/weight", "wrong_type"),
        ({"sellers__0__weight": None}, "/sellers/0/weight", "wrong_type"),
        ({"sellers__0__weight": float("nan")}, "/sellers/0/weight", "wrong_type"),
        ({"sellers__0__cap_packs": 10**9 + 1}, "/sellers/0/cap_packs", "out_of_range"),
        ({"sellers__0__cap_packs": -1}, "/sellers/0/cap_packs", "out_of_range"),
        ({"sellers__0__pack_grams": 0}, "/sellers/0/pack_grams", "out_of_range"),
        ({"sellers__0__history_grams": -1}, "/sellers/0/history_grams", "out_of_range"),
        ({"sellers__0__history_grams": 10**15 + 1}, "/sellers/0/history_grams", "out_of_range"),
        ({"sellers__0__min_packs": -1}, "/sellers/0/min_packs", "out_of_range"),
        ({"sellers__0__tie": "first"}, "/sellers/0/tie", "wrong_type"),
        ({"sellers__0__tier": 1_001}, "/sellers/0/tier", "out_of_range"),
        ({"sellers__0__household_cap_packs": 0.5}, "/sellers/0/household_cap_packs", "wrong_type"),
        ({"sellers__0__id": ""}, "/sellers/0/id", "wrong_length"),
        ({"sellers__0__id": "x" * 201}, "/sellers/0/id", "wrong_length"),
        ({"sellers__0__id": 7}, "/sellers/0/id", "wrong_type"),
        ({"sellers__0__id": "a\u0000b"}, "/sellers/0/id", "control_characters"),
        ({"sellers__0__id": "a\n"}, "/sellers/0/id", "control_characters"),
        ({"sellers__0__id": "\ud800"}, "/sellers/0/id", "control_characters"),
        ({"sellers__0__a/b~": 1}, "/sellers/0/a~1b~0", "unknown_member"),
        ({"sellers__0": []}, "/sellers/0", "wrong_type"),
        ({"sellers": {}}, "/sellers", "wrong_type"),
        ({"sellers": None}, "/sellers", "wrong_type"),
        ({"orders__0": {"id": "o"}}, "/orders/0", "packs_or_grams"),
        ({"orders__0__grams": 5}, "/orders/0", "packs_or_grams"),
        ({"orders__0__packs": -1}, "/orders/0/packs", "out_of_range"),
        ({"orders__0__packs": 10**9 + 1}, "/orders/0/packs", "out_of_range"),
        ({"orders__0": {"id": "o", "grams": 10**15 + 1}}, "/orders/0/grams", "out_of_range"),
        ({"orders__0__weight": 0}, "/orders/0/weight", "out_of_range"),
        ({"orders__0__max_sellers": 0}, "/orders/0/max_sellers", "out_of_range"),
        ({"orders__0": {"packs": 1}}, "/orders/0/id", "missing"),
        ({"links": [{"seller": "A", "order": "p"}]}, "/links/0/order", "unknown_reference"),
        ({"links": [{"seller": "B", "order": "o"}]}, "/links/0/seller", "unknown_reference"),
        ({"links": [{"seller": "A", "order": "o"}] * 2}, "/links/1", "duplicate"),
        ({"links": [{"seller": "A", "order": "o", "cap_packs": -1}]}, "/links/0/cap_packs", "out_of_range"),
        ({"links": 3}, "/links", "wrong_type"),
        ({"policy": None}, "/policy", "wrong_type"),
        ({"policy": {"rule": "first_come"}}, "/policy/rule", "not_a_choice"),
        ({"policy": {"rule": ["nearest"]}}, "/policy/rule", "wrong_type"),
        ({"policy": {"buyers": "all"}}, "/policy/buyers", "not_a_choice"),
        ({"policy": {"strict": 1}}, "/policy/strict", "wrong_type"),
        ({"policy": {"catch_up_grams_per_weight": -1}}, "/policy/catch_up_grams_per_weight", "out_of_range"),
        ({"policy": {"tie_seed": None}}, "/policy/tie_seed", "wrong_type"),
        ({"policy": {"tie_seed": "x" * 1_001}}, "/policy/tie_seed", "wrong_length"),
        ({"policy": {"speed": 1}}, "/policy/speed", "unknown_member"),
        ({"extra": 1}, "/extra", "unknown_member"),
    ],
)
def test_a_bad_value_is_refused_at_its_place(changes, pointer, code):
    with pytest.raises(ProblemRefused) as refused:
        problem_from_json(a_document(**changes))

    assert (refused.value.pointer, refused.value.code) == (pointer, code)
    assert refused.value.reason
    assert refused.value.reason_zh


@pytest.mark.parametrize("document", [None, [], "x", 3, {}])
def test_what_is_no_problem_at_all_is_refused(document):
    with pytest.raises(ProblemRefused):
        problem_from_json(document)


def test_two_sellers_or_orders_with_one_id_are_refused():
    with pytest.raises(ProblemRefused) as refused:
        a_problem([a_seller("A"), a_seller("B"), a_seller("A")], 1)
    assert (refused.value.pointer, refused.value.code) == ("/sellers/2/id", "duplicate")

    with pytest.raises(ProblemRefused) as refused:
        Problem(sellers=(), orders=(Order(id="o", packs=1), Order(id="o", packs=1)))
    assert (refused.value.pointer, refused.value.code) == ("/orders/1/id", "duplicate")


def test_pack_sizes_may_differ_only_in_one_order_in_grams():
    sellers = (a_seller("A", pack=4), a_seller("B", pack=5))

    with pytest.raises(ProblemRefused) as refused:
        Problem(sellers=sellers, orders=(Order(id="o", packs=1),))
    assert (refused.value.pointer, refused.value.code) == ("/sellers/1/pack_grams", "mixed_packs")
    assert Problem(sellers=sellers, orders=(Order(id="o", grams=1),)).orders[0].grams == 1


def test_every_fault_is_listed_and_not_only_the_first():
    with pytest.raises(ProblemRefused) as refused:
        Problem(
            sellers=(a_seller("", weight=0), "A"),
            orders=(Order(id="o"), 7),
            links=(Link(seller="A", order="o", cap_packs=-1), None),
            policy="nearest",
        )
    pointers = [fault.pointer for fault in refused.value.faults]
    assert pointers == [
        "/sellers/0/id",
        "/sellers/0/weight",
        "/sellers/1",
        "/orders/0",
        "/orders/1",
        "/links/0/cap_packs",
        "/links/1",
        "/policy",
    ]
    assert {fault.code for fault in refused.value.faults} <= CODES


def test_lists_become_tuples_and_defaults_are_those_of_the_schema():
    problem = Problem(sellers=[a_seller("A")], orders=[Order(id="o", packs=1)], links=[])

    assert (problem.sellers, problem.orders, problem.links) == (
        (Seller(id="A", weight=1, history_grams=0, cap_packs=100, pack_grams=1),),
        (Order(id="o", packs=1),),
        (),
    )
    assert problem.policy == Policy(rule="nearest", buyers="fill_rate", strict=False, tie_seed="")


def test_a_refusal_survives_being_sent_to_another_process():
    refusal = ProblemRefused((Fault.of("/orders/0", "packs_or_grams"),))
    copy = pickle.loads(pickle.dumps(refusal))

    assert (copy.faults, str(copy)) == (refusal.faults, str(refusal))
