"""The independent check accepts the one right answer and nothing else, however small the edit."""

import dataclasses
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orders.allocation import Certificate, Mark, Segment, Shipment, allocate, json_form, verify
from orders.allocation.result import LIMITS
from tests.orders.allocation import cases
from tests.orders.allocation.cases import a_problem, a_seller, problems
from tests.thorough import many


def with_packs(problem, allocation, packs):
    """A forger's answer: other packs, and every number that anybody could easily recompute put right."""
    shares = tuple(
        replace(
            share,
            packs=count,
            level_after=Fraction(seller.history_grams + count * seller.pack_grams, seller.weight),
        )
        for seller, share, count in zip(problem.sellers, allocation.sellers, packs, strict=True)
    )
    order, total = problem.orders[0], sum(packs)
    fill = allocation.orders[0]
    fill = replace(
        fill,
        packs=total,
        unfilled_packs=order.packs - total,
        level_after=Fraction(total, order.packs) if order.packs else None,
    )
    return replace(
        allocation,
        sellers=shares,
        shipments=tuple(
            Shipment(seller=share.id, order=order.id, packs=share.packs) for share in shares if share.packs
        ),
        orders=(fill,),
        unfilled_packs=order.packs - total,
        digest=json_form.digest_of(problem, {s.id: s.packs for s in shares}, {order.id: total}),
    )


@settings(max_examples=many(600), deadline=None)
@given(problems(), st.data())
def test_a_forged_division_is_rejected_even_with_all_sums_put_right(problem, data):
    allocation = allocate(problem)
    packs = [share.packs for share in allocation.sellers]
    assume(packs)
    other = list(packs)
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(packs) - 1))
        other[index] = max(0, other[index] + data.draw(st.sampled_from([-1, 1])))
    assume(other != packs)

    assert verify(problem, with_packs(problem, allocation, other))


@settings(max_examples=many(600), deadline=None)
@given(problems(), st.data())
def test_a_pack_moved_from_one_seller_to_another_is_rejected(problem, data):
    allocation = allocate(problem)
    packs = [share.packs for share in allocation.sellers]
    assume(len(packs) > 1 and any(packs))
    giver = data.draw(st.sampled_from([index for index, count in enumerate(packs) if count]))
    taker = data.draw(st.sampled_from([index for index in range(len(packs)) if index != giver]))
    packs[giver] -= 1
    packs[taker] += 1

    assert verify(problem, with_packs(problem, allocation, packs))


def numbers_nearby(value):
    return st.sampled_from([value + 1, value - 1, value + Fraction(1, 10**30), -value - 1])


def edit_share(draw, allocation):
    index = draw(st.integers(0, len(allocation.sellers) - 1))
    share = allocation.sellers[index]
    name = draw(st.sampled_from(["exact_packs", "level_before", "level_after", "limited_by", "packs", "id"]))
    value = getattr(share, name)
    if name == "limited_by":
        other = draw(st.sampled_from([limit for limit in LIMITS if limit != value]))
    elif name == "packs":
        other = draw(st.sampled_from([value + 1, value - 1, -1, float(value), Fraction(value), value == 1]))
    elif name == "id":
        other = value + "x"
    else:
        other = draw(st.one_of(numbers_nearby(value), st.just(float(value))))
    sellers = (*allocation.sellers[:index], replace(share, **{name: other}), *allocation.sellers[index + 1 :])
    return replace(allocation, sellers=sellers)


def edit_mark(draw, allocation):
    name = draw(st.sampled_from(["last_served", "first_refused"]))
    mark = getattr(allocation.certificate, name)
    if mark is None:
        other = Mark(seller=allocation.sellers[0].id, pack=1, key=Fraction(1))
    else:
        other = draw(
            st.sampled_from(
                [
                    None,
                    replace(mark, pack=mark.pack + 1),
                    replace(mark, seller=mark.seller + "x"),
                    replace(mark, key=mark.key + Fraction(1, 10**30)),
                    replace(mark, second=Fraction(-1)),
                ]
            )
        )
    return replace(allocation, certificate=replace(allocation.certificate, **{name: other}))


