"""Laws of tranches, escrow and the pool's figures."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orders.sponsoring.rules import (
    Figures,
    Progress,
    Tranche,
    Tranches,
    due,
    escrow_needed,
    parted,
    surplus,
)


@st.composite
def tranches(draw: st.DrawFn) -> Tranches:
    first = draw(st.integers(0, 1000))
    second = draw(st.integers(0, 1000 - first))
    return Tranches(confirmation=first, intake=second, delivery=1000 - first - second)


@st.composite
def progresses(draw: st.DrawFn, high: int = 1_000_000) -> Progress:
    boxes = draw(st.integers(0, high))
    taken_in = draw(st.integers(0, boxes))
    return Progress(boxes=boxes, taken_in=taken_in, delivered=draw(st.integers(0, taken_in)))


PRICES = st.integers(0, 1_000_000_000)


def test_thirty_forty_thirty_of_a_share() -> None:
    shares = Tranches()
    assert due(shares, Progress(boxes=3), unit_price_minor=33) == {
        Tranche.CONFIRMATION: 29,
        Tranche.INTAKE: 0,
        Tranche.DELIVERY: 0,
    }
    assert due(shares, Progress(boxes=3, taken_in=2), unit_price_minor=33)[Tranche.INTAKE] == 26
    last = due(shares, Progress(boxes=3, taken_in=3, delivered=3), unit_price_minor=33)
    assert list(last.values()) == [29, 39, 31]
    assert sum(last.values()) == 99


@given(tranches(), st.integers(0, 1_000_000), PRICES)
def test_the_tranches_of_a_delivered_share_are_its_price(terms: Tranches, boxes: int, price: int) -> None:
    whole = Progress(boxes=boxes, taken_in=boxes, delivered=boxes)
    assert sum(due(terms, whole, unit_price_minor=price).values()) == boxes * price


@given(tranches(), progresses(), PRICES)
def test_no_tranche_is_negative_and_all_are_at_most_the_price(
    terms: Tranches, progress: Progress, price: int
) -> None:
    found = due(terms, progress, unit_price_minor=price)
    assert min(found.values()) >= 0
    assert sum(found.values()) <= progress.boxes * price


@given(tranches(), progresses(), progresses(), PRICES)
def test_more_fruit_never_takes_a_tranche_back(
    terms: Tranches, one: Progress, other: Progress, price: int
) -> None:
    boxes = max(one.boxes, other.boxes)
    less = Progress(
        boxes=boxes,
        taken_in=min(one.taken_in, other.taken_in),
        delivered=min(one.delivered, other.delivered),
    )
    more = Progress(
        boxes=boxes,
        taken_in=max(one.taken_in, other.taken_in),
        delivered=max(one.delivered, other.delivered),
    )
    before, now = (due(terms, each, unit_price_minor=price) for each in (less, more))
    assert all(before[each] <= now[each] for each in Tranche)


@given(tranches(), st.lists(st.integers(0, 10_000), max_size=20), PRICES)
def test_escrow_of_the_first_tranche_covers_every_confirmation(
    terms: Tranches, shares: list[int], price: int
) -> None:
    total = sum(shares) * price
    asked = sum(
        due(terms, Progress(boxes=each), unit_price_minor=price)[Tranche.CONFIRMATION]
        for each in shares
        if each
    )
    assert asked <= escrow_needed(total, terms.confirmation)


@given(progresses(high=1_000), st.integers(0, 1_000))
def test_a_smaller_share_keeps_what_it_delivered(progress: Progress, boxes: int) -> None:
    if boxes < progress.delivered:
        with pytest.raises(ValueError, match="delivered"):
            progress.cut_to(boxes)
        return
    assume(boxes <= progress.boxes)
    cut = progress.cut_to(boxes)
    assert (cut.boxes, cut.delivered) == (boxes, progress.delivered)
    assert cut.taken_in == min(progress.taken_in, boxes)


@pytest.mark.parametrize("parts", [(300, 400, 299), (-1, 701, 300), (1000, 1, 0), (400, 400, 400)])
def test_tranches_are_the_whole(parts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="1000 permille"):
        Tranches(confirmation=parts[0], intake=parts[1], delivery=parts[2])


@pytest.mark.parametrize("steps", [(3, 4, 0), (3, 2, 3), (3, 2, -1)])
def test_fruit_goes_one_way(steps: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="<="):
        Progress(boxes=steps[0], taken_in=steps[1], delivered=steps[2])


@given(st.integers(0, 10**13), st.integers(0, 1000))
def test_the_agreed_part_is_rounded_up(total: int, permille: int) -> None:
    needed = escrow_needed(total, permille)
    assert needed * 1000 >= total * permille > (needed - 1) * 1000
    assert escrow_needed(total, 1000) == total


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_no_more_goes_back_than_is_too_much(paid: int, returned: int, price: int) -> None:
    back = surplus(escrowed_minor=paid, returned_minor=returned, price_minor=price)
    assert back == max(0, paid - returned - price)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20), st.data())
def test_what_is_given_up_adds_up_and_nobody_gives_more_than_it_has(
    undelivered: list[int], data: st.DataObject
) -> None:
    boxes = data.draw(st.integers(0, sum(undelivered)))
    parts = parted(boxes, undelivered)
    assert sum(parts) == boxes
    assert all(0 <= part <= has for part, has in zip(parts, undelivered, strict=True))


def test_more_than_there_is_cannot_be_given_up() -> None:
    with pytest.raises(ValueError, match="more boxes"):
        parted(4, [1, 2])


def test_what_is_pooled_is_redeemed_held_or_free() -> None:
    figures = Figures(
        bought=10, allocated=9, pooled=8, redeemed=3, held=2, expired=7, taken_in=5, delivered=1
    )
    assert figures.free == 3
    counts = figures.counts()
    assert counts["redeemed"] + counts["held"] + counts["free"] == counts["pooled"]
