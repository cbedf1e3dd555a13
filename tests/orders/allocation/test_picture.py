"""The picture is a complete, self-contained SVG that shows every cooperative, the line and the reason."""

import re
from xml.etree import ElementTree as ET

import pytest

from orders.allocation import allocate
from orders.allocation.picture import Captions, draw
from tests.orders.allocation import cases
from tests.orders.allocation.cases import a_problem, a_seller

SVG = "{http://www.w3.org/2000/svg}"


def drawn(problem, **options):
    text = draw(allocate(problem), **options)
    return text, ET.fromstring(text)


@pytest.mark.parametrize(
    "problem",
    [cases.the_made_up_yijun(), cases.the_usda_week(), cases.the_worked_example(), a_problem([], 3)],
)
def test_each_cooperative_has_a_row_with_its_packs(problem):
    _, root = drawn(problem)
    rows = root.findall(f"{SVG}g")

    assert len(rows) == len(problem.sellers)
    for row, share in zip(
        rows, sorted(allocate(problem).sellers, key=lambda share: (share.level_after, share.id)), strict=True
    ):
        assert row.find(f"{SVG}title").text.startswith(share.id)
        assert [text.text for text in row.findall(f"{SVG}text")][-1] == f"{share.packs:,}"


def test_rows_may_stand_in_roster_order():
    problem = cases.the_worked_example()
    _, root = drawn(problem, order="roster")

    starts = [row.find(f"{SVG}title").text.split()[0] for row in root.findall(f"{SVG}g")]
    assert starts == [seller.id for seller in problem.sellers]


def test_the_line_and_captions_are_written_in_both_languages():
    captions = Captions(
        title_en="One & all", title_zh="大家", note_zh="名册为虚构", names={"Hongqi": ("Hongqi", "红旗")}
    )
    text, root = drawn(cases.the_worked_example(), captions=captions)

    words = " ".join(root.itertext())
    assert "One & all" in words
    assert "line 线 771.07" in words
    assert "gave all it had 存果售尽" in words
    assert "名册为虚构" in words
    assert "红旗" in words
    assert "already above the line" not in words
    assert not re.search(r"(href|url\(|@import|<script|<image)", text)


def test_names_cannot_smuggle_markup_into_the_picture():
    problem = a_problem([a_seller("<script>x</script>")], 3)
    text, root = drawn(problem, captions=Captions(names={"<script>x</script>": ('"><b>', "<b>")}))

    assert "<script" not in text
    assert len(root.findall(f"{SVG}g")) == 1


@pytest.mark.parametrize("count", [1, 60, 400, 3_000])
def test_bars_stay_inside_the_page(count):
    problem = a_problem([a_seller(f"s{i}", 1 + i % 7, history=i % 11) for i in range(count)], count)
    _, root = drawn(problem)

    width, height = int(root.get("width")), int(root.get("height"))
    for bar in root.iter(f"{SVG}rect"):
        x, y = float(bar.get("x", 0)), float(bar.get("y", 0))
        assert 0 <= x <= x + float(bar.get("width")) <= width
        assert 0 <= y <= y + float(bar.get("height")) <= height
