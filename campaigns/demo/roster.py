"""A roster as read from a folder: who sells, what lies in store, what is asked for. Pure but for reading files.

Two kinds of folders are understood: `cooperatives.csv` with `lots.csv` (a county), and a table
`truck_shipments_*.csv` (shipping origins of the United States, USDA).
"""

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final, TypeVar

from inventory.states import Storage
from marketplace.fields import YEARS
from marketplace.language import Text
from marketplace.values import GRAMS_MAX

T = TypeVar("T")

ROSTERS: Final = Path(__file__).resolve().parent.parent / "demo_data"
DEFAULT: Final = ROSTERS / "made_up_yijun"

COOPERATIVE_COLUMNS: Final = (
    "code", "name_zh", "name_en", "township_zh", "township_en", "member_households", "members",
)  # fmt: skip
LOT_COLUMNS: Final = (
    "lot", "cooperative", "variety", "grade", "diameter_mm", "warehouse", "storage", "harvested_on",
    "best_before_on", "grams",
)  # fmt: skip
USDA_COLUMNS: Final = (
    "origin", "week_to_2020_09_26", "week_to_2020_09_19", "season_to_2020_09_26", "season_to_2019_09_28",
    "last_season_total",
)  # fmt: skip

HOUSEHOLDS_MAX: Final = 1_000_000
MEMBERS_MAX: Final = 10_000_000
FIGURE_MAX: Final = 1_000_000

CARTONS_PER_FIGURE: Final = 250
"""The USDA table counts in 10,000 lb: 250 cartons of 40 lb."""
CARTON_GRAMS: Final = 18_144


class RosterWrong(ValueError):
    """A folder that cannot be read as a roster; the message is one sentence that names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """A cooperative, or what stands for one. `history_grams`: sold this season before the roster's day."""

    code: str
    name: Text
    township: Text
    households: int
    members: int
    history_grams: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLot:
    code: str
    seller: str
    variety: str
    grade: str
    size: str | None
    cold_store: str
    storage: str
    harvested_on: date
    best_before_on: date
    grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """`as_of` is the day the figures are of; `weight` names what a seller's weight counts."""

    code: str
    name: Text
    note: Text
    weight: Text
    as_of: date
    season: str
    variety: str
    pack_grams: int
    sellers: tuple[Seller, ...]
    lots: tuple[StoredLot, ...]

    def moved_to(self, today: date) -> "Roster":
        """The same roster with its days moved so that `as_of` is `today`: stored fruit must not be years old."""
        moved = today - self.as_of
        lots = tuple(
            replace(lot, harvested_on=lot.harvested_on + moved, best_before_on=lot.best_before_on + moved)
            for lot in self.lots
        )
        return replace(self, as_of=today, lots=lots)


def read(folder: Path) -> Roster:
    """The roster in `folder`; raises RosterWrong."""
    if (folder / "cooperatives.csv").is_file() and (folder / "lots.csv").is_file():
        return _county(folder)
    tables = sorted(folder.glob("truck_shipments_*.csv"))
    if len(tables) == 1:
        return _usda(folder, tables[0])
    raise RosterWrong(f"{folder} has neither cooperatives.csv with lots.csv nor one truck_shipments_….csv.")


def _county(folder: Path) -> Roster:
    sellers = tuple(_rows(folder / "cooperatives.csv", COOPERATIVE_COLUMNS, _seller))
    lots = tuple(_rows(folder / "lots.csv", LOT_COLUMNS, _lot))
    _check_unique(folder / "cooperatives.csv", (seller.code for seller in sellers))
    _check_unique(folder / "lots.csv", (lot.code for lot in lots))
    known = {seller.code for seller in sellers}
    for lot in lots:
        if lot.seller not in known:
            raise RosterWrong(
                f"{folder / 'lots.csv'}: lot {lot.code} names the unknown cooperative {lot.seller}."
            )
    varieties = sorted({lot.variety for lot in lots})
    if len(varieties) != 1:
        raise RosterWrong(f"{folder / 'lots.csv'} must hold lots of one variety; it has {len(varieties)}.")
    return Roster(
        code=_slug(folder.resolve().name),
        name=Text(en="Yijun (made-up roster)", zh="宜君（虚构名册）"),
        note=Text(
            en="The roster is made up: no cooperative, household count or lot in it exists.",
            zh="名册为虚构：其中的合作社、户数和库存均不存在。",
        ),
        weight=Text(en="households", zh="户数"),
        as_of=date(2021, 4, 15),
        season="2020-21",
        variety=varieties[0],
        pack_grams=5_000,
        sellers=sellers,
        lots=lots,
    )


