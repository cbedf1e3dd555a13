"""Problems that several tests share: the worked example, the two rosters on file, and random ones."""

import csv
from pathlib import Path

from hypothesis import strategies as st

from orders.allocation import Order, Policy, Problem, Seller

ROOT = Path(__file__).resolve().parents[3]
DEMO_DATA = ROOT / "campaigns" / "demo_data"
GOLDEN = Path(__file__).with_name("golden")

JIN_GRAMS = 500
BOX_GRAMS = 5_000
CARTON_GRAMS = 18_144
CARTONS_PER_UNIT = 250

WORKED_EXAMPLE = (
    # cooperative, households, jin sold before, boxes of 20 jin in store
    ("Hongqi", 320, 96_000, 9_000),
    ("Dongpo", 180, 30_000, 7_000),
    ("Liuhe", 95, 61_000, 1_500),
    ("Nanshan", 260, 0, 2_500),
    ("Qingshui", 140, 52_000, 6_000),
    ("Beigou", 60, 4_000, 3_500),
)


def a_seller(name="A", weight=1, history=0, cap=100, pack=1, **others):
    return Seller(id=name, weight=weight, history_grams=history, cap_packs=cap, pack_grams=pack, **others)


def a_problem(sellers, packs, **policy):
    return Problem(sellers=tuple(sellers), orders=(Order(id="order", packs=packs),), policy=Policy(**policy))


def the_worked_example():
    sellers = [
        a_seller(name, households, sold_jin * JIN_GRAMS, boxes, 20 * JIN_GRAMS)
        for name, households, sold_jin, boxes in WORKED_EXAMPLE
    ]
    return a_problem(sellers, 21_000)


def the_made_up_yijun():
    """42,000 boxes of grade A over 57 cooperatives; a box never mixes lots."""
    folder = DEMO_DATA / "made_up_yijun"
    boxes: dict[str, int] = {}
    for lot in _rows(folder / "lots.csv"):
        if lot["grade"] == "A":
            boxes[lot["cooperative"]] = boxes.get(lot["cooperative"], 0) + int(lot["grams"]) // BOX_GRAMS
    sellers = [
        a_seller(row["code"], int(row["member_households"]), 0, boxes.get(row["code"], 0), BOX_GRAMS)
        for row in _rows(folder / "cooperatives.csv")
    ]
    return a_problem(sellers, 42_000, tie_seed="Yijun, April 2021")


def the_usda_week():
    """One week's cartons over nine origins that already sold very different shares of last season."""
    rows = _rows(DEMO_DATA / "usda_apples_2020" / "truck_shipments_2020-09-26.csv")
    sellers = [
        a_seller(
            row["origin"],
            int(row["last_season_total"]),
            int(row["season_to_2020_09_26"]) * CARTONS_PER_UNIT * CARTON_GRAMS,
            int(row["week_to_2020_09_26"]) * CARTONS_PER_UNIT * 3 // 2,
            CARTON_GRAMS,
        )
        for row in rows
    ]
    cartons = sum(int(row["week_to_2020_09_26"]) for row in rows) * CARTONS_PER_UNIT
    return a_problem(sellers, cartons, tie_seed="WA_FV401")


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sellers(*, count_max=7, cap_max=9):
    """Few and small, with weights, histories and packs that make equal keys likely, and now and then huge."""

    @st.composite
    def draw_sellers(draw):
        count = draw(st.integers(0, count_max))
        pack = draw(st.sampled_from([1, 2, 3, 5_000]))
        weight_max = draw(st.sampled_from([1, 3, 12, 10**9]))
        history_max = draw(st.sampled_from([0, 4, 60, 10**12]))
        return [
            a_seller(
                f"s{index}",
                draw(st.integers(1, weight_max)),
                draw(st.integers(0, history_max)),
                draw(st.integers(0, cap_max)),
                pack,
                tie=draw(st.sampled_from([None, None, 1, 2])),
                household_cap_packs=draw(st.sampled_from([None, None, 0, 2])),
            )
            for index in range(count)
        ]

    return draw_sellers()


def policies(**fixed):
    choices = {
        "rule": st.sampled_from(["nearest", "nearest", "lowest", "lowest_after"]),
        "strict": st.booleans(),
        "catch_up_grams_per_weight": st.sampled_from([None, None, 0, 3]),
        "tie_seed": st.sampled_from(["", "seed", "种子"]),
    }
    choices.update({name: st.just(value) for name, value in fixed.items()})
    return st.fixed_dictionaries(choices)


@st.composite
def problems(draw, *, count_max=7, packs_max=50, **fixed):
    return a_problem(
        draw(sellers(count_max=count_max)), draw(st.integers(0, packs_max)), **draw(policies(**fixed))
    )
