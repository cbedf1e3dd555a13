"""Reading a roster's folder: both kinds, and every way in which a folder is wrong."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from campaigns.demo import roster
from campaigns.demo.roster import DEFAULT, ROSTERS, Roster, RosterWrong

USDA = ROSTERS / "usda_apples_2020"
TABLE = "truck_shipments_2020-09-26.csv"


@pytest.fixture
def county(tmp_path: Path) -> Path:
    return shutil.copytree(DEFAULT, tmp_path / "county")


@pytest.fixture
def origins(tmp_path: Path) -> Path:
    return shutil.copytree(USDA, tmp_path / "origins")


def change(path: Path, rewrite: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(rewrite(path.read_text().splitlines())) + "\n", encoding="utf-8")


def replaced(line: int, old: str, new: str) -> Callable[[list[str]], list[str]]:
    def rewrite(lines: list[str]) -> list[str]:
        assert old in lines[line]
        lines[line] = lines[line].replace(old, new, 1)
        return lines

    return rewrite


def wrong(folder: Path) -> str:
    with pytest.raises(RosterWrong) as problem:
        roster.read(folder)
    sentence = str(problem.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_the_made_up_county_is_read_and_says_that_it_is_made_up() -> None:
    read = roster.read(DEFAULT)
    assert (read.code, read.pack_grams, read.variety) == ("made-up-yijun", 5_000, "Fuji")
    assert "made up" in read.note.en
    assert "虚构" in read.note.zh
    assert len({seller.code for seller in read.sellers}) == len(read.sellers) == 57
    assert {lot.seller for lot in read.lots} <= {seller.code for seller in read.sellers}
    assert sum(lot.grams for lot in read.lots if lot.grade == "A") >= 42_000 * read.pack_grams


def test_the_usda_table_is_read_as_sellers_with_history() -> None:
    read = roster.read(USDA)
    assert read.pack_grams == 18_144
    first = read.sellers[0]
    assert (first.code, first.households) == ("appalachia", 13_603)
    assert first.history_grams == 1_725 * 250 * 18_144
    [lot] = [each for each in read.lots if each.seller == "appalachia"]
    assert lot.grams == 331 * 375 * 18_144
    assert "USDA" in read.note.en
    assert "演示" in read.note.zh


@pytest.mark.parametrize("folder", [DEFAULT, USDA])
def test_moving_the_days_keeps_everything_else(folder: Path) -> None:
    read = roster.read(folder)
    moved = read.moved_to(date(2030, 1, 31))
    by = date(2030, 1, 31) - read.as_of
    assert moved.as_of == date(2030, 1, 31)
    assert [lot.harvested_on - by for lot in moved.lots] == [lot.harvested_on for lot in read.lots]
    assert [lot.best_before_on - by for lot in moved.lots] == [lot.best_before_on for lot in read.lots]
    assert [lot.grams for lot in moved.lots] == [lot.grams for lot in read.lots]
    assert moved.moved_to(read.as_of) == read
    assert by > timedelta(days=1)


@pytest.mark.parametrize("folder", [DEFAULT, USDA])
def test_fruit_is_still_good_on_the_rosters_day(folder: Path) -> None:
    read: Roster = roster.read(folder)
    assert all(lot.harvested_on <= read.as_of <= lot.best_before_on for lot in read.lots)


def test_a_folder_without_tables_is_no_roster(tmp_path: Path) -> None:
    assert "neither cooperatives.csv" in wrong(tmp_path)
    assert "neither cooperatives.csv" in wrong(tmp_path / "missing")


def test_two_usda_tables_are_one_too_many(origins: Path) -> None:
    shutil.copy(origins / TABLE, origins / "truck_shipments_2020-10-03.csv")
    assert "nor one truck_shipments" in wrong(origins)


def test_bytes_that_are_not_utf8_are_refused(county: Path) -> None:
    (county / "lots.csv").write_bytes("户".encode("gb18030"))
    assert "cannot be read as UTF-8 text" in wrong(county)


def test_a_byte_order_mark_is_taken(county: Path) -> None:
    path = county / "cooperatives.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(roster.read(county).sellers) == 57


@pytest.mark.parametrize(
    ("line", "old", "new", "says"),
    [
        (0, "member_households", "households", "lacks the column 'member_households'"),
        (1, "171", "none", "line 2: 'none' is not a whole number from 1"),
        (1, "171", "0", "line 2: '0' is not a whole number from 1"),
        (1, "171", "-4", "line 2: '-4' is not a whole number from 1"),
        (1, "171", "1.5", "line 2: '1.5' is not a whole number from 1"),
        (1, "171", "\u0661", "is not a whole number from 1"),
        (1, "171", "9" * 16, "is not a whole number from 1"),
        (1, ",171", "", "line 2: the number of cells is not that of the heading"),
        (1, ",171", ",171,171", "line 2: the number of cells is not that of the heading"),
        (1, "171", "1000001", "is not a whole number from 1 to 1000000"),
        (1, "474", "10000001", "is not a whole number from 1 to 10000000"),
        (1, "YJ01", "YJ 01", "line 2: 'YJ 01' is not a code"),
        (1, "YJ01", "Y" * 41, "is not a code of at most 40"),
        (1, "YJ01", "", "line 2: '' is not a code"),
        (1, "宜阳街道,", ",", "line 2: '' is not a text of 1 to 200 characters"),
        (1, "Yiyang Orchard", "Y" * 200, "is not a text of 1 to 200 characters"),
        (1, "Yiyang Orchard", "Yiyang\0Orchard", "is not a text of 1 to 200 characters"),
        (2, "YJ02", "YJ01", "names 'YJ01' twice"),
    ],
)
def test_a_wrong_row_of_cooperatives_is_named(county: Path, line: int, old: str, new: str, says: str) -> None:
    change(county / "cooperatives.csv", replaced(line, old, new))
    assert says in wrong(county)


@pytest.mark.parametrize(
    ("line", "old", "new", "says"),
    [
        (0, "grams", "kilos", "lacks the column 'grams'"),
        (1, "YJ01", "YJ99", "lot L0001 names the unknown cooperative YJ99"),
        (2, "L0002", "L0001", "names 'L0001' twice"),
        (1, "Fuji", "Gala", "must hold lots of one variety; it has 2"),
        (1, "2020-10-29", "29.10.2020", "line 2: Invalid isoformat string"),
        (1, "2021-05-27", "2021-02-30", "line 2: day is out of range for month"),
        (1, "19185500", "much", "line 2: 'much' is not a whole number from 0"),
        (1, "2020-10-29", "9999-12-31", "line 2: '9999-12-31' is not between the years 2000 and 2100"),
        (1, "19185500", "10000000000001", "is not a whole number from 0 to 10000000000000"),
        (1, ",cold,", ",attic,", "line 2: 'attic' is not a valid Storage"),
        (1, "COLD-YIYANG", "", "line 2: '' is not a code"),
        (1, ",A,", ",,", "line 2: '' is not a text of 1 to 20 characters"),
        (1, "L0001,", '"L0001', "line"),
    ],
)
def test_a_wrong_row_of_lots_is_named(county: Path, line: int, old: str, new: str, says: str) -> None:
    change(county / "lots.csv", replaced(line, old, new))
    assert says in wrong(county)


def test_a_county_without_lots_is_wrong(county: Path) -> None:
    change(county / "lots.csv", lambda lines: lines[:1])
    assert "must hold lots of one variety; it has 0" in wrong(county)


@pytest.mark.parametrize(
    ("line", "old", "new", "says"),
    [
        (0, "origin", "state", "lacks the column 'origin'"),
        (1, "13603", "0", "line 2: '0' is not a whole number from 1"),
        (1, "1725", "1000001", "is not a whole number from 0 to 1000000"),
        (1, "331", "", "line 2: '' is not a whole number from 0"),
        (2, "California-Central", "Appalachia", "names 'appalachia' twice"),
    ],
)
def test_a_wrong_row_of_the_usda_table_is_named(
    origins: Path, line: int, old: str, new: str, says: str
) -> None:
    change(origins / TABLE, replaced(line, old, new))
    assert says in wrong(origins)
