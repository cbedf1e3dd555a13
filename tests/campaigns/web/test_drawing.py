"""Numbers as people write them, and where the ink of the pictures lies."""

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.terms import Step
from campaigns.web import formats, pictures

SHANGHAI = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("grams", "en", "zh"),
    [
        (0, "0 kg", "0 公斤（0 斤）"),
        (5_000, "5 kg", "5 公斤（10 斤）"),
        (2_250, "2.25 kg", "2.25 公斤（4.5 斤）"),
        (210_000_000, "210,000 kg", "210,000 公斤（420,000 斤）"),
        (1, "0.001 kg", "0.001 公斤（0.002 斤）"),
    ],
)
def test_a_weight_is_told_in_kilograms_and_in_chinese_in_jin_beside_them(grams, en, zh) -> None:
    assert (formats.weight(grams, "en"), formats.weight(grams, "zh")) == (en, zh)


@pytest.mark.parametrize(
    ("minor", "currency", "told"),
    [
        (6_000, "CNY", "¥60.00"),
        (123_456_789, "CNY", "¥1,234,567.89"),
        (300, "JPY", "JPY 300"),
        (1_250, "BHD", "BHD 1.250"),
    ],
)
def test_money_has_its_decimals_and_yen_are_no_yuan(minor, currency, told) -> None:
    assert formats.money(minor, currency) == told


def test_a_moment_is_told_in_the_countys_zone_and_says_which() -> None:
    assert formats.moment(AT, SHANGHAI, "en") == "Thu 26 Nov 2026, 20:00 (Asia/Shanghai, UTC+08:00)"
    assert formats.moment(AT, SHANGHAI, "zh") == "2026年11月26日（周四）20:00 北京时间"
    assert (
        formats.moment(AT, ZoneInfo("Asia/Urumqi"), "zh")
        == "2026年11月26日（周四）18:00 （Asia/Urumqi，UTC+06:00）"
    )
    assert formats.local(AT, SHANGHAI, "zh") == "2026年11月26日（周四）20:00"
    assert formats.zone_name(ZoneInfo("Asia/Urumqi"), "zh") == formats.zone_name(
        ZoneInfo("Asia/Urumqi"), "en"
    )
    assert "20:00:30" in formats.moment(AT.replace(second=30), SHANGHAI, "en")


@given(st.integers(0, 10**15), st.sampled_from([500, 1_000]))
def test_a_quantity_is_told_to_the_gram(grams: int, per: int) -> None:
    assert Fraction(formats.parts(grams, per).replace(",", "")) == Fraction(grams, per)


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_percentage_is_rounded_to_a_tenth(part: int, of: int) -> None:
    told = Fraction(formats.percent(part, of).removesuffix(" %").replace(",", ""))
    assert abs(told - Fraction(100 * part, of)) <= Fraction(1, 20)


def test_of_nothing_it_is_nothing() -> None:
    assert formats.percent(0, 0) == "0 %"


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8).filter(any))
def test_a_waterfall_falls_without_gaps_and_ends_at_the_price(parts: list[int]) -> None:
    bars = pictures.waterfall(parts)
    assert bars[0].begin == 0
    assert bars[-1].begin + bars[-1].length == pictures.PERMILLE
    for before, after in pairwise(bars):
        assert before.begin + before.length == after.begin
    for bar, part in zip(bars, parts, strict=True):
        assert abs(bar.length - Fraction(part * pictures.PERMILLE, sum(parts))) <= 1


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_bar_is_never_longer_than_its_row(part: int, of: int) -> None:
    assert 0 <= pictures.filled(part, of).length <= pictures.PERMILLE


LADDERS = st.lists(st.integers(1, 10**6), min_size=1, max_size=19, unique=True).map(
    lambda bounds: [
        Step(from_boxes=boxes, unit_price_minor=10_000 - 100 * place)
        for place, boxes in enumerate([0, *sorted(bounds)])
    ]
)


@given(LADDERS, st.integers(0, 2 * 10**6))
def test_a_ladder_goes_down_to_the_right_inside_its_picture(steps: list[Step], sold: int) -> None:
    drawn = pictures.ladder(steps, sold_boxes=sold)
    assert len(drawn.stairs) == len(steps)
    for before, after in pairwise(drawn.stairs):
        assert before.x_end == after.x
        assert before.y <= after.y
    assert drawn.left <= drawn.sold_x <= drawn.right
    assert drawn.stairs[-1].x_end == drawn.right
    assert all(0 < each.y < drawn.bottom < pictures.HEIGHT for each in drawn.stairs)
    here = [each for each in drawn.stairs if each.is_reached][-1]
    assert here.x <= drawn.sold_x <= here.x_end
    assert drawn.sold_y == here.y


@given(LADDERS, st.integers(0, 2 * 10**6))
def test_labels_of_a_ladder_never_lie_upon_one_another(steps: list[Step], sold: int) -> None:
    places = [each.x for each in pictures.ladder(steps, sold_boxes=sold).stairs if each.has_label]
    assert places[0] == pictures.ladder(steps, sold_boxes=sold).left
    assert all(after - before >= 62 for before, after in pairwise(places))
