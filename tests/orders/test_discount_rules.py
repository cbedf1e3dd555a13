"""What is left of discounts: laws over all totals, boxes and deposits from 1 to 99 %."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.deposit_rules import Deposit, DepositType, Funder
from orders import balance_rules, discount_rules

AMOUNTS = st.lists(st.integers(1, 10**7), max_size=6)
CUTS = st.integers(1, 1_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(AMOUNTS, CUTS)
def test_the_parts_of_what_is_kept_add_up_and_no_line_grows(amounts: list[int], cut: tuple[int, int]) -> None:
    boxes, of_boxes = cut
    parts = discount_rules.kept(amounts, boxes=boxes, of_boxes=of_boxes)
    assert sum(parts) == discount_rules.kept_minor(sum(amounts), boxes=boxes, of_boxes=of_boxes)
    assert all(0 <= part <= amount for part, amount in zip(parts, amounts, strict=True))
    assert discount_rules.kept(amounts, boxes=of_boxes, of_boxes=of_boxes) == tuple(amounts)
    assert not any(discount_rules.kept(amounts, boxes=0, of_boxes=of_boxes))


@given(st.integers(0, 10**9), CUTS)
def test_what_is_kept_is_rounded_up_for_the_buyer_by_less_than_a_unit(
    amount: int, cut: tuple[int, int]
) -> None:
    boxes, of_boxes = cut
    kept = discount_rules.kept_minor(amount, boxes=boxes, of_boxes=of_boxes)
    assert 0 <= kept * of_boxes - amount * boxes < of_boxes
    if boxes:
        assert discount_rules.kept_minor(amount, boxes=boxes - 1, of_boxes=of_boxes) <= kept


@given(AMOUNTS, st.integers(-5, 10**8))
def test_what_fits_is_all_or_all_the_room_and_the_first_lines_come_first(
    amounts: list[int], room: int
) -> None:
    parts = discount_rules.fitted(amounts, room_minor=room)
    assert sum(parts) == min(sum(amounts), max(0, room))
    assert all(0 <= part <= amount for part, amount in zip(parts, amounts, strict=True))
    short = [part < amount for part, amount in zip(parts, amounts, strict=True)]
    assert short == sorted(short), "what comes after a line that does not fit fits no more"
    assert all(part == 0 for part, before in zip(parts[1:], short, strict=False) if before)


@given(
    boxes=st.integers(1, 1_000),
    price=st.integers(100, 10**6),
    percent=st.integers(1, 99),
    bonus_percent=st.integers(0, 30),
    fall=st.integers(0, 99),
    off=st.integers(0, 100),
    data=st.data(),
)
def test_deposit_balance_bonus_and_discount_are_the_price_whatever_happens(
    boxes: int, price: int, percent: int, bonus_percent: int, fall: int, off: int, data: st.DataObject
) -> None:
    """Ordered at the price shown, cut to fewer boxes, paid at a lower step."""
    per_box = max(1, price * percent // 100)
    counts = min(price, per_box + price * bonus_percent // 100)
    final = max(counts, price - price * fall // 100)
    deposit = Deposit(
        type=DepositType.ADVANCE,
        per_box_minor=per_box,
        counts_minor=counts,
        funder=Funder.COUNTY if counts > per_box else None,
    )
    promised = boxes * (price - counts) * off // 100
    shown = balance_rules.due(boxes=boxes, unit_price_minor=price, deposit=deposit, discount_minor=promised)
    assert (shown.discount_minor, shown.total_minor) == (promised, boxes * price)
    assert shown.now_minor == boxes * per_box, "nothing is taken off a deposit"
    left = data.draw(st.integers(1, boxes))
    kept = discount_rules.kept_minor(promised, boxes=left, of_boxes=boxes)
    due = balance_rules.due(boxes=left, unit_price_minor=final, deposit=deposit, discount_minor=kept)
    assert due.total_minor == left * final
    assert min(due.now_minor, due.later_minor, due.bonus_minor, due.discount_minor) >= 0
    assert due.discount_minor == min(kept, left * (final - counts))
    assert due.later_minor == 0 or due.discount_minor == kept, "what is not taken off has no room"
    assert due.later_minor <= shown.later_minor
    assert boxes * (due.now_minor + due.later_minor) <= left * (shown.now_minor + shown.later_minor), (
        "a box costs no more than was shown"
    )


@given(boxes=st.integers(1, 1_000), price=st.integers(1, 10**6), off=st.integers(0, 10**10))
def test_of_a_full_payment_no_more_is_taken_off_than_it_is(boxes: int, price: int, off: int) -> None:
    due = balance_rules.due(boxes=boxes, unit_price_minor=price, deposit=None, discount_minor=off)
    assert (due.total_minor, due.discount_minor) == (boxes * price, min(off, boxes * price))


@pytest.mark.parametrize("cut", [(3, 2), (-1, 2), (0, 0)])
def test_an_order_keeps_only_boxes_of_its_own(cut: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="its own boxes"):
        discount_rules.kept_minor(5, boxes=cut[0], of_boxes=cut[1])