def _usda(folder: Path, table: Path) -> Roster:
    """Origins as sellers: last season's total is the weight, the season so far the history, 1.5 weeks the stock."""
    origins = tuple(_rows(table, USDA_COLUMNS, _origin))
    _check_unique(table, (seller.code for seller, _ in origins))
    as_of = date(2020, 9, 26)
    lots = tuple(
        StoredLot(
            code=f"USDA-{seller.code}",
            seller=seller.code,
            variety="Apples",
            grade="A",
            size=None,
            cold_store="USDA",
            storage="cold",
            harvested_on=as_of - timedelta(days=14),
            best_before_on=as_of + timedelta(days=240),
            grams=week * CARTONS_PER_FIGURE * 3 // 2 * CARTON_GRAMS,
        )
        for seller, week in origins
        if week
    )
    return Roster(
        code=_slug(folder.resolve().name),
        name=Text(en="Apple origins, United States (USDA)", zh="美国苹果产地（USDA）"),
        note=Text(
            en="Shipments of the week to 26 September 2020 are USDA's; stock and grade A are assumed for the exercise.",
            zh="截至 2020 年 9 月 26 日一周的发运量来自 USDA；库存与 A 级为演示假设。",
        ),
        weight=Text(en="last season", zh="上季总量"),
        as_of=as_of,
        season="2020-21",
        variety="Apples",
        pack_grams=CARTON_GRAMS,
        sellers=tuple(seller for seller, _ in origins),
        lots=lots,
    )


def _seller(row: dict[str, str]) -> Seller:
    return Seller(
        code=_code(row["code"]),
        name=Text(en=_words(row["name_en"]), zh=_words(row["name_zh"])),
        township=Text(en=_words(row["township_en"]), zh=_words(row["township_zh"])),
        households=_whole(row["member_households"], low=1, high=HOUSEHOLDS_MAX),
        members=_whole(row["members"], low=1, high=MEMBERS_MAX),
    )


def _lot(row: dict[str, str]) -> StoredLot:
    return StoredLot(
        code=_code(row["lot"]),
        seller=row["cooperative"],
        variety=_words(row["variety"], high=60),
        grade=_words(row["grade"], high=20),
        size=_words(row["diameter_mm"], high=20) if row["diameter_mm"] else None,
        cold_store=_code(row["warehouse"]),
        storage=Storage(row["storage"]),
        harvested_on=_day(row["harvested_on"]),
        best_before_on=_day(row["best_before_on"]),
        grams=_whole(row["grams"], low=0),
    )


def _origin(row: dict[str, str]) -> tuple[Seller, int]:
    weight = _whole(row["last_season_total"], low=1, high=HOUSEHOLDS_MAX)
    seller = Seller(
        code=_slug(row["origin"]),
        name=Text(en=_words(row["origin"]), zh=row["origin"]),
        township=Text(en="United States", zh="美国"),
        households=weight,
        members=weight,
        history_grams=_whole(row["season_to_2020_09_26"], low=0, high=FIGURE_MAX)
        * CARTONS_PER_FIGURE
        * CARTON_GRAMS,
    )
    return seller, _whole(row["week_to_2020_09_26"], low=0, high=FIGURE_MAX)


def _rows(path: Path, columns: tuple[str, ...], read_row: Callable[[dict[str, str]], T]) -> Iterable[T]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise RosterWrong(f"{path} cannot be read as UTF-8 text.") from None
    reader = csv.DictReader(text.splitlines(), strict=True)
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise RosterWrong(f"{path} lacks the column {missing[0]!r}.")
    try:
        for row in reader:
            if None in row or None in row.values():
                raise RosterWrong(
                    f"{path}, line {reader.line_num}: the number of cells is not that of the heading."
                )
            yield read_row({column: row[column].strip() for column in columns})
    except (ValueError, csv.Error) as problem:
        if isinstance(problem, RosterWrong):
            raise
        raise RosterWrong(f"{path}, line {reader.line_num}: {problem}.") from None


def _whole(cell: str, *, low: int, high: int = GRAMS_MAX) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", cell) or not low <= int(cell) <= high:
        raise ValueError(f"{cell!r} is not a whole number from {low} to {high}")
    return int(cell)


def _code(cell: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", cell):
        raise ValueError(f"{cell!r} is not a code of at most 40 letters, digits, '.', '-', '_'")
    return cell


def _words(cell: str, *, high: int = 200) -> str:
    if not 1 <= len(cell) <= high or not cell.isprintable():
        raise ValueError(f"{cell!r} is not a text of 1 to {high} characters")
    return cell


def _day(cell: str) -> date:
    found = date.fromisoformat(cell)
    if not YEARS[0] <= found.year < YEARS[1]:
        raise ValueError(f"{cell!r} is not between the years {YEARS[0]} and {YEARS[1]}")
    return found


def _check_unique(path: Path, codes: Iterable[str]) -> None:
    seen: set[str] = set()
    for code in codes:
        if code in seen:
            raise RosterWrong(f"{path} names {code!r} twice.")
        seen.add(code)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "roster"