def edit_top(draw, allocation):
    changes = {
        "digest": ["0" * 64, allocation.digest.upper(), ""],
        "method": ["drop_and_refill", ""],
        "gap": [Fraction(1), Fraction(-1, 7)],
        "unfilled_packs": [allocation.unfilled_packs + 1, -1],
        "segments": [(), allocation.segments * 2, (replace(allocation.segments[0], sellers=()),)],
        "sellers": [allocation.sellers[:-1], allocation.sellers * 2],
        "orders": [(), allocation.orders * 2],
        "shipments": [
            (*allocation.shipments, Shipment(seller=allocation.sellers[0].id, order="nobody", packs=1)),
            (*allocation.shipments, Shipment(seller="nobody", order="order", packs=1)),
            (*allocation.shipments, Shipment(seller=allocation.sellers[0].id, order="order", packs=0)),
        ],
    }
    name = draw(st.sampled_from(sorted(changes)))
    return replace(allocation, **{name: draw(st.sampled_from(changes[name]))})


def edit_line(draw, allocation):
    line = allocation.segments[0].line
    other = Fraction(1) if line is None else draw(st.one_of(numbers_nearby(line), st.none()))
    return replace(allocation, segments=(replace(allocation.segments[0], line=other),))


def edit_order(draw, allocation):
    fill = allocation.orders[0]
    name = draw(st.sampled_from(["packs", "unfilled_packs", "unfilled_grams", "level_before", "level_after"]))
    value = getattr(fill, name)
    return replace(allocation, orders=(replace(fill, **{name: 1 if value is None else value + 1}),))


def edit_shipments(draw, allocation):
    shipments = list(allocation.shipments)
    if not shipments:
        return allocation
    index = draw(st.integers(0, len(shipments) - 1))
    shipment = shipments[index]
    kind = draw(st.sampled_from(["drop", "twice", "more", "split", "fraction"]))
    shipments[index : index + 1] = {
        "drop": [],
        "twice": [shipment, shipment],
        "more": [replace(shipment, packs=shipment.packs + 1)],
        "split": [replace(shipment, packs=shipment.packs + 1), replace(shipment, packs=-1)],
        "fraction": [replace(shipment, packs=float(shipment.packs))],
    }[kind]
    return replace(allocation, shipments=tuple(shipments))


@pytest.mark.parametrize("edit", [edit_share, edit_mark, edit_top, edit_line, edit_order, edit_shipments])
@settings(max_examples=many(300), deadline=None)
@given(problem=problems(), data=st.data())
def test_any_single_edit_is_rejected(edit, problem, data):
    assume(problem.sellers)
    allocation = allocate(problem)
    edited = edit(data.draw, allocation)
    assume(repr(edited) != repr(allocation))

    assert verify(problem, edited)


@settings(max_examples=many(300), deadline=None)
@given(problems(), problems())
def test_the_answer_to_one_problem_is_no_answer_to_another(problem, other):
    in_id_order = [json_form.input_hash(it) for it in (problem, other)]
    assume(in_id_order[0] != in_id_order[1])

    assert verify(other, allocate(problem))


def test_the_sellers_listed_in_another_order_are_rejected():
    problem = cases.the_worked_example()
    allocation = allocate(problem)

    codes = {v.code for v in verify(problem, replace(allocation, sellers=allocation.sellers[::-1]))}
    assert "sellers_differ" in codes


def test_the_loser_of_the_lottery_is_rejected_as_its_winner():
    problem = a_problem([a_seller("A", tie=1), a_seller("B", tie=2)], 1)
    allocation = allocate(problem)
    assert allocation.certificate.is_decided_by_lottery

    codes = {violation.code for violation in verify(problem, with_packs(problem, allocation, [0, 1]))}
    assert "not_optimal" in codes


def test_a_line_higher_than_need_be_is_rejected_where_no_share_depends_on_it():
    """Everybody is empty at 5 and at 6; only the smallest line is the line."""
    problem = a_problem([a_seller("A", cap=5)], 5)
    allocation = allocate(problem)
    higher = replace(allocation.segments[0], line=Fraction(6))

    assert [v.code for v in verify(problem, replace(allocation, segments=(higher,)))] == ["line"]


def test_the_codes_name_what_is_wrong():
    problem = cases.the_worked_example()
    allocation = allocate(problem)
    wrong = [
        (replace(allocation, digest="0" * 64), {"digest"}),
        (
            replace(allocation, certificate=Certificate(last_served=None, first_refused=None)),
            {"certificate", "limited_by"},
        ),
        (replace(allocation, segments=(Segment(line=None, sellers=(), orders=()),)), {"segments_differ"}),
        (with_packs(problem, allocation, [0, 0, 0, 0, 0, 0]), {"waste", "not_optimal"}),
    ]
    for edited, expected in wrong:
        codes = {violation.code for violation in verify(problem, edited)}
        assert codes & expected or codes == expected
        assert all(dataclasses.astuple(violation)[2] for violation in verify(problem, edited))
