"""Laws that hold for every problem, tried on random ones."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import allocate, verify
from tests.orders.allocation.cases import problems
from tests.thorough import many

law = settings(max_examples=many(500), deadline=None)


def packs_by_seller(problem):
    return {share.id: share.packs for share in allocate(problem).sellers}


@law
@given(problems())
def test_shares_add_up_to_the_order_or_to_all_there_is(problem):
    allocation = allocate(problem)

    given_packs = sum(share.packs for share in allocation.sellers)
    assert given_packs + allocation.unfilled_packs == problem.orders[0].packs
    assert given_packs == sum(shipment.packs for shipment in allocation.shipments)
    assert given_packs == sum(share.exact_packs for share in allocation.sellers)
    if allocation.unfilled_packs:
        assert all(share.limited_by in {"stock", "household_cap"} for share in allocation.sellers)


@law
@given(problems())
def test_nobody_gives_more_than_it_has_or_may(problem):
    for seller, share in zip(problem.sellers, allocate(problem).sellers, strict=True):
        assert 0 <= share.packs <= seller.cap_packs
        if seller.household_cap_packs is not None and share.packs:
            season_grams = seller.history_grams + share.packs * seller.pack_grams
            assert season_grams <= seller.household_cap_packs * seller.weight * seller.pack_grams


@law
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_the_list_changes_nothing(problem, random):
    shuffled = list(problem.sellers)
    random.shuffle(shuffled)
    other = replace(problem, sellers=tuple(shuffled))

    before, after = allocate(problem), allocate(other)
    assert {share.id: share for share in before.sellers} == {share.id: share for share in after.sellers}
    assert (before.digest, before.certificate, before.orders) == (
        after.digest,
        after.certificate,
        after.orders,
    )


@law
@given(problems(strict=False), st.integers(1, 20))
def test_a_larger_order_never_takes_a_pack_from_anybody(problem, more):
    order = problem.orders[0]
    larger = replace(problem, orders=(replace(order, packs=order.packs + more),))

    before, after = packs_by_seller(problem), packs_by_seller(larger)
    assert all(after[name] >= packs for name, packs in before.items())


@law
@given(problems(strict=False, catch_up_grams_per_weight=None), st.data())
def test_a_seller_leaving_never_takes_a_pack_from_another(problem, data):
    if not problem.sellers:
        return
    leaving = data.draw(st.sampled_from(problem.sellers))
    rest = replace(problem, sellers=tuple(seller for seller in problem.sellers if seller != leaving))

    before, after = packs_by_seller(problem), packs_by_seller(rest)
    assert all(packs >= before[name] for name, packs in after.items())


@law
@given(problems(strict=False), st.data())
def test_declaring_less_stock_never_gains_a_pack(problem, data):
    if not problem.sellers:
        return
    index = data.draw(st.integers(0, len(problem.sellers) - 1))
    honest = problem.sellers[index]
    modest = replace(honest, cap_packs=data.draw(st.integers(0, honest.cap_packs)))
    other = replace(problem, sellers=(*problem.sellers[:index], modest, *problem.sellers[index + 1 :]))

    assert packs_by_seller(other)[honest.id] <= packs_by_seller(problem)[honest.id]


@law
@given(problems(strict=False), st.integers(1, 50))
def test_declaring_stock_that_is_not_asked_for_changes_nothing(problem, more):
    """Phantom stock gains nothing for whoever was not limited by its real one."""
    allocation = allocate(problem)
    for index, share in enumerate(allocation.sellers):
        if share.limited_by in {"nothing", "history"}:
            seller = problem.sellers[index]
            boastful = replace(seller, cap_packs=seller.cap_packs + more)
            sellers = (*problem.sellers[:index], boastful, *problem.sellers[index + 1 :])
            assert packs_by_seller(replace(problem, sellers=sellers)) == packs_by_seller(problem)
            return


@law
@given(problems(strict=True))
def test_strict_is_never_a_full_pack_off_the_exact_share(problem):
    assert all(abs(share.packs - share.exact_packs) < 1 for share in allocate(problem).sellers)


@law
@given(problems())
def test_every_answer_passes_the_independent_check(problem):
    assert verify(problem, allocate(problem)) == ()
